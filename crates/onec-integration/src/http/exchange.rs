//! The endpoint that 1C calls when it exchanges with a site. It has a login of its own.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use common::contract::events::{AUDIT_RECORDED, AuditEvent, Outcome};
use common::db::{StoreError, StoreResult};
use common::events::{Event, Stream, outbox};
use common::http::ClientIp;
use common::ids;
use common::telemetry::Chain;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde_json::json;
use uuid::Uuid;

use crate::commerceml::access::{self, MOST_REFUSALS, REFUSALS_WITHIN, SESSION_LIFETIME};
use crate::commerceml::files::Blob;
use crate::commerceml::protocol::{Answer, Trouble, explain_zip, has_extension, no_orders};
use crate::commerceml::{LARGEST_EXCHANGE, LARGEST_FILE, LARGEST_PART, zip};
use crate::metrics::EXCHANGE_LOGINS;
use crate::state::AppState;
use crate::store::imports::{self, Import};
use crate::store::{SCHEMA, commerceml as store, goods};

/// How long an import is waited for before 1C is told to ask again.
const PATIENCE: Duration = Duration::from_secs(4);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(100);

/// One call of 1C.
struct Call {
    exchange: Uuid,
    kind: String,
    mode: String,
    filename: String,
    address: String,
    headers: HeaderMap,
}

/// Answers 1C. What goes wrong is told in plain text under status 200, because 1C shows its user
/// the text of such answers only.
pub(crate) async fn exchange(
    State(state): State<AppState>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    ip: ClientIp,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answer = match Uuid::try_parse(&id) {
        Ok(exchange) => {
            let parameter = |wanted: &str| {
                let query = query.as_deref().unwrap_or_default().as_bytes();
                url::form_urlencoded::parse(query)
                    .find(|(name, _)| name == wanted)
                    .map(|(_, value)| value.into_owned())
                    .unwrap_or_default()
            };
            let call = Call {
                exchange,
                kind: parameter("type"),
                mode: parameter("mode"),
                filename: parameter("filename").replace('\\', "/"),
                address: ip.0.to_string(),
                headers,
            };
            Box::pin(answer(&state, &call, body)).await
        }
        Err(_) => Ok(Answer::Failure(Trouble::UnknownExchange)),
    };
    let answer = answer.unwrap_or_else(|error| {
        tracing::error!(error = %Chain(&error), "a call of 1C was not answered");
        Answer::Failure(Trouble::Unavailable)
    });
    let status = match answer {
        Answer::Failure(Trouble::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    let kind = match answer {
        Answer::Orders(_) => "application/xml; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    };
    (status, [(CONTENT_TYPE, kind)], answer.text()).into_response()
}

async fn answer(state: &AppState, call: &Call, body: Body) -> Result<Answer, StoreError> {
    if !matches!(call.kind.as_str(), "catalog" | "sale") {
        return Ok(Answer::Failure(Trouble::UnknownMode));
    }
    if call.mode == "checkauth" {
        return log_in(state, call).await;
    }
    let Some(cookie) = access::cookie(&call.headers) else {
        return Ok(Answer::Failure(Trouble::NoSession));
    };
    let now = state.clock.now();
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let session = store::session_touch(
        &mut connection,
        call.exchange,
        &access::hash(cookie.as_bytes()),
        now,
        now + SESSION_LIFETIME,
    )
    .await?;
    drop(connection);
    let Some(session) = session else {
        return Ok(Answer::Failure(Trouble::NoSession));
    };
    match (call.kind.as_str(), call.mode.as_str()) {
        (_, "init") => Ok(Answer::Init),
        (_, "file") => receive(state, call, session, body).await,
        ("catalog", "import") => import(state, call, session).await,
        ("catalog", "complete") => complete(state, call, session, true).await,
        ("catalog", "deactivate") => complete(state, call, session, false).await,
        ("sale", "query") => Ok(Answer::Orders(no_orders(now.naive_utc()))),
        // Orders are not kept, so there is nothing to mark as sent or to change.
        ("sale", "success" | "import") => Ok(Answer::Success),
        _ => Ok(Answer::Failure(Trouble::UnknownMode)),
    }
}

async fn log_in(state: &AppState, call: &Call) -> Result<Answer, StoreError> {
    let now = state.clock.now();
    let since = now - REFUSALS_WITHIN;
    let mut transaction = state.pool.begin().await.store("begin")?;
    let found = store::login_get(&mut transaction, call.exchange, &call.address, since).await?;
    let Some(login) = found else {
        return Ok(Answer::Failure(Trouble::UnknownExchange));
    };
    if login.refusals >= MOST_REFUSALS {
        metrics::counter!(EXCHANGE_LOGINS, "outcome" => "limited").increment(1);
        return Ok(Answer::Failure(Trouble::TooManyRefusals));
    }
    let (name, password) = access::basic(&call.headers).unwrap_or_default();
    let hash = access::password_hash(call.exchange, &password);
    // Both are compared, whatever the first comparison tells.
    let is_right = access::is_same(name.as_bytes(), login.login.as_bytes())
        & access::is_same(&hash, &login.password_hash);
    let target = format!("infobase:{}", call.exchange);
    if !is_right {
        store::login_refused(&mut transaction, call.exchange, &call.address, now, since).await?;
        let data = AuditEvent {
            action: "commerceml.login".to_owned(),
            outcome: Outcome::Denied,
            target: Some(target.clone()),
            ip: Some(call.address.clone()),
            details: json!({}),
        };
        let event = Event::new(crate::DEFINITION.name, AUDIT_RECORDED, &state.clock, &data).subject(target);
        outbox::append(&mut transaction, &SCHEMA, Stream::Audit, &event).await?;
        transaction.commit().await.store("commit")?;
        metrics::counter!(EXCHANGE_LOGINS, "outcome" => "refused").increment(1);
        return Ok(Answer::Failure(Trouble::Refused));
    }
    let cookie = access::secret();
    store::session_insert(
        &mut transaction,
        ids::new_id(),
        call.exchange,
        &access::hash(cookie.as_bytes()),
        now,
        now + SESSION_LIFETIME,
    )
    .await?;
    transaction.commit().await.store("commit")?;
    metrics::counter!(EXCHANGE_LOGINS, "outcome" => "accepted").increment(1);
    Ok(Answer::LoggedIn(cookie))
}

/// Takes a part of a file. Parts come in order; a part that is the same as the one before it came
/// twice, because its answer was lost.
async fn receive(state: &AppState, call: &Call, session: Uuid, body: Body) -> Result<Answer, StoreError> {
    let name = call.filename.as_str();
    if !zip::is_safe_name(name) {
        return Ok(Answer::Failure(Trouble::FileName));
    }
    let declared = call.headers.get(http::header::CONTENT_LENGTH);
    let declared = declared.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > LARGEST_PART) {
        return Ok(Answer::Failure(Trouble::PartTooLarge));
    }
    let part = match axum::body::to_bytes(body, LARGEST_PART).await {
        Ok(part) => part,
        Err(error) => {
            let broke_off = declared.is_some();
            tracing::debug!(error = %Chain(&error), "a part of a file was not read");
            let trouble = if broke_off {
                Trouble::Incomplete
            } else {
                Trouble::PartTooLarge
            };
            return Ok(Answer::Failure(trouble));
        }
    };
    let is_kept = call.kind == "catalog" && (has_extension(name, "xml") || has_extension(name, "zip"));
    if !is_kept {
        // Pictures, and what 1C tells of orders.
        return Ok(Answer::Success);
    }
    if part.is_empty() {
        return Ok(Answer::Failure(Trouble::Incomplete));
    }
    let hash = access::hash(&part);
    let mut transaction = state.pool.begin().await.store("begin")?;
    let file = store::file_open(&mut transaction, session, name).await?;
    let (file, size) = match file.filter(|file| !file.closed) {
        Some(file) if file.last_hash.as_deref() == Some(hash.as_slice()) => return Ok(Answer::Success),
        Some(file) => (file.id, file.size),
        None => {
            let id = ids::new_id();
            store::file_insert(&mut transaction, id, call.exchange, session, name).await?;
            (id, 0)
        }
    };
    let length = i64::try_from(part.len()).unwrap_or(i64::MAX);
    let all = store::files_size(&mut transaction, call.exchange).await?;
    if size.saturating_add(length) > LARGEST_FILE || all.saturating_add(length) > LARGEST_EXCHANGE {
        return Ok(Answer::Failure(Trouble::TooMuch));
    }
    store::part_append(&mut transaction, file, &part, &hash).await?;
    transaction.commit().await.store("commit")?;
    Ok(Answer::Success)
}

/// Imports a file that was sent, or asks how far its import is.
async fn import(state: &AppState, call: &Call, session: Uuid) -> Result<Answer, StoreError> {
    let name = call.filename.as_str();
    if !zip::is_safe_name(name) {
        return Ok(Answer::Failure(Trouble::FileName));
    }
    if !has_extension(name, "xml") {
        // A picture or another file that was not kept.
        return Ok(Answer::Success);
    }
    let file = match queue(state, call, session).await? {
        Ok(file) => file,
        Err(trouble) => return Ok(Answer::Failure(trouble)),
    };
    let begun = Instant::now();
    loop {
        let mut connection = state.pool.acquire().await.store("acquire")?;
        let found = imports::find(&mut connection, file, name).await?;
        drop(connection);
        let Some(found) = found else {
            return Ok(Answer::Failure(Trouble::NotSent(name.to_owned())));
        };
        if let Some(answer) = ended(&found) {
            return Ok(answer);
        }
        if begun.elapsed() >= PATIENCE {
            return Ok(Answer::Progress(format!("Обработано объектов: {}", found.done)));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn ended(import: &Import) -> Option<Answer> {
    match import.state.as_str() {
        "succeeded" => Some(Answer::Success),
        "failed" => {
            let text = import.error_text.clone();
            Some(Answer::Failure(
                text.map_or(Trouble::Unavailable, Trouble::Import),
            ))
        }
        _ => None,
    }
}

/// Queues the import of the file of that name, or of the member of an archive, unless that was done
/// before. Returns the file.
async fn queue(state: &AppState, call: &Call, session: Uuid) -> Result<Result<Uuid, Trouble>, StoreError> {
    let name = call.filename.as_str();
    let mut transaction = state.pool.begin().await.store("begin")?;
    if let Some(file) = store::file_open(&mut transaction, session, name).await? {
        if !file.closed {
            store::file_close(&mut transaction, file.id).await?;
            imports::enqueue(
                &mut transaction,
                ids::new_id(),
                call.exchange,
                session,
                file.id,
                name,
            )
            .await?;
        }
        transaction.commit().await.store("commit")?;
        state.pushed.notify_one();
        return Ok(Ok(file.id));
    }
    let archives = store::archives(&mut transaction, session).await?;
    for archive in &archives {
        if imports::find(&mut transaction, archive.id, name).await?.is_some() {
            return Ok(Ok(archive.id));
        }
    }
    transaction.commit().await.store("commit")?;
    for archive in archives {
        let blob = Blob::stored(&state.pool, &archive).await?;
        let members = match zip::members(&blob).await {
            Ok(members) => members,
            Err(error) => {
                let text = explain_zip(&error).map(|(_, text)| text);
                return Ok(Err(text.map_or(Trouble::Unavailable, Trouble::Import)));
            }
        };
        if zip::find(&members, name).is_none() {
            continue;
        }
        let mut transaction = state.pool.begin().await.store("begin")?;
        store::file_close(&mut transaction, archive.id).await?;
        imports::enqueue(
            &mut transaction,
            ids::new_id(),
            call.exchange,
            session,
            archive.id,
            name,
        )
        .await?;
        transaction.commit().await.store("commit")?;
        state.pushed.notify_one();
        return Ok(Ok(archive.id));
    }
    Ok(Err(Trouble::NotSent(name.to_owned())))
}

/// The exchange has brought everything: what it has not brought, though it was to be whole, has ended.
async fn complete(state: &AppState, call: &Call, session: Uuid, last: bool) -> Result<Answer, StoreError> {
    let mut transaction = state.pool.begin().await.store("begin")?;
    goods::lock(&mut transaction, call.exchange).await?;
    let whole = goods::whole_note(&mut transaction, session, goods::Whole::default()).await?;
    goods::sweep(&mut transaction, call.exchange, session, whole).await?;
    if goods::session_has_brought(&mut transaction, session).await? {
        goods::freshen(&mut transaction, call.exchange, state.clock.now()).await?;
    }
    if last {
        store::session_empty(&mut transaction, session).await?;
    }
    transaction.commit().await.store("commit")?;
    Ok(Answer::Success)
}
