//! Addresses of reading.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Filter, Key, VirtualTable};

/// Bytes of an address: web servers before 1C take no longer ones.
pub(crate) const LONGEST_ADDRESS: usize = 4000;
/// Bytes of its query.
pub(crate) const LONGEST_QUERY: usize = 2000;

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

/// A GET of an entity set, of its `$count`, or of a virtual table.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    set: String,
    key: Option<Key>,
    table: Option<VirtualTable>,
    filter: Option<Filter>,
    select: Vec<String>,
    expand: Vec<String>,
    orderby: Vec<String>,
    top: Option<u32>,
    skip: u64,
    allowed_only: bool,
}

impl Query {
    /// All of an entity set.
    pub(crate) fn set(set: &str) -> Self {
        Self {
            set: set.to_owned(),
            key: None,
            table: None,
            filter: None,
            select: Vec::new(),
            expand: Vec::new(),
            orderby: Vec::new(),
            top: None,
            skip: 0,
            allowed_only: false,
        }
    }

    /// A virtual table of a register.
    pub(crate) fn table(register: &str, table: VirtualTable) -> Self {
        Self {
            table: Some(table),
            ..Self::set(register)
        }
    }

    /// One object or record of the set.
    pub(crate) fn key(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }

    /// A virtual table of the set.
    pub(crate) fn of(mut self, table: VirtualTable) -> Self {
        self.table = Some(table);
        self
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

    /// `$expand` by names to walk by. With a `$select` it has an effect only on what is selected, so
    /// the names are selected too.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "names of objects are told by presentations so far")
    )]
    pub(crate) fn expand(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.expand = names.into_iter().map(Into::into).collect();
        self
    }

    /// Leaves out what the 1C user may not see, rather than to fail.
    pub(crate) fn allowed_only(mut self) -> Self {
        self.allowed_only = true;
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
        match (&self.table, &self.key) {
            (Some(table), _) => encode(&format!("{}/{}", self.set, table.path())),
            (None, Some(key)) => encode(&format!("{}{key}", self.set)),
            (None, None) => encode(&self.set),
        }
    }

    /// What is selected, with what is expanded.
    fn selected(&self) -> Vec<&str> {
        let mut select: Vec<&str> = self.select.iter().map(String::as_str).collect();
        if select.is_empty() {
            return select;
        }
        for name in &self.expand {
            let is_there = select.iter().any(|chosen| {
                *chosen == name
                    || chosen
                        .strip_prefix(name.as_str())
                        .is_some_and(|rest| rest.starts_with('/'))
            });
            if !is_there {
                select.push(name);
            }
        }
        select
    }

    /// True when web servers take the address, given the length of the service's root.
    pub(crate) fn fits(&self, root: usize) -> bool {
        let address = self.rows_address();
        let query = address.split_once('?').map_or(0, |(_, query)| query.len());
        root + address.len() <= LONGEST_ADDRESS && query <= LONGEST_QUERY
    }

    /// The address of the rows, relative to the root of the service.
    pub(crate) fn rows_address(&self) -> String {
        let mut address = format!("{}?$format=json", self.path());
        // Writing to a String cannot fail.
        if let Some(filter) = &self.filter {
            let _ = write!(address, "&$filter={}", encode(&filter.to_string()));
        }
        let select = self.selected();
        if !select.is_empty() {
            let _ = write!(address, "&$select={}", encode(&select.join(",")));
        }
        if !self.expand.is_empty() {
            let _ = write!(address, "&$expand={}", encode(&self.expand.join(",")));
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
        if self.allowed_only {
            address.push_str("&allowedOnly=true");
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
    use super::super::Literal;
    use super::*;

    #[test]
    fn what_is_expanded_is_selected() {
        let query = Query::set("X")
            .select(["Number", "A/Code"])
            .expand(["A", "B"])
            .allowed_only();
        assert_eq!(
            query.rows_address(),
            "X?$format=json&$select=Number,A/Code,B&$expand=A,B&allowedOnly=true"
        );
        assert_eq!(
            Query::set("X").expand(["A"]).rows_address(),
            "X?$format=json&$expand=A"
        );
        assert!(query.fits(100));
        assert!(!Query::set("X").select([&"Я".repeat(400)]).fits(100));
    }

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
