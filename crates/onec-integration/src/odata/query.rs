//! Addresses of reading.

use std::fmt::Write as _;

use chrono::NaiveDateTime;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Filter, Literal};

/// What stays as it is. A space becomes `%20`: 1C does not read `+` as one.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/')
    .remove(b',')
    .remove(b'(')
    .remove(b')')
    .remove(b':');

pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}

/// A bound function of a register that computes a table.
#[derive(Debug, Clone)]
pub(crate) struct VirtualTable {
    name: &'static str,
    parameters: Vec<(&'static str, String)>,
}

impl VirtualTable {
    /// Balances at a moment. Movements dated exactly then are not in them.
    pub(crate) fn balance(period: NaiveDateTime) -> Self {
        Self {
            name: "Balance",
            parameters: vec![("Period", Literal::DateTime(period).to_string())],
        }
    }

    /// Turnovers from the one moment to the other, both included.
    pub(crate) fn turnovers(start: NaiveDateTime, end: NaiveDateTime) -> Self {
        Self {
            name: "Turnovers",
            parameters: vec![
                ("StartPeriod", Literal::DateTime(start).to_string()),
                ("EndPeriod", Literal::DateTime(end).to_string()),
            ],
        }
    }

    fn path(&self) -> String {
        let parameters: Vec<String> = self
            .parameters
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!("{}({})", self.name, parameters.join(","))
    }
}

/// A GET of an entity set, of its `$count`, or of a virtual table.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    set: String,
    table: Option<VirtualTable>,
    filter: Option<Filter>,
    select: Vec<String>,
    orderby: Vec<String>,
    top: Option<u32>,
    skip: u64,
}

impl Query {
    /// All of an entity set.
    pub(crate) fn set(set: &str) -> Self {
        Self {
            set: set.to_owned(),
            table: None,
            filter: None,
            select: Vec::new(),
            orderby: Vec::new(),
            top: None,
            skip: 0,
        }
    }

    /// A virtual table of a register.
    pub(crate) fn table(register: &str, table: VirtualTable) -> Self {
        Self {
            table: Some(table),
            ..Self::set(register)
        }
    }

    /// `$filter`.
    pub(crate) fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// `$select`.
    pub(crate) fn select(mut self, fields: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.select = fields.into_iter().map(Into::into).collect();
        self
    }

    /// `$orderby`.
    pub(crate) fn orderby(mut self, fields: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.orderby = fields.into_iter().map(Into::into).collect();
        self
    }

    /// `$top`.
    pub(crate) fn top(mut self, top: u32) -> Self {
        self.top = Some(top);
        self
    }

    /// `$skip`.
    pub(crate) fn skip(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    /// The entity set, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.set
    }

    fn path(&self) -> String {
        match &self.table {
            Some(table) => encode(&format!("{}/{}", self.set, table.path())),
            None => encode(&self.set),
        }
    }

    /// The address of the rows, relative to the root of the service.
    pub(crate) fn rows_address(&self) -> String {
        let mut address = format!("{}?$format=json", self.path());
        // Writing to a String cannot fail.
        if let Some(filter) = &self.filter {
            let _ = write!(address, "&$filter={}", encode(&filter.to_string()));
        }
        if !self.select.is_empty() {
            let _ = write!(address, "&$select={}", encode(&self.select.join(",")));
        }
        if !self.orderby.is_empty() {
            let _ = write!(address, "&$orderby={}", encode(&self.orderby.join(",")));
        }
        if let Some(top) = self.top {
            let _ = write!(address, "&$top={top}");
        }
        if self.skip > 0 {
            let _ = write!(address, "&$skip={}", self.skip);
        }
        address
    }

    /// The address of the number of rows.
    pub(crate) fn count_address(&self) -> String {
        let mut address = format!("{}/$count", self.path());
        if let Some(filter) = &self.filter {
            let _ = write!(address, "?$filter={}", encode(&filter.to_string()));
        }
        address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_percent_encoded_utf8_without_plus() {
        let query = Query::set("Catalog_Товары")
            .filter(Filter::eq("Description", &Literal::Text("a+b & c")))
            .select(["Ref_Key", "Товары/Цена"])
            .orderby(["Date", "Number"])
            .top(20)
            .skip(40);
        assert_eq!(
            query.rows_address(),
            "Catalog_%D0%A2%D0%BE%D0%B2%D0%B0%D1%80%D1%8B?$format=json\
             &$filter=Description%20eq%20%27a%2Bb%20%26%20c%27\
             &$select=Ref_Key,%D0%A2%D0%BE%D0%B2%D0%B0%D1%80%D1%8B/%D0%A6%D0%B5%D0%BD%D0%B0\
             &$orderby=Date,Number&$top=20&$skip=40"
        );
        assert_eq!(
            query.count_address(),
            "Catalog_%D0%A2%D0%BE%D0%B2%D0%B0%D1%80%D1%8B/$count?$filter=Description%20eq%20%27a%2Bb%20%26%20c%27"
        );
    }

    #[test]
    fn virtual_tables_are_functions_of_the_register() {
        let day = chrono::NaiveDate::from_ymd_opt(2026, 7, 1)
            .unwrap()
            .and_hms_opt(0, 0, 0)
            .unwrap();
        let query = Query::table("AccountingRegister_X", VirtualTable::balance(day));
        assert_eq!(
            query.rows_address(),
            "AccountingRegister_X/Balance(Period%3Ddatetime%272026-07-01T00:00:00%27)?$format=json"
        );
        let query = Query::table("AccountingRegister_X", VirtualTable::turnovers(day, day));
        assert_eq!(
            query.rows_address(),
            "AccountingRegister_X/Turnovers(StartPeriod%3Ddatetime%272026-07-01T00:00:00%27,\
             EndPeriod%3Ddatetime%272026-07-01T00:00:00%27)?$format=json"
        );
    }
}
