//! From an event of a stream to a row, keeping only what is counted: no addresses, no programs of
//! clients, no hashes of e-mail addresses, no conversations, and users under pseudonyms.

use chrono::{DateTime, Duration, Utc};
use common::contract::events::{self, AuthEvent, RequestEvent, SyncEvent, UsageEvent};
use common::events::{Event, Stream};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::pseudonyms::Pseudonyms;

/// The clock of a sender may be ahead by this much.
const MAX_AHEAD: Duration = Duration::minutes(5);

/// An event as the table has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EventRow {
    pub(crate) id: Uuid,
    pub(crate) time: DateTime<Utc>,
    pub(crate) stream: &'static str,
    pub(crate) kind: String,
    pub(crate) source: String,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) upstream: Option<String>,
    pub(crate) route: Option<String>,
    pub(crate) status: Option<i16>,
    pub(crate) duration_ms: Option<i64>,
    pub(crate) data: Value,
}

/// Why an event is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// It says that it will happen later.
    Future,
    /// It comes after the raw events of its time have been dropped.
    Expired,
}

impl Rejected {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Future => "future",
            Self::Expired => "expired",
        }
    }
}

/// Short name of a stream, in the table and in metrics.
pub(crate) const fn stream_name(stream: Stream) -> &'static str {
    match stream {
        Stream::Audit => "audit",
        Stream::Auth => "auth",
        Stream::Usage => "usage",
        Stream::Requests => "requests",
        Stream::Sync => "sync",
    }
}

/// Whether the time of an event can be right.
pub(crate) fn check_time(
    time: DateTime<Utc>,
    now: DateTime<Utc>,
    retention: Duration,
) -> Result<(), Rejected> {
    if time > now + MAX_AHEAD {
        Err(Rejected::Future)
    } else if time < now - retention {
        Err(Rejected::Expired)
    } else {
        Ok(())
    }
}

/// The row of an event.
///
/// # Errors
/// When the data of a known type has another shape.
pub(crate) fn row(
    stream: Stream,
    event: &Event,
    pseudonyms: &Pseudonyms,
) -> Result<EventRow, serde_json::Error> {
    let mut row = EventRow {
        id: event.id,
        time: event.time,
        stream: stream_name(stream),
        kind: event.kind.clone(),
        source: event.source.clone(),
        user_id: event.actor.as_ref().map(|actor| actor.user_id),
        upstream: None,
        route: None,
        status: None,
        duration_ms: None,
        data: json!({}),
    };
    match event.kind.as_str() {
        events::REQUEST_HANDLED => {
            let data: RequestEvent = event.data()?;
            row.user_id = data.user_id.or(row.user_id);
            row.upstream = data.upstream;
            row.route = Some(data.route);
            row.status = i16::try_from(data.status).ok();
            row.duration_ms = Some(saturating(data.duration_ms));
            row.data = json!({ "method": data.method, "code": data.code });
        }
        events::ASSISTANT_ANSWERED => {
            let mut data: UsageEvent = event.data()?;
            data.conversation_id = None;
            row.duration_ms = Some(saturating(data.duration_ms));
            row.data = serde_json::to_value(data)?;
        }
        events::SYNC_ENDED => {
            let data: SyncEvent = event.data()?;
            row.duration_ms = Some(saturating(data.duration_ms));
            row.data = serde_json::to_value(data)?;
        }
        events::LOGIN_SUCCEEDED
        | events::LOGIN_FAILED
        | events::REGISTERED
        | events::LOGGED_OUT
        | events::REFRESH_REUSED => {
            let data: AuthEvent = event.data()?;
            row.user_id = data.user_id.or(row.user_id);
            row.data = json!({ "reason": data.reason });
        }
        // Of a later release: that it happened is counted, nothing else is known.
        _ => {}
    }
    row.user_id = row.user_id.map(|user| pseudonyms.of(user));
    Ok(row)
}

/// What is kept of an event that is not counted: enough to find its sender.
pub(crate) fn shell(event: &Event) -> Value {
    json!({ "id": event.id, "type": event.kind, "source": event.source, "time": event.time })
}

fn saturating(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::Clock;

    fn pseudonyms() -> Pseudonyms {
        Pseudonyms::new(&"secret".into()).unwrap()
    }

    #[test]
    fn times_that_cannot_be_right_are_refused() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let retention = Duration::days(90);
        for (offset, expected) in [
            (Duration::zero(), Ok(())),
            (Duration::minutes(5), Ok(())),
            (Duration::minutes(5) + Duration::seconds(1), Err(Rejected::Future)),
            (-Duration::days(90), Ok(())),
            (-Duration::days(90) - Duration::seconds(1), Err(Rejected::Expired)),
        ] {
            assert_eq!(check_time(now + offset, now, retention), expected, "{offset}");
        }
    }

    #[test]
    fn addresses_do_not_get_into_a_row() {
        let data = json!({"method": "GET", "route": "/api/ai/*", "upstream": "ai-assistant", "status": 200,
            "duration_ms": 12, "ip": "192.0.2.1", "user_id": null, "user_agent": "curl", "code": null});
        let event = Event::new("gateway", events::REQUEST_HANDLED, &Clock::system(), &data);
        let row = row(Stream::Requests, &event, &pseudonyms()).unwrap();
        assert_eq!((row.status, row.duration_ms), (Some(200), Some(12)));
        assert!(!format!("{row:?}").contains("192.0.2.1"));
        assert!(!format!("{row:?}").contains("curl"));
    }

    #[test]
    fn a_known_event_of_another_shape_is_an_error_and_an_unknown_one_is_not() {
        let known = Event::new(
            "x",
            events::SYNC_ENDED,
            &Clock::system(),
            &json!({"rows": "many"}),
        );
        assert!(row(Stream::Sync, &known, &pseudonyms()).is_err());
        let unknown = Event::new("x", "onec.later", &Clock::system(), &json!({"rows": "many"}));
        let row = row(Stream::Sync, &unknown, &pseudonyms()).unwrap();
        assert_eq!(row.data, json!({}));
    }
}
