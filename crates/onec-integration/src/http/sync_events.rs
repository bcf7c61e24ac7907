//! `/sync/jobs/{id}/events`: the progress of a job as server-sent events.
//!
//! Events come from the database, so that it does not matter which replica runs the job. Each is
//! the whole state of the job and has the version of that state as its id; a client that comes back
//! with `Last-Event-ID` gets what is newer. The last event is `end`; to a client that has it
//! already the answer is 204, which keeps browsers from coming back.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use common::auth::Identity;
use common::db::{StoreError, StoreResult};
use common::http::{Path, Problem};
use futures_util::{Stream, stream};
use http::{HeaderMap, StatusCode};
use uuid::Uuid;

use super::sync::{JobView, visible};
use crate::sight::Sight;
use crate::state::AppState;
use crate::store::{jobs, progress};

/// How often the state is looked at.
const POLL: Duration = Duration::from_millis(500);
/// A comment keeps proxies from closing an idle connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The progress of a job.
pub(crate) async fn events(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let job = visible(&mut connection, &identity, id).await?;
    drop(connection);
    let seen = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.trim().parse::<i64>().ok());
    if job.is_over() && seen.is_some_and(|seen| seen >= job.version) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let watch = Watch {
        state,
        id,
        seen,
        is_over: false,
    };
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive");
    Ok(Sse::new(watch.stream()).keep_alive(keep_alive).into_response())
}

struct Watch {
    state: AppState,
    id: Uuid,
    /// The version that the client has.
    seen: Option<i64>,
    is_over: bool,
}

impl Watch {
    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut watch| async move {
            let event = watch.next().await?;
            Some((Ok(event), watch))
        })
    }

    /// The next event; `None` after the last one, and when the service ends: the client comes back.
    async fn next(&mut self) -> Option<Event> {
        let shutdown = self.state.shutdown.clone();
        while !self.is_over {
            match self.look().await {
                Ok(Some(event)) => return Some(event),
                Ok(None) => {}
                // The client comes back and goes on where it was.
                Err(_) => return None,
            }
            tokio::select! {
                () = shutdown.cancelled() => return None,
                () = tokio::time::sleep(POLL) => {}
            }
        }
        None
    }

    /// An event, when there is something new.
    async fn look(&mut self) -> Result<Option<Event>, StoreError> {
        let mut connection = self.state.pool.acquire().await.store("acquire")?;
        let Some(job) = jobs::get(&mut connection, self.id, &Sight::ALL).await? else {
            // Forgotten meanwhile.
            self.is_over = true;
            return Ok(None);
        };
        if self.seen.is_some_and(|seen| seen >= job.version) {
            return Ok(None);
        }
        let version = job.version;
        let is_over = job.is_over();
        let entities = progress::progress(&mut connection, self.id).await?;
        drop(connection);
        let view = JobView::new(job, Some(entities), self.state.clock.now());
        self.seen = Some(version);
        self.is_over = is_over;
        let data = serde_json::to_string(&view).unwrap_or_default();
        let name = if is_over { "end" } else { "progress" };
        Ok(Some(
            Event::default().event(name).id(version.to_string()).data(data),
        ))
    }
}
