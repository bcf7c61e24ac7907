//! Conditions of `$filter` and of virtual tables.

use std::fmt;

use super::Literal;

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter(String);

impl Filter {
    fn compare(field: &str, operator: &str, value: &Literal<'_>) -> Self {
        Self(format!("{} {operator} {value}", name(field)))
    }

    /// `field eq value`.
    pub(crate) fn eq(field: &str, value: &Literal<'_>) -> Self {
        Self::compare(field, "eq", value)
    }

    /// `field ge value`.
    pub(crate) fn ge(field: &str, value: &Literal<'_>) -> Self {
        Self::compare(field, "ge", value)
    }

    /// `field lt value`.
    pub(crate) fn lt(field: &str, value: &Literal<'_>) -> Self {
        Self::compare(field, "lt", value)
    }

    /// Both conditions.
    pub(crate) fn and(self, other: &Self) -> Self {
        Self(format!("{} and {}", self.0, other.0))
    }

    /// Any of the conditions; `None` when there are none.
    pub(crate) fn or(conditions: impl IntoIterator<Item = Self>) -> Option<Self> {
        let parts: Vec<String> = conditions.into_iter().map(|condition| condition.0).collect();
        (!parts.is_empty()).then(|| Self(format!("({})", parts.join(" or "))))
    }

    /// `field` is one of the values; `None` when there are none.
    pub(crate) fn any_of<'a>(field: &str, values: impl IntoIterator<Item = Literal<'a>>) -> Option<Self> {
        let parts: Vec<String> = values
            .into_iter()
            .map(|value| Self::eq(field, &value).0)
            .collect();
        (!parts.is_empty()).then(|| Self(format!("({})", parts.join(" or "))))
    }
}

/// A path of names. Anything else that a name might hold is dropped, so that it cannot become an
/// operator; names come from the metadata and have nothing else.
fn name(field: &str) -> String {
    field
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '_' | '/'))
        .collect()
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn conditions_combine_and_values_stay_values() {
        let filter = Filter::ge("Цена", &Literal::Number(10.into()))
            .and(&Filter::eq("Description", &Literal::Text("' or 1 eq 1 or '")));
        assert_eq!(
            filter.to_string(),
            "Цена ge 10 and Description eq ''' or 1 eq 1 or '''"
        );
        assert_eq!(
            Filter::eq("A eq 1 or B", &Literal::Bool(true)).to_string(),
            "Aeq1orB eq true"
        );
        let keys = [Uuid::nil(), Uuid::max()].map(Literal::Guid);
        assert_eq!(
            Filter::any_of("Ref_Key", keys)
                .map(|filter| filter.to_string())
                .as_deref(),
            Some(
                "(Ref_Key eq guid'00000000-0000-0000-0000-000000000000' or \
                 Ref_Key eq guid'ffffffff-ffff-ffff-ffff-ffffffffffff')"
            )
        );
        assert_eq!(Filter::any_of("Ref_Key", []), None);
    }
}
