//! Conditions of `$filter` and of virtual tables.

use std::fmt;

use super::Literal;
use super::expression::{Expression, Operator, Path};

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Filter(Expression);

impl Filter {
    fn compare(field: &str, operator: Operator, value: &Literal<'_>) -> Self {
        let field = Expression::Property(Path::new(field));
        Self(Expression::binary(field, operator, value.into()))
    }

    /// The condition that an expression is.
    pub(crate) fn new(expression: Expression) -> Self {
        Self(expression)
    }

    /// The expression.
    pub(crate) fn expression(&self) -> &Expression {
        &self.0
    }

    /// `field eq value`.
    pub(crate) fn eq(field: &str, value: &Literal<'_>) -> Self {
        Self::compare(field, Operator::Eq, value)
    }

    /// `field ge value`.
    pub(crate) fn ge(field: &str, value: &Literal<'_>) -> Self {
        Self::compare(field, Operator::Ge, value)
    }

    /// `field le value`.
    pub(crate) fn le(field: &str, value: &Literal<'_>) -> Self {
        Self::compare(field, Operator::Le, value)
    }

    /// `field lt value`.
    pub(crate) fn lt(field: &str, value: &Literal<'_>) -> Self {
        Self::compare(field, Operator::Lt, value)
    }

    /// Both conditions.
    pub(crate) fn and(self, other: &Self) -> Self {
        Self(Expression::binary(self.0, Operator::And, other.0.clone()))
    }

    /// `field` is one of the values; `None` when there are none.
    pub(crate) fn any_of<'a>(field: &str, values: impl IntoIterator<Item = Literal<'a>>) -> Option<Self> {
        Self::or(values.into_iter().map(|value| Self::eq(field, &value)))
    }

    /// Any of the conditions; `None` when there are none.
    pub(crate) fn or(conditions: impl IntoIterator<Item = Self>) -> Option<Self> {
        conditions
            .into_iter()
            .reduce(|left, right| Self(Expression::binary(left.0, Operator::Or, right.0)))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
