//! Writing into the base.

use std::sync::Arc;

use chrono::NaiveDateTime;
use uuid::Uuid;

use super::exchange::Subject;
use super::{Cells, FOREIGN, Infobase, Written, blank, owned};
use crate::calendar;
use crate::ids::{Kind, Ref};
use crate::odata::error::Refusal;
use crate::schema::{Row, SCHEMA, Shape, Value};

/// Values of properties by position.
pub(crate) type Values = Vec<(usize, Value<'static>)>;

/// New rows of tabular parts by position of the part; a part that is named is replaced as a whole.
pub(crate) type Parts = Vec<(usize, Vec<Values>)>;

/// What a client wants an entity to be.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) values: Values,
    pub(crate) parts: Parts,
    /// The guid a client has chosen for a new object.
    pub(crate) key: Option<Uuid>,
    /// Written as data that come from another base: no checks, no posting.
    pub(crate) loading: bool,
}

impl Infobase {
    pub(super) fn written(&mut self, set: usize) -> &mut Written {
        Arc::make_mut(self.written[set].get_or_insert_with(Arc::default))
    }

    fn fresh_row(&mut self, set: usize) -> Row {
        let generated = self.generated(set);
        let written = self.written(set);
        written.added += 1;
        generated + written.added - 1
    }

    pub(super) fn store(&mut self, set: usize, row: Row, cells: Vec<Value<'static>>) {
        let written = self.written(set);
        written.gone.remove(&row);
        written.rows.insert(row, Cells::from(cells));
    }

    /// All values of a row, to be changed.
    pub(super) fn copy(&self, set: usize, row: Row) -> Vec<Value<'static>> {
        let width = SCHEMA.sets[set].columns.len();
        (0..width)
            .map(|column| match self.cells(set, row) {
                Some(cells) => cells.get(column).cloned().unwrap_or(Value::Null),
                None => owned((SCHEMA.sets[set].columns[column].get)(&self.base, row)),
            })
            .collect()
    }

    /// The next value of `DataVersion`.
    fn next_version(&mut self) -> Value<'static> {
        use base64::Engine as _;
        self.version = self.version.wrapping_add(1);
        let mut bytes = [0_u8; 8];
        bytes[..4].copy_from_slice(&self.version.to_be_bytes());
        Value::text(base64::engine::general_purpose::STANDARD.encode(bytes))
    }

    /// The reference of a kind behind a guid; guids that were not made here are remembered. Nobody checks whether
    /// there is such an object.
    pub(crate) fn refer(&mut self, kind: Kind, guid: Uuid) -> Ref {
        if guid.is_nil() {
            return Ref::NONE;
        }
        if let Some(known) = self.resolve(kind, guid) {
            return known;
        }
        let at = crate::schema::position(self.chosen.len());
        Arc::make_mut(&mut self.chosen).push(guid);
        Arc::make_mut(&mut self.names).insert((kind, guid), FOREIGN + at);
        Ref::new(kind, FOREIGN + at)
    }

    fn set_value(set: usize, cells: &mut [Value<'static>], name: &str, value: Value<'static>) {
        if let Some(cell) = SCHEMA.sets[set].column(name).and_then(|at| cells.get_mut(at)) {
            *cell = value;
        }
    }

    /// Writes a new object and gives its position.
    pub(crate) fn create(&mut self, set: usize, kind: Kind, draft: Draft) -> Result<Row, Refusal> {
        let reference = match draft.key.filter(|guid| !guid.is_nil()) {
            Some(guid) => {
                let reference = self.refer(kind, guid);
                if self.exists(reference) {
                    return Err(Refusal::key_exists(&SCHEMA.sets[set].name));
                }
                reference
            }
            None => Ref::new(kind, self.fresh_row(set)),
        };
        let row = reference.index;
        let number = self.generated(set)
            + self
                .of(set)
                .map_or(0, |written| crate::schema::position(written.rows.len()))
            + 1;
        let columns = &SCHEMA.sets[set].columns;
        let mut cells: Vec<Value<'static>> = columns.iter().map(|column| blank(column.edm)).collect();
        Self::set_value(set, &mut cells, "Ref_Key", Value::Key(reference));
        Self::set_value(set, &mut cells, "Code", Value::text(format!("00-{number:06}")));
        Self::set_value(set, &mut cells, "Date", Value::Date(calendar::now()));
        let numbered = draft.values.iter().any(|(at, value)| {
            columns[*at].name == "Number" && !matches!(value, Value::Text(text) if text.is_empty())
        });
        self.store(set, row, cells);
        let written = self.update(set, kind, row, draft);
        if written.is_ok() && !numbered && !kind.title().is_empty() {
            let prefix = match self.named(set, row, "Организация_Key") {
                Value::Key(found) => self
                    .base
                    .organizations
                    .get(found.at())
                    .map_or("", |found| found.prefix),
                _ => "",
            };
            let number = format!("{prefix}00-{number:06}");
            let mut cells = self.copy(set, row);
            Self::set_value(set, &mut cells, "Number", Value::text(number));
            self.store(set, row, cells);
        }
        written.map(|()| row)
    }

    /// Changes an object.
    pub(crate) fn update(&mut self, set: usize, kind: Kind, row: Row, draft: Draft) -> Result<(), Refusal> {
        let document = !kind.title().is_empty();
        let was_posted = self.flag(set, row, "Posted");
        let fresh = self.named(set, row, "DataVersion") == Value::str("");
        if document && !draft.loading && !fresh {
            self.open_period(set, row)?;
        }
        let mut cells = self.copy(set, row);
        for (at, value) in draft.values {
            if !["Ref_Key", "DataVersion"].contains(&SCHEMA.sets[set].columns[at].name) {
                cells[at] = value;
            }
        }
        let version = self.next_version();
        Self::set_value(set, &mut cells, "DataVersion", version);
        let posted_at = SCHEMA.sets[set].column("Posted");
        let posted = posted_at.is_some_and(|at| cells[at] == Value::Bool(true));
        let marked = SCHEMA.sets[set]
            .column("DeletionMark")
            .is_some_and(|at| cells[at] == Value::Bool(true));
        if posted && marked {
            return Err(Refusal::internal(
                "Проведенный документ не может быть помечен на удаление!",
            ));
        }
        self.store(set, row, cells);
        for (part, lines) in draft.parts {
            self.replace_lines(set, part, row, lines);
        }
        if document && !draft.loading {
            self.open_period(set, row)?;
            match (was_posted, posted) {
                (false, true) => self.post(Ref::new(kind, row))?,
                (true, false) => self.remove_movements(Ref::new(kind, row)),
                _ => {}
            }
        }
        if kind != Kind::ExchangeNode {
            self.exchange.register(Subject::Object(Ref::new(kind, row)));
        } else if row != super::exchange::THIS_NODE {
            self.exchange.join(row);
        }
        Ok(())
    }

    /// Removes an object for good. Nobody checks whether others refer to it.
    pub(crate) fn delete(&mut self, set: usize, kind: Kind, row: Row) -> Result<(), Refusal> {
        if !kind.title().is_empty() {
            self.open_period(set, row)?;
            self.remove_movements(Ref::new(kind, row));
        }
        for part in 0..SCHEMA.sets[set].parts.len() {
            self.replace_lines(set, part, row, Vec::new());
        }
        self.written(set).gone.insert(row);
        self.exchange
            .remove(Subject::Object(Ref::new(kind, row)), calendar::now());
        Ok(())
    }

    pub(crate) fn flag(&self, set: usize, row: Row, name: &str) -> bool {
        self.named(set, row, name) == Value::Bool(true)
    }

    /// Refuses to touch a document of a closed period.
    pub(super) fn open_period(&self, set: usize, row: Row) -> Result<(), Refusal> {
        let Some(day) = self.rules.closed_until else {
            return Ok(());
        };
        match self.named(set, row, "Date") {
            Value::Date(date) if date.date() <= day => Err(Refusal::internal(format!(
                "Изменение данных запрещено: период закрыт по {}",
                day.format("%d.%m.%Y")
            ))),
            _ => Ok(()),
        }
    }

    /// Puts new rows in place of those a tabular part has.
    pub(super) fn replace_lines(&mut self, owner: usize, part: usize, row: Row, lines: Vec<Values>) {
        let set = SCHEMA.sets[owner].parts[part].set;
        let old: Vec<Row> = self.lines(owner, part, row).iter().collect();
        self.written(set).gone.extend(old);
        let Shape::Object(kind) = SCHEMA.sets[owner].shape else {
            return;
        };
        let mut rows = Vec::new();
        for (number, values) in (1_u32..).zip(lines) {
            let mut cells: Vec<Value<'static>> = SCHEMA.sets[set]
                .columns
                .iter()
                .map(|column| blank(column.edm))
                .collect();
            for (at, value) in values {
                cells[at] = value;
            }
            Self::set_value(set, &mut cells, "Ref_Key", Value::Key(Ref::new(kind, row)));
            Self::set_value(set, &mut cells, "LineNumber", Value::whole(number));
            let line = self.fresh_row(set);
            self.store(set, line, cells);
            rows.push(line);
        }
        self.written(owner).parts.insert((row, part), rows.into());
    }

    /// Puts new records in place of those a recorder has in a register; `main` is the set of record sets.
    pub(crate) fn replace_records(&mut self, main: usize, recorder: Ref, records: Vec<Vec<Value<'static>>>) {
        let flat = SCHEMA.sets[main].parts[0].set;
        let old: Vec<Row> = self.recorded(flat, recorder).iter().collect();
        if old.is_empty() && records.is_empty() {
            return;
        }
        let home = self.home(main, recorder).unwrap_or_else(|| self.fresh_row(main));
        self.written(flat).gone.extend(old);
        let mut rows = Vec::new();
        for cells in records {
            let row = self.fresh_row(flat);
            self.store(flat, row, cells);
            rows.push(row);
        }
        let rows: Arc<[Row]> = rows.into();
        let empty = rows.is_empty();
        self.written(flat).recorders.insert(recorder, Arc::clone(&rows));
        if home >= self.generated(main) {
            self.store(main, home, vec![Value::Composite(recorder)]);
        }
        let written = self.written(main);
        written.homes.insert(recorder, home);
        written.parts.insert((home, 0), rows);
        written
            .recorders
            .insert(recorder, if empty { Arc::default() } else { [home].into() });
        if empty {
            written.gone.insert(home);
        } else {
            written.gone.remove(&home);
        }
        if SCHEMA.sets[main].is_public() {
            self.exchange.register(Subject::Records(main, recorder));
        }
    }

    /// Where the record set of a recorder is, or was.
    pub(crate) fn home(&self, main: usize, recorder: Ref) -> Option<Row> {
        let known = self
            .of(main)
            .and_then(|written| written.homes.get(&recorder))
            .copied();
        known.or_else(|| self.recorded(main, recorder).iter().next())
    }

    /// Writes a record of an independent register, in place of one with the same key.
    pub(crate) fn record(&mut self, set: usize, row: Option<Row>, values: Values) -> Row {
        let columns = &SCHEMA.sets[set].columns;
        let mut cells: Vec<Value<'static>> = match row {
            Some(row) => self.copy(set, row),
            None => columns.iter().map(|column| blank(column.edm)).collect(),
        };
        for (at, value) in values {
            cells[at] = value;
        }
        let row = row.unwrap_or_else(|| self.fresh_row(set));
        self.store(set, row, cells);
        self.exchange.register(Subject::Record(set, row));
        row
    }

    /// Removes a record of an independent register.
    pub(crate) fn forget_record(&mut self, set: usize, row: Row) {
        self.written(set).gone.insert(row);
        self.exchange.remove(Subject::Record(set, row), calendar::now());
    }

    /// Sets the numbers of messages of a node.
    pub(super) fn number_node(&mut self, row: Row, sent: i64, received: i64) {
        let Some(set) = self.set_of(Kind::ExchangeNode) else {
            return;
        };
        let mut cells = self.copy(set, row);
        let version = self.next_version();
        Self::set_value(set, &mut cells, "DataVersion", version);
        Self::set_value(set, &mut cells, "SentNo", Value::whole(sent));
        Self::set_value(set, &mut cells, "ReceivedNo", Value::whole(received));
        let now: NaiveDateTime = calendar::now();
        Self::set_value(set, &mut cells, "ExchangeDate", Value::Date(now));
        self.store(set, row, cells);
    }

    /// Marks a document as posted or not, as a write of its own.
    pub(super) fn mark_posted(&mut self, set: usize, document: Ref, posted: bool) {
        let mut cells = self.copy(set, document.index);
        let version = self.next_version();
        Self::set_value(set, &mut cells, "DataVersion", version);
        Self::set_value(set, &mut cells, "Posted", Value::Bool(posted));
        self.store(set, document.index, cells);
        self.exchange.register(Subject::Object(document));
    }
}
