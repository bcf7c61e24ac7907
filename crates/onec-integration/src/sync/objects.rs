//! Objects read by their references, and those that cannot be read.
//!
//! An object that 1C cannot give (it fails on it again and again) or that cannot be understood is
//! dead: it is noted, the mirror keeps what it had of it, and the rest goes on. That many objects
//! in a row are dead means that 1C itself is ill, and ends the job.

use bytes::Bytes;
use uuid::Uuid;

use super::{Run, SyncError};
use crate::odata::{Collection, DataError, Filter, Literal, OdataError, Patience, Query, Row};
use crate::store::progress::DeadObject;

/// Objects asked for by their references at once: servers limit the length of an address.
pub(super) const PACK: usize = 15;
/// So many objects that fail one after the other are not their own fault.
const MOST_DEAD: usize = 20;

/// Makes rows of ours from objects of a set.
pub(super) trait Taker {
    /// What the objects become.
    type Rows: Default + Send;

    /// The entity of the profile.
    fn entity(&self) -> &str;
    /// The entity set.
    fn set(&self) -> &str;
    /// The property that tells which object a row is, or belongs to.
    fn key(&self) -> &'static str {
        "Ref_Key"
    }
    /// Takes one object over; nothing of it is kept when it fails.
    fn take(&self, row: &Row<'_>, into: &mut Self::Rows) -> Result<(), DataError>;
}

/// What was read.
#[derive(Debug)]
pub(super) struct Taken<T> {
    pub(super) rows: T,
    pub(super) dead: Vec<DeadObject>,
    /// Objects in the answers, dead ones too.
    pub(super) count: usize,
    /// Answers of 1C.
    pub(super) pages: usize,
}

impl<T: Default> Default for Taken<T> {
    fn default() -> Self {
        Self {
            rows: T::default(),
            dead: Vec::new(),
            count: 0,
            pages: 0,
        }
    }
}

impl<T: Default + Send> Taken<T> {
    /// Takes the objects of an answer over.
    pub(super) fn add<K: Taker<Rows = T>>(&mut self, taker: &K, body: &Bytes) -> Result<usize, DataError> {
        let collection = Collection::parse(body)?.value;
        self.pages += 1;
        self.add_rows(taker, &collection);
        Ok(collection.len())
    }

    /// Takes objects over.
    pub(super) fn add_rows<K: Taker<Rows = T>>(&mut self, taker: &K, rows: &[Row<'_>]) {
        self.count += rows.len();
        for row in rows {
            if let Err(error) = taker.take(row, &mut self.rows) {
                let set = row.target(taker.key()).unwrap_or_else(|| taker.set().to_owned());
                self.dead.push(DeadObject {
                    entity: taker.entity().to_owned(),
                    object_set: set,
                    reference: row.guid(taker.key()).unwrap_or_default(),
                    code: OdataError::from(DataError::Missing(String::new()))
                        .code()
                        .to_owned(),
                    field: field(&error),
                });
            }
        }
    }
}

/// The property that could not be understood.
fn field(error: &DataError) -> Option<String> {
    match error {
        DataError::Value { field, .. } | DataError::Missing(field) => Some(field.clone()),
        _ => None,
    }
}

/// True for failures that may be those of one object, or of too many at once.
pub(super) fn may_be_the_objects(error: &OdataError) -> bool {
    matches!(
        error,
        OdataError::Failed(..) | OdataError::TooLarge | OdataError::TimedOut | OdataError::Data(_)
    )
}

/// Reads objects by key, all of them or each by itself.
pub(super) async fn read<K: Taker>(
    run: &Run,
    taker: &K,
    select: &[String],
    keys: &[(Uuid, String)],
) -> Result<Taken<K::Rows>, SyncError> {
    let mut taken = Taken::default();
    for pack in keys.chunks(PACK) {
        match ask(run, taker, select, pack).await {
            Ok(body) => {
                taken.add(taker, &body)?;
            }
            Err(error) if may_be_the_objects(&error) => {
                read_each(run, taker, select, pack, &mut taken).await?
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(taken)
}

async fn read_each<K: Taker>(
    run: &Run,
    taker: &K,
    select: &[String],
    keys: &[(Uuid, String)],
    taken: &mut Taken<K::Rows>,
) -> Result<(), SyncError> {
    let mut failures = 0;
    for key in keys {
        match ask(run, taker, select, std::slice::from_ref(key)).await {
            Ok(body) => {
                taken.add(taker, &body)?;
                failures = 0;
            }
            Err(error) if may_be_the_objects(&error) && failures < MOST_DEAD => {
                failures += 1;
                tracing::warn!("an object of {} cannot be read", key.1);
                taken.dead.push(DeadObject {
                    entity: taker.entity().to_owned(),
                    object_set: key.1.clone(),
                    reference: key.0,
                    code: error.code().to_owned(),
                    field: None,
                });
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

async fn ask<K: Taker>(
    run: &Run,
    taker: &K,
    select: &[String],
    keys: &[(Uuid, String)],
) -> Result<Bytes, OdataError> {
    let literal = |(reference, set): &(Uuid, String)| {
        if taker.key() == "Ref_Key" {
            Filter::eq(taker.key(), &Literal::Guid(*reference))
        } else {
            Filter::eq(taker.key(), &Literal::Cast(*reference, set))
        }
    };
    let filter = Filter::or(keys.iter().map(literal));
    let mut query = Query::set(taker.set()).select(select.to_vec());
    if let Some(filter) = filter {
        query = query.filter(filter);
    }
    let body = run.connection.client.rows(&query, Patience::Job).await?;
    // What is not JSON at all is looked into object by object.
    Collection::parse(&body)?;
    Ok(body)
}

/// Reads the objects that a query finds one by one, because they cannot be read together.
pub(super) async fn read_singly<K: Taker>(
    run: &Run,
    taker: &K,
    select: &[String],
    query: Query,
) -> Result<Taken<K::Rows>, SyncError> {
    let mut fields = vec![taker.key().to_owned()];
    if taker.key() != "Ref_Key" {
        fields.push(format!("{}_Type", taker.key()));
    }
    let body = run
        .connection
        .client
        .rows(&query.select(fields), Patience::Job)
        .await?;
    let mut keys: Vec<(Uuid, String)> = Collection::parse(&body)?
        .value
        .iter()
        .filter_map(|row| {
            let set = row.target(taker.key()).unwrap_or_else(|| taker.set().to_owned());
            Some((row.guid(taker.key())?, set))
        })
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let mut taken = Taken::default();
    read_each(run, taker, select, &keys, &mut taken).await?;
    Ok(taken)
}
