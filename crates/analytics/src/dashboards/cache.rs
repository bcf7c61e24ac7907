//! Answers of queries, kept for a short while: a dashboard that is open in many windows asks once.
//!
//! The key has everything that an answer depends on, the caller's rights too: who may see other
//! companies has another key. When a source does not answer, the last answer is shown and said to
//! be stale.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};
use common::auth::Identity;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::frame::Frame;

/// Whoever asks for fresh figures gets ones that are at most this old: pressing a key is no load.
const SETTLED: Duration = Duration::seconds(2);
/// How long an answer is kept to be shown as stale.
const KEEP: Duration = Duration::hours(12);
/// Answers that are kept.
const MOST_ANSWERS: usize = 500;
/// Rows of all answers together: about 50 MB at the worst.
const MOST_ROWS: usize = 60_000;

/// What an answer depends on.
#[derive(Debug, Serialize)]
pub(super) struct Key<'a> {
    pub(super) query: &'a str,
    pub(super) params: &'a Value,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) zone: &'a str,
    pub(super) locale: &'a str,
    pub(super) compare: bool,
    pub(super) permissions: &'a common::auth::PermissionSet,
    pub(super) companies: &'a common::auth::Companies,
    pub(super) infobases: &'a common::auth::Infobases,
}

impl Key<'_> {
    fn digest(&self) -> [u8; 32] {
        // Only maps with other keys than strings cannot be written.
        Sha256::digest(serde_json::to_vec(self).unwrap_or_default()).into()
    }
}

/// The part of a key that the caller is.
pub(super) fn sight(
    caller: &Identity,
) -> (
    &common::auth::PermissionSet,
    &common::auth::Companies,
    &common::auth::Infobases,
) {
    (&caller.permissions, &caller.companies, &caller.infobases)
}

/// An answer, and how it was come by.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// Absent when there is none, not even an old one.
    pub(super) frame: Option<Arc<Frame>>,
    /// When it was asked for.
    pub(super) generated_at: DateTime<Utc>,
    /// It was asked for by an earlier request.
    pub(super) cached: bool,
    /// It is older than it should be, because the source failed.
    pub(super) stale: bool,
    /// Why there is none, or why it is stale.
    pub(super) error: Option<Value>,
}

#[derive(Debug, Clone)]
struct Kept {
    frame: Arc<Frame>,
    at: DateTime<Utc>,
}

/// Held while asking, so that those who want the same wait for one answer.
type Slot = Arc<tokio::sync::Mutex<Option<Kept>>>;

/// Each with when it was used last and how many rows it has.
type Slots = HashMap<[u8; 32], (Slot, DateTime<Utc>, usize)>;

/// Answers of this replica.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    slots: Mutex<Slots>,
}

impl Cache {
    /// The answer for a key: a kept one that is not older than `fresh`, else that of `ask`.
    pub(super) async fn answer<F>(
        &self,
        key: &Key<'_>,
        now: DateTime<Utc>,
        fresh: Duration,
        refresh: bool,
        ask: F,
    ) -> Answer
    where
        F: Future<Output = Result<Frame, Value>>,
    {
        let key = key.digest();
        let slot = self.slot(key, now);
        let mut slot = slot.lock().await;
        let fresh = if refresh { SETTLED } else { fresh };
        if let Some(kept) = slot.as_ref()
            && now - kept.at <= fresh
        {
            return Answer {
                frame: Some(kept.frame.clone()),
                generated_at: kept.at,
                cached: true,
                stale: false,
                error: None,
            };
        }
        match ask.await {
            Ok(frame) => {
                let kept = Kept {
                    frame: Arc::new(frame),
                    at: now,
                };
                self.note(key, now, kept.frame.rows.len());
                *slot = Some(kept.clone());
                Answer {
                    frame: Some(kept.frame),
                    generated_at: now,
                    cached: false,
                    stale: false,
                    error: None,
                }
            }
            Err(error) => {
                let old = slot.as_ref().filter(|kept| now - kept.at <= KEEP);
                Answer {
                    frame: old.map(|kept| kept.frame.clone()),
                    generated_at: old.map_or(now, |kept| kept.at),
                    cached: old.is_some(),
                    stale: old.is_some(),
                    error: Some(error),
                }
            }
        }
    }

    fn slot(&self, key: [u8; 32], now: DateTime<Utc>) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let (slot, used, _) = slots.entry(key).or_insert_with(|| (Slot::default(), now, 0));
        *used = now;
        let slot = slot.clone();
        evict(&mut slots, &key);
        slot
    }

    fn note(&self, key: [u8; 32], now: DateTime<Utc>, rows: usize) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, used, size)) = slots.get_mut(&key) {
            (*used, *size) = (now, rows + 1);
        }
        evict(&mut slots, &key);
    }
}

/// Lets go of what was used longest ago when there is too much.
fn evict(slots: &mut Slots, keep: &[u8; 32]) {
    let mut rows: usize = slots.values().map(|(_, _, rows)| rows).sum();
    while slots.len() > MOST_ANSWERS || rows > MOST_ROWS {
        let oldest = slots
            .iter()
            .filter(|(key, _)| *key != keep)
            .min_by_key(|(_, (_, used, _))| *used)
            .map(|(key, _)| *key);
        let Some(oldest) = oldest else { return };
        rows -= slots.remove(&oldest).map_or(0, |(_, _, rows)| rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::auth::{Companies, Infobases, PermissionSet};
    use serde_json::{Map, json};

    fn frame(count: u64) -> Frame {
        Frame {
            fields: Vec::new(),
            rows: Vec::new(),
            totals: Map::new(),
            previous: None,
            row_count: count,
            currency: String::new(),
            as_of: DateTime::UNIX_EPOCH,
        }
    }

    async fn ask(cache: &Cache, companies: &Companies, seconds: i64, answer: Result<Frame, Value>) -> Answer {
        let key = Key {
            query: "q",
            params: &json!({}),
            from: "now-1d",
            to: "now",
            zone: "UTC",
            locale: "ru",
            compare: false,
            permissions: &PermissionSet::EMPTY,
            companies,
            infobases: &Infobases::All,
        };
        let now = DateTime::UNIX_EPOCH + Duration::seconds(seconds);
        cache
            .answer(&key, now, Duration::seconds(60), false, async { answer })
            .await
    }

    #[tokio::test]
    async fn answers_are_kept_for_their_time_and_shown_as_stale_after_a_failure() {
        let cache = Cache::default();
        let all = Companies::All;
        let first = ask(&cache, &all, 0, Ok(frame(1))).await;
        assert!(!first.cached);
        let second = ask(&cache, &all, 60, Ok(frame(2))).await;
        assert_eq!((second.frame.unwrap().row_count, second.cached), (1, true));
        let failed = ask(&cache, &all, 61, Err(json!("away"))).await;
        assert_eq!(failed.frame.unwrap().row_count, 1);
        assert!(failed.stale && failed.error.is_some());
        let third = ask(&cache, &all, 62, Ok(frame(3))).await;
        assert_eq!((third.frame.unwrap().row_count, third.stale), (3, false));
        let late = ask(&cache, &all, 100_000, Err(json!("away"))).await;
        assert!(late.frame.is_none(), "too old to be shown");
    }

    #[tokio::test]
    async fn others_rights_have_other_answers() {
        let cache = Cache::default();
        ask(&cache, &Companies::All, 0, Ok(frame(1))).await;
        let other = Companies::Some([uuid::Uuid::nil()].into());
        let answer = ask(&cache, &other, 0, Err(json!("away"))).await;
        assert!(answer.frame.is_none());
    }
}
