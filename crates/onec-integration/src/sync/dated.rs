//! Reading what has a date, in slices of time.
//!
//! A slice is read in one answer, in the order of dates, and replaces what the mirror has of it, so
//! that nothing is lost or doubled when rows are added while others are read. When an answer is
//! full, the slice ends before the last moment in it and the next one begins there. The length of
//! slices follows the density of the data, so that 1C does not have to sort what will not fit.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use serde_json::{Value, json};

use super::objects::{self, Taken, Taker};
use super::page_size::PageSize;
use super::{Run, SyncError};
use crate::odata::{Collection, DataError, Filter, Literal, Patience, Query};

/// The smallest number of rows in an answer, before a failure counts.
const SMALLEST: u32 = 50;
/// The largest: what comes in one answer is in memory at once.
const LARGEST: u32 = 50_000;
/// Dates of 1C have whole seconds.
const SECOND: TimeDelta = TimeDelta::seconds(1);
/// The longest slice.
const LONGEST: TimeDelta = TimeDelta::days(366);
/// The last year that 1C knows.
const LAST_YEAR: i32 = 3999;

/// The first moment of a year.
pub(super) fn new_year(year: i32) -> NaiveDateTime {
    NaiveDate::from_ymd_opt(year, 1, 1)
        .unwrap_or_default()
        .and_time(NaiveTime::MIN)
}

/// A moment after everything.
pub(super) fn the_end() -> NaiveDateTime {
    new_year(LAST_YEAR)
}

/// An entity set read by date.
#[derive(Debug)]
pub(super) struct Slices<'a, K> {
    /// Name of the reading among the entities of the job.
    pub(super) entity: &'a str,
    /// Makes rows of ours.
    pub(super) taker: &'a K,
    /// The property with the date.
    pub(super) field: &'static str,
    /// What is asked for; all when it is empty.
    pub(super) select: &'a [String],
    /// A stable order, for the rare second with more rows than fit into an answer.
    pub(super) order: &'static [&'static str],
    /// Rows in the first answer.
    pub(super) first: u32,
    /// Only what is dated so or later.
    pub(super) since: Option<NaiveDateTime>,
    /// The mirror has nothing of it.
    pub(super) is_first: bool,
}

/// One slice: its span and its rows.
#[derive(Debug)]
pub(super) struct Slice<T> {
    pub(super) from: NaiveDateTime,
    /// The first moment after it.
    pub(super) to: NaiveDateTime,
    pub(super) taken: Taken<T>,
    /// Where to go on after it.
    pub(super) position: Value,
}

/// A reading under way.
#[derive(Debug)]
pub(super) struct Reading<'a, K> {
    run: &'a Run,
    slices: &'a Slices<'a, K>,
    /// The span to read: first moment, and the first moment after.
    start: NaiveDateTime,
    end: NaiveDateTime,
    next: NaiveDateTime,
    length: TimeDelta,
    size: PageSize,
    /// When the reading began, the mirror had nothing of what is read.
    is_first: bool,
}

impl<'a, K: Taker> Reading<'a, K> {
    /// Opens the reading where the job stopped; `None` when it is done.
    pub(super) async fn open(run: &'a Run, slices: &'a Slices<'a, K>) -> Result<Option<Self>, SyncError> {
        let Some(position) = run.open(slices.entity).await? else {
            return Ok(None);
        };
        let Some(position) = position else {
            return Self::start(run, slices).await.map(Some);
        };
        let moment = |name: &str| {
            position[name]
                .as_str()
                .and_then(|text| text.parse::<NaiveDateTime>().ok())
                .ok_or_else(|| DataError::Missing(name.to_owned()))
        };
        let length = position["length"].as_i64().unwrap_or(86_400);
        Ok(Some(Self {
            run,
            slices,
            start: moment("start")?,
            end: moment("end")?,
            next: moment("next")?,
            length: TimeDelta::seconds(length),
            size: PageSize::new(slices.first, SMALLEST, LARGEST),
            is_first: position["is_first"].as_bool().unwrap_or(false),
        }))
    }

    async fn start(run: &'a Run, slices: &'a Slices<'a, K>) -> Result<Self, SyncError> {
        let size = PageSize::new(slices.first, SMALLEST, LARGEST);
        // Before anything else: what comes later may be missing.
        run.begin_entity(slices.entity, None).await?;
        if let Some(since) = slices.since {
            // What is of late is not much: no need to know how much.
            return Ok(Self {
                run,
                slices,
                start: since,
                end: the_end(),
                next: since,
                length: the_end() - since,
                size,
                is_first: slices.is_first,
            });
        }
        let set = slices.taker.set();
        let total = run.connection.client.count(&Query::set(set)).await?;
        run.begin_entity(slices.entity, Some(total)).await?;
        let now = run.local_now();
        let last = edge(run, slices, true).await?;
        let first = match last {
            None => now,
            Some(last) => edge(run, slices, false).await?.unwrap_or(last),
        };
        let end = last.map_or(first, |last| last + SECOND);
        // What fits, at the mean density.
        let seconds = (end - first).num_seconds().max(1);
        let pieces = i64::try_from(total / u64::from(slices.first))
            .unwrap_or(i64::MAX)
            .max(1);
        Ok(Self {
            run,
            slices,
            start: first,
            end,
            next: first,
            length: TimeDelta::seconds((seconds / pieces + 1).max(1)).min(LONGEST),
            size,
            is_first: slices.is_first,
        })
    }

    /// True when the mirror has nothing of what is read but what this reading has written.
    pub(super) fn is_first(&self) -> bool {
        self.is_first
    }

    /// The span that is read. After the last slice, 1C has nothing outside of it: nothing later,
    /// and nothing earlier unless only what is of late was read.
    pub(super) fn span(&self) -> (Option<NaiveDateTime>, NaiveDateTime) {
        (self.slices.since.is_none().then_some(self.start), self.end)
    }

    /// The next slice; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Slice<K::Rows>>, SyncError> {
        while self.next < self.end {
            let from = self.next;
            let to = (from + self.length).min(self.end);
            let limit = self.size.get();
            let query = self.query(from, to).orderby([self.slices.field]).top(limit);
            let body = match self.run.connection.client.rows(&query, Patience::Job).await {
                Err(error) if objects::may_be_the_objects(&error) => {
                    let is_second = to - from <= SECOND;
                    if is_second {
                        return self.single_out(from, to).await.map(Some);
                    }
                    self.size.failed();
                    self.shorten();
                    continue;
                }
                answer => answer?,
            };
            let Ok(collection) = Collection::parse(&body) else {
                if to - from <= SECOND {
                    return self.single_out(from, to).await.map(Some);
                }
                self.shorten();
                continue;
            };
            let rows = collection.value;
            self.size.answered(rows.len(), body.len());
            // Rows that are hidden from the login may be missing from a full answer.
            let is_full = rows.len() >= (limit - limit / 20) as usize;
            let last = rows.last().map(|row| row.moment(self.slices.field));
            let last = last.and_then(Result::ok).flatten();
            let (to, rows) = match last {
                Some(last) if is_full && last > from => {
                    let whole = rows.partition_point(
                        |row| !matches!(row.moment(self.slices.field), Ok(Some(moment)) if moment >= last),
                    );
                    (last, &rows[..whole])
                }
                Some(_) if is_full && to - from > SECOND => {
                    // All of them are of the first second, or not in order.
                    self.length = SECOND;
                    continue;
                }
                Some(_) if is_full => return self.read_second(from, to).await.map(Some),
                _ => (to, rows.as_slice()),
            };
            let mut taken = Taken {
                pages: 1,
                ..Taken::default()
            };
            taken.add_rows(self.slices.taker, rows);
            self.adapt(to - from, taken.count);
            return Ok(Some(self.slice(from, to, taken)));
        }
        Ok(None)
    }

    fn query(&self, from: NaiveDateTime, to: NaiveDateTime) -> Query {
        let field = self.slices.field;
        let filter =
            Filter::ge(field, &Literal::DateTime(from)).and(&Filter::lt(field, &Literal::DateTime(to)));
        Query::set(self.slices.taker.set())
            .select(self.slices.select.to_vec())
            .filter(filter)
    }

    fn slice(&mut self, from: NaiveDateTime, to: NaiveDateTime, taken: Taken<K::Rows>) -> Slice<K::Rows> {
        self.next = to;
        Slice {
            from,
            to,
            taken,
            position: json!({
                "start": self.start,
                "end": self.end,
                "next": to,
                "length": self.length.num_seconds(),
                "is_first": self.is_first,
            }),
        }
    }

    fn shorten(&mut self) {
        let length = self.length.min(self.end - self.next);
        self.length = TimeDelta::seconds((length / 4).num_seconds()).max(SECOND);
    }

    /// As long as nine tenths of a page need, at the density of the last slice.
    fn adapt(&mut self, span: TimeDelta, count: usize) {
        if self.slices.since.is_some() && self.length > LONGEST {
            return;
        }
        let span = span.num_seconds().max(1);
        let wanted = i64::from(self.size.get()) * 9 / 10;
        let count = i64::try_from(count).unwrap_or(i64::MAX).max(1);
        let length = span.saturating_mul(wanted) / count;
        let length = length.clamp(span / 4, span.saturating_mul(4));
        self.length = TimeDelta::seconds(length.max(1)).min(LONGEST);
    }

    /// All rows of one second, page by page.
    async fn read_second(
        &mut self,
        from: NaiveDateTime,
        to: NaiveDateTime,
    ) -> Result<Slice<K::Rows>, SyncError> {
        let mut taken = Taken::default();
        let limit = self.size.get();
        loop {
            let page = self
                .query(from, to)
                .orderby(self.slices.order.iter().copied())
                .top(limit)
                .skip(taken.count as u64);
            let body = self.run.connection.client.rows(&page, Patience::Job).await?;
            if taken.add(self.slices.taker, &body)? < limit as usize {
                return Ok(self.slice(from, to, taken));
            }
        }
    }

    /// The rows of a span that cannot be read together, object by object.
    async fn single_out(
        &mut self,
        from: NaiveDateTime,
        to: NaiveDateTime,
    ) -> Result<Slice<K::Rows>, SyncError> {
        let query = self.query(from, to);
        let taken = objects::read_singly(self.run, self.slices.taker, self.slices.select, query).await?;
        Ok(self.slice(from, to, taken))
    }
}

/// The first or the last date that a set has.
async fn edge<K: Taker>(
    run: &Run,
    slices: &Slices<'_, K>,
    descending: bool,
) -> Result<Option<NaiveDateTime>, SyncError> {
    let order = if descending {
        format!("{} desc", slices.field)
    } else {
        slices.field.to_owned()
    };
    let query = Query::set(slices.taker.set())
        .select([slices.field])
        .orderby([order])
        .top(1);
    let body = run.connection.client.rows(&query, Patience::Job).await?;
    let rows = Collection::parse(&body)?.value;
    Ok(rows
        .first()
        .map(|row| row.moment(slices.field))
        .transpose()?
        .flatten())
}
