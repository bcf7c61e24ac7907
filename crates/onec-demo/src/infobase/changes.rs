//! A day's work on demand, for people to watch a synchronisation.

use serde::Serialize;

use super::{Draft, Infobase};
use crate::calendar;
use crate::ids::{Kind, Ref};
use crate::model::{PAYMENTS, TRADES};
use crate::odata::error::Refusal;
use crate::schema::{Row, SCHEMA, Value};

/// What has been done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Done {
    pub(crate) created: usize,
    pub(crate) changed: usize,
    pub(crate) unposted: usize,
    pub(crate) deleted: usize,
    /// Documents that could not be posted, such as sales of goods that have run out.
    pub(crate) refused: usize,
}

/// Makes about `documents` changes: most are new documents like the last ones, some are changed, unposted or deleted.
pub(crate) fn simulate(infobase: &mut Infobase, documents: usize) -> Result<Done, Refusal> {
    let mut done = Done::default();
    for number in 0..documents {
        let kind = match number % 5 {
            0 | 1 => TRADES[0],
            2 => TRADES[1],
            3 => PAYMENTS[0],
            _ => TRADES[2],
        };
        let Some(set) = infobase.set_of(kind) else {
            continue;
        };
        let rows: Vec<Row> = infobase.rows(set).iter().rev().take(200).collect();
        let posted: Vec<Row> = rows
            .into_iter()
            .filter(|row| infobase.flag(set, *row, "Posted"))
            .collect();
        let Some(row) = posted.get((number * 7) % posted.len().max(1)).copied() else {
            continue;
        };
        let document = Ref::new(kind, row);
        match number % 10 {
            7 => {
                let Some(column) = SCHEMA.sets[set].column("Комментарий") else {
                    continue;
                };
                let text = format!("Изменен {}", calendar::now().format("%d.%m.%Y %H:%M:%S"));
                let draft = Draft {
                    values: vec![(column, Value::text(text))],
                    ..Draft::default()
                };
                infobase.update(set, kind, row, draft)?;
                done.changed += 1;
            }
            8 => {
                infobase.unpost(document)?;
                done.unposted += 1;
            }
            9 => {
                infobase.delete(set, kind, row)?;
                done.deleted += 1;
            }
            _ => {
                let row = infobase.again(set, kind, row)?;
                done.created += 1;
                let before = infobase.clone();
                if infobase.post(Ref::new(kind, row)).is_err() {
                    *infobase = before;
                    done.refused += 1;
                }
            }
        }
    }
    Ok(done)
}

impl Infobase {
    /// Writes the same document once more, dated now, not posted.
    fn again(&mut self, set: usize, kind: Kind, row: Row) -> Result<Row, Refusal> {
        let skipped = [
            "Ref_Key",
            "DataVersion",
            "Number",
            "Date",
            "Posted",
            "DeletionMark",
        ];
        let values = self.copy(set, row).into_iter().enumerate();
        let values = values
            .filter(|(at, _)| !skipped.contains(&SCHEMA.sets[set].columns[*at].meaning))
            .collect();
        let mut parts = Vec::new();
        for (part, found) in SCHEMA.sets[set].parts.iter().enumerate() {
            let lines: Vec<Row> = self.lines(set, part, row).iter().collect();
            let copied = lines.into_iter().map(|line| {
                let cells = self.copy(found.set, line).into_iter().enumerate();
                let own = ["Ref_Key", "LineNumber", "Себестоимость", "Сделка"];
                cells
                    .filter(|(at, _)| !own.contains(&SCHEMA.sets[found.set].columns[*at].meaning))
                    .collect()
            });
            parts.push((part, copied.collect()));
        }
        let draft = Draft {
            values,
            parts,
            ..Draft::default()
        };
        self.create(set, kind, draft)
    }
}
