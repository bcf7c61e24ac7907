//! Reading what has a date, in slices of time.
//!
//! A slice is read whole in one answer and replaces what the mirror has of it, so that nothing is
//! lost or doubled when rows are added while others are read. Its length follows the density of
//! the data: an answer has at most [`Slices::limit`] rows.

use bytes::Bytes;
use chrono::{NaiveDateTime, TimeDelta};
use serde_json::{Value, json};

use super::{Run, SyncError, WINDOW_DAYS};
use crate::odata::{Collection, DataError, Filter, Literal, OdataError, Query};

/// The smallest number of rows in an answer, before a failure counts.
const SMALLEST_LIMIT: u32 = 50;
/// Dates of 1C have whole seconds.
const SECOND: TimeDelta = TimeDelta::seconds(1);
/// The longest slice.
const LONGEST: TimeDelta = TimeDelta::days(366);

/// An entity set read by date.
#[derive(Debug)]
pub(super) struct Slices<'a> {
    pub(super) entity: &'a str,
    pub(super) set: &'a str,
    /// The property with the date.
    pub(super) field: &'static str,
    pub(super) select: &'a [String],
    /// A stable order, for the rare second with more rows than fit into an answer.
    pub(super) order: &'static [&'static str],
    pub(super) limit: u32,
}

/// One slice: its span and the answers that hold its rows.
#[derive(Debug)]
pub(super) struct Slice {
    pub(super) from: NaiveDateTime,
    /// The first moment after it.
    pub(super) to: NaiveDateTime,
    pub(super) bodies: Vec<Bytes>,
    /// Where to go on after it.
    pub(super) position: Value,
}

/// A reading under way.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    run: &'a Run,
    slices: &'a Slices<'a>,
    /// The span to read: first moment, and the first moment after.
    start: NaiveDateTime,
    end: NaiveDateTime,
    next: NaiveDateTime,
    length: TimeDelta,
    limit: u32,
}

impl<'a> Reading<'a> {
    /// Opens the reading where the job stopped; `None` when it is done.
    pub(super) async fn open(run: &'a Run, slices: &'a Slices<'a>) -> Result<Option<Self>, SyncError> {
        let Some(position) = run.open(slices.entity).await? else {
            return Ok(None);
        };
        if let Some(position) = position {
            let moment = |name: &str| {
                position[name]
                    .as_str()
                    .and_then(|text| text.parse::<NaiveDateTime>().ok())
                    .ok_or_else(|| DataError::Missing(name.to_owned()))
            };
            let length = position["length"].as_i64().unwrap_or(86_400);
            return Ok(Some(Self {
                run,
                slices,
                start: moment("start")?,
                end: moment("end")?,
                next: moment("next")?,
                length: TimeDelta::seconds(length),
                limit: slices.limit,
            }));
        }
        Self::start(run, slices).await.map(Some)
    }

    async fn start(run: &'a Run, slices: &'a Slices<'a>) -> Result<Self, SyncError> {
        let client = &run.connection.client;
        let now = run.connection.zone.local(run.clock.now());
        let window = now.date() - chrono::Days::new(WINDOW_DAYS);
        let since = (!run.job.full_read).then(|| window.and_time(chrono::NaiveTime::MIN));
        let filter = since.map(|since| Filter::ge(slices.field, &Literal::DateTime(since)));
        let with_filter = |query: Query| match &filter {
            Some(filter) => query.filter(filter.clone()),
            None => query,
        };
        // Before anything else: what comes later may be missing.
        run.begin_entity(slices.entity, None).await?;
        let total = client.count(&with_filter(Query::set(slices.set))).await?;
        run.begin_entity(slices.entity, Some(total)).await?;
        let edge = async |descending: bool| -> Result<Option<NaiveDateTime>, SyncError> {
            let order = if descending {
                format!("{} desc", slices.field)
            } else {
                slices.field.to_owned()
            };
            let query = with_filter(
                Query::set(slices.set)
                    .select([slices.field])
                    .orderby([order])
                    .top(1),
            );
            let body = client.rows(&query).await?;
            let rows = Collection::parse(&body)?.value;
            Ok(rows
                .first()
                .map(|row| row.moment(slices.field))
                .transpose()?
                .flatten())
        };
        let last = edge(true).await?;
        let first = match (since, last) {
            (Some(since), _) => since,
            (None, None) => now,
            (None, Some(last)) => edge(false).await?.unwrap_or(last),
        };
        let end = last.map_or(first, |last| last + SECOND);
        // Half of what fits, at the mean density.
        let seconds = (end - first).num_seconds().max(1);
        let pieces = i64::try_from(total * 2 / u64::from(slices.limit))
            .unwrap_or(i64::MAX)
            .max(1);
        Ok(Self {
            run,
            slices,
            start: first,
            end,
            next: first,
            length: TimeDelta::seconds((seconds / pieces + 1).max(1)).min(LONGEST),
            limit: slices.limit,
        })
    }

    /// The span that is read. After the last slice, 1C has nothing outside of it: nothing later,
    /// and in a full job nothing earlier.
    pub(super) fn span(&self) -> (Option<NaiveDateTime>, NaiveDateTime) {
        (self.run.job.full_read.then_some(self.start), self.end)
    }

    /// The next slice; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Slice>, SyncError> {
        while self.next < self.end {
            let from = self.next;
            let to = (from + self.length).min(self.end);
            let filter = Filter::ge(self.slices.field, &Literal::DateTime(from))
                .and(&Filter::lt(self.slices.field, &Literal::DateTime(to)));
            let query = Query::set(self.slices.set)
                .select(self.slices.select.to_vec())
                .filter(filter);
            let is_second = to - from <= SECOND;
            let body = match self
                .run
                .connection
                .client
                .rows(&query.clone().top(self.limit + 1))
                .await
            {
                Err(OdataError::Failed(..) | OdataError::TooLarge | OdataError::TimedOut)
                    if self.limit > SMALLEST_LIMIT =>
                {
                    self.limit = (self.limit / 4).max(SMALLEST_LIMIT);
                    self.shorten(4);
                    continue;
                }
                answer => answer?,
            };
            let count = Collection::parse(&body)?.value.len();
            let fits = count <= self.limit as usize;
            let bodies = match (fits, is_second) {
                (true, _) => vec![body],
                (false, true) => self.read_second(&query).await?,
                (false, false) => {
                    self.shorten(2);
                    continue;
                }
            };
            if count < self.limit as usize / 3 {
                self.length = (self.length * 2).min(LONGEST);
            }
            self.next = to;
            return Ok(Some(Slice {
                from,
                to,
                bodies,
                position: json!({
                    "start": self.start,
                    "end": self.end,
                    "next": to,
                    "length": self.length.num_seconds(),
                }),
            }));
        }
        Ok(None)
    }

    fn shorten(&mut self, times: i32) {
        self.length = (self.length / times).max(SECOND);
        self.length = TimeDelta::seconds(self.length.num_seconds());
    }

    /// All rows of one second, page by page.
    async fn read_second(&self, query: &Query) -> Result<Vec<Bytes>, SyncError> {
        let mut bodies = Vec::new();
        let mut skip = 0;
        loop {
            let page = query
                .clone()
                .orderby(self.slices.order.iter().copied())
                .top(self.limit)
                .skip(skip);
            let body = self.run.connection.client.rows(&page).await?;
            let count = Collection::parse(&body)?.value.len();
            skip += count as u64;
            bodies.push(body);
            if count < self.limit as usize {
                return Ok(bodies);
            }
        }
    }
}
