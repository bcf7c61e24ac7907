//! Functions of registers that compute tables, with their parameters.

use std::fmt::Write as _;

use chrono::NaiveDateTime;

use super::expression::{Expression, Path, Value};
use super::{Filter, Literal};

/// A bound function of a register that computes a table.
#[derive(Debug, Clone)]
pub(crate) struct VirtualTable {
    name: String,
    parameters: Vec<(&'static str, String)>,
}

/// A condition with a text in it cannot be a parameter: 1C does not double the apostrophes there, so
/// where the parameter ends could not be told. It goes into `$filter`, or a reference is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a condition of a virtual table has a text in it")]
pub(crate) struct TextInCondition;

impl VirtualTable {
    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            parameters: Vec::new(),
        }
    }

    fn moment(mut self, name: &'static str, moment: NaiveDateTime) -> Self {
        self.parameters
            .push((name, Literal::DateTime(moment).to_string()));
        self
    }

    fn period(self, start: NaiveDateTime, end: NaiveDateTime) -> Self {
        self.moment("StartPeriod", start).moment("EndPeriod", end)
    }

    /// Balances at a moment. Movements dated exactly then are not in them.
    pub(crate) fn balance(period: NaiveDateTime) -> Self {
        Self::named("Balance").moment("Period", period)
    }

    /// Turnovers from the one moment to the other, both included.
    pub(crate) fn turnovers(start: NaiveDateTime, end: NaiveDateTime) -> Self {
        Self::named("Turnovers").period(start, end)
    }

    /// The latest records at a moment; now when there is none.
    pub(crate) fn slice_last(period: Option<NaiveDateTime>) -> Self {
        let table = Self::named("SliceLast");
        period.map_or(table.clone(), |moment| table.moment("Period", moment))
    }

    /// The earliest records since a moment.
    pub(crate) fn slice_first(period: Option<NaiveDateTime>) -> Self {
        let table = Self::named("SliceFirst");
        period.map_or(table.clone(), |moment| table.moment("Period", moment))
    }

    /// Opening and closing balances and turnovers between.
    pub(crate) fn balance_and_turnovers(start: NaiveDateTime, end: NaiveDateTime) -> Self {
        Self::named("BalanceAndTurnovers").period(start, end)
    }

    /// Turnovers between accounts.
    pub(crate) fn dr_cr_turnovers(start: NaiveDateTime, end: NaiveDateTime) -> Self {
        Self::named("DrCrTurnovers").period(start, end)
    }

    /// The analytics of entries.
    pub(crate) fn ext_dimensions() -> Self {
        Self::named("ExtDimensions")
    }

    /// Entries with their analytics, so many at most.
    pub(crate) fn records_with_ext_dimensions(start: NaiveDateTime, end: NaiveDateTime, top: u32) -> Self {
        let mut table = Self::named("RecordsWithExtDimensions").period(start, end);
        table.parameters.push(("Top", top.to_string()));
        table
    }

    /// The schedule of a calculation register.
    pub(crate) fn schedule_data() -> Self {
        Self::named("ScheduleData")
    }

    /// The actual action period of a calculation register.
    pub(crate) fn actual_action_period() -> Self {
        Self::named("ActualActionPeriod")
    }

    fn names(mut self, parameter: &'static str, names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| Path::new(name).to_string()).collect();
        self.parameters
            .push((parameter, format!("'{}'", names.join(","))));
        self
    }

    /// By which dimensions the rows are told apart.
    pub(crate) fn dimensions(self, names: &[&str]) -> Self {
        self.names("Dimensions", names)
    }

    /// By which kinds of analytics, as ids of the chart of characteristic types.
    pub(crate) fn extra_dimensions(self, kinds: &[uuid::Uuid]) -> Self {
        self.ids("ExtraDimensions", kinds)
    }

    /// The same for the account on the other side.
    pub(crate) fn balanced_extra_dimensions(self, kinds: &[uuid::Uuid]) -> Self {
        self.ids("BalancedExtraDimensions", kinds)
    }

    fn ids(mut self, parameter: &'static str, ids: &[uuid::Uuid]) -> Self {
        let ids: Vec<String> = ids.iter().map(uuid::Uuid::to_string).collect();
        self.parameters.push((parameter, format!("'{}'", ids.join(","))));
        self
    }

    /// Which records count.
    pub(crate) fn condition(self, filter: &Filter) -> Result<Self, TextInCondition> {
        self.conditioned("Condition", filter)
    }

    /// Which accounts count.
    pub(crate) fn account_condition(self, filter: &Filter) -> Result<Self, TextInCondition> {
        self.conditioned("AccountCondition", filter)
    }

    /// Which accounts on the other side count.
    pub(crate) fn balanced_account_condition(self, filter: &Filter) -> Result<Self, TextInCondition> {
        self.conditioned("BalancedAccountCondition", filter)
    }

    fn conditioned(mut self, name: &'static str, filter: &Filter) -> Result<Self, TextInCondition> {
        if has_text(filter.expression()) {
            return Err(TextInCondition);
        }
        self.parameters.push((name, format!("'{filter}'")));
        Ok(self)
    }

    /// The path segment.
    pub(super) fn path(&self) -> String {
        let mut path = format!("{}(", self.name);
        for (place, (name, value)) in self.parameters.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            // Writing to a String cannot fail.
            let _ = write!(path, "{comma}{name}={value}");
        }
        path.push(')');
        path
    }
}

fn has_text(expression: &Expression) -> bool {
    match expression {
        Expression::Value(value) => matches!(value, Value::Text(_)),
        Expression::Property(_) => false,
        Expression::Binary(_, left, right) => has_text(left) || has_text(right),
        Expression::Not(inner) | Expression::Cast(inner, _) | Expression::IsOf(inner, _) => has_text(inner),
        Expression::Call(_, arguments) => arguments.iter().any(has_text),
        Expression::Lambda { condition, .. } => has_text(condition),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn functions_have_their_parameters_and_no_texts_in_conditions() {
        let day = chrono::NaiveDate::from_ymd_opt(2026, 7, 1)
            .unwrap()
            .and_hms_opt(0, 0, 0)
            .unwrap();
        let nil = Uuid::nil();
        let account = Filter::eq("Account_Key", &Literal::Guid(nil));
        let customer = Filter::eq("ExtDimension1", &Literal::Cast(nil, "Catalog_Контрагенты"));
        let table = VirtualTable::balance(day)
            .account_condition(&account)
            .and_then(|table| table.condition(&customer))
            .map(|table| table.dimensions(&["Организация"]).extra_dimensions(&[nil]));
        assert_eq!(
            table.unwrap().path(),
            format!(
                "Balance(Period=datetime'2026-07-01T00:00:00',AccountCondition='Account_Key eq guid'{nil}'',\
                 Condition='ExtDimension1 eq cast(guid'{nil}','Catalog_Контрагенты')',Dimensions='Организация',ExtraDimensions='{nil}')"
            )
        );
        let text = Filter::eq("Description", &Literal::Text("',Dimensions='X"));
        let refused = VirtualTable::balance(day).condition(&text);
        assert_eq!(refused.map(drop), Err(TextInCondition));
        assert_eq!(VirtualTable::slice_last(None).path(), "SliceLast()");
        assert_eq!(VirtualTable::ext_dimensions().path(), "ExtDimensions()");
        for table in [
            VirtualTable::slice_first(Some(day)),
            VirtualTable::balance_and_turnovers(day, day),
            VirtualTable::dr_cr_turnovers(day, day),
            VirtualTable::records_with_ext_dimensions(day, day, 100),
            VirtualTable::schedule_data(),
            VirtualTable::actual_action_period(),
        ] {
            assert!(table.path().ends_with(')'));
        }
    }
}
