//! A finding becomes a threat with an alert, is told, and is answered.

use chrono::{DateTime, Duration, Utc};
use common::db::StoreError;
use common::ids;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::channels::{Message, Told};
use crate::defence::Defence;
use crate::detect::{Response, Words};
use crate::metrics::{FINDINGS_EXCEPTED, THREATS_DETECTED};
use crate::network::Network;
use crate::responses::{REMEMBERED, Subject, ban_length, user_of};
use crate::store;
use crate::store::exceptions::Exception;
use crate::store::responses::NewResponse;
use crate::store::threats::Recorded;
use crate::threats::{Finding, Kind, Severity};

/// Good users are counted over so long.
const A_DAY: Duration = Duration::hours(24);

/// Records a finding: an alert when it opens a threat, a worse one when it has grown tenfold; whoever is to be
/// told has a message waiting, and what the rule does by itself is recorded to be done.
pub(crate) async fn raise(
    connection: &mut PgConnection,
    defence: &Defence,
    finding: &Finding,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let exceptions = store::exceptions::active(connection, now).await?;
    if exceptions.iter().any(|exception| excepts(exception, finding)) {
        metrics::counter!(FINDINGS_EXCEPTED).increment(1);
        return Ok(());
    }
    let steps = tenfolds(finding.count);
    let recorded = store::threats::record(connection, finding, steps, now).await?;
    if recorded.opened {
        open(connection, defence, finding, &recorded, now).await?;
    } else if tenfolds(recorded.count.unsigned_abs()) > recorded.escalations {
        escalate(connection, defence, finding, &recorded, now).await?;
    }
    if let Kind::Rule(rule) = &finding.kind
        && defence.settings().enforce
    {
        for response in &rule.respond {
            respond(connection, defence, finding, &recorded, *response, now).await?;
        }
    }
    Ok(())
}

async fn open(
    connection: &mut PgConnection,
    defence: &Defence,
    finding: &Finding,
    recorded: &Recorded,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (kind, severity) = (finding.kind.as_str(), finding.kind.severity());
    let alert = store::alerts::insert(connection, recorded.id, severity.as_str(), now).await?;
    let details = json!({ "severity": severity, "count": finding.count });
    store::alerts::tell(connection, alert, "opened", None, &details, now).await?;
    metrics::counter!(THREATS_DETECTED, "kind" => kind.to_owned()).increment(1);
    tracing::warn!(
        "threat {}: {kind}, {}, {}",
        recorded.id,
        severity.as_str(),
        finding.subject
    );
    let message = message(Told::Opened, finding, alert, recorded, severity, now);
    announce(connection, defence, alert, severity, &message, now).await
}

async fn escalate(
    connection: &mut PgConnection,
    defence: &Defence,
    finding: &Finding,
    recorded: &Recorded,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let before = Severity::from_name(&recorded.severity).unwrap_or(finding.kind.severity());
    let severity = before.raised();
    let steps = tenfolds(recorded.count.unsigned_abs());
    store::threats::escalate(connection, recorded.id, severity.as_str(), steps).await?;
    let Some(alert) = store::alerts::of_threat(connection, recorded.id).await? else {
        return Ok(());
    };
    store::alerts::set_severity(connection, alert, severity.as_str()).await?;
    let details = json!({ "from": before, "to": severity, "count": recorded.count });
    store::alerts::tell(connection, alert, "escalated", None, &details, now).await?;
    let message = message(Told::Escalated, finding, alert, recorded, severity, now);
    announce(connection, defence, alert, severity, &message, now).await
}

/// How many powers of ten a count has passed.
fn tenfolds(count: u64) -> i32 {
    i32::try_from(count.checked_ilog10().unwrap_or(0)).unwrap_or(0)
}

/// Whether an exception covers a finding.
pub(crate) fn excepts(exception: &Exception, finding: &Finding) -> bool {
    let rule = exception
        .rule
        .as_deref()
        .is_none_or(|rule| rule == finding.kind.as_str());
    let subject = exception
        .subject
        .as_deref()
        .is_none_or(|subject| subject == finding.subject);
    let network = exception.network.as_deref().is_none_or(|network| {
        let Ok(network) = network.parse::<Network>() else {
            return false;
        };
        // All addresses that take part must be covered, or the exception would hide others.
        let listed = finding.evidence["addresses"].as_array();
        let mut addresses = listed.into_iter().flatten().filter_map(Value::as_str).peekable();
        let own = finding.subject.strip_prefix("ip:");
        let within = |address: &str| {
            address
                .parse::<Network>()
                .is_ok_and(|address| network.overlaps(address))
        };
        (own.is_some() || addresses.peek().is_some()) && own.into_iter().chain(addresses).all(within)
    });
    rule && subject && network
}

fn message(
    told: Told,
    finding: &Finding,
    alert: Uuid,
    recorded: &Recorded,
    severity: Severity,
    now: DateTime<Utc>,
) -> Message {
    let words = |of: &dyn Fn(common::Locale) -> String| Words {
        ru: of(common::Locale::Ru),
        en: of(common::Locale::En),
    };
    let (title, advice) = match &finding.kind {
        Kind::Rule(rule) => (
            words(&|locale| rule.title(crate::threats::short(&finding.subject), locale)),
            Some(rule.advice.clone()),
        ),
        Kind::AuditChainBroken => (
            Words {
                ru: "Журнал аудита изменён в обход системы".to_owned(),
                en: "The audit log was changed behind the system's back".to_owned(),
            },
            None,
        ),
    };
    Message {
        told,
        at: now,
        alert_id: Some(alert),
        threat_id: Some(recorded.id),
        rule: finding.kind.as_str().to_owned(),
        severity: severity.as_str().to_owned(),
        risk: severity.risk(),
        technique: finding.kind.technique().map(str::to_owned),
        subject: finding.subject.clone(),
        title,
        advice,
        count: recorded.count,
        first_seen: finding.first_seen,
        last_seen: finding.last_seen,
        evidence: finding.evidence.clone(),
    }
}

/// Leaves a message for everybody who is to be told, unless a silence is on.
pub(crate) async fn announce(
    connection: &mut PgConnection,
    defence: &Defence,
    alert: Uuid,
    severity: Severity,
    message: &Message,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let channels = defence.channels().for_severity(severity);
    if channels.is_empty() {
        return Ok(());
    }
    let silences = store::exceptions::silences(connection, now).await?;
    let silence = silences.iter().find(|silence| {
        silence.starts_at <= now
            && silence.rule.as_deref().is_none_or(|rule| rule == message.rule)
            && silence
                .up_to
                .as_deref()
                .and_then(Severity::from_name)
                .is_none_or(|up_to| severity <= up_to)
    });
    if let Some(silence) = silence {
        let details = json!({ "silence_id": silence.id, "told": message.told.as_str() });
        store::alerts::tell(connection, alert, "silenced", None, &details, now).await?;
        return Ok(());
    }
    let payload = serde_json::to_value(message).unwrap_or_default();
    for channel in channels {
        let told = message.told.as_str();
        store::deliveries::add(connection, channel.as_str(), Some(alert), told, &payload, now).await?;
    }
    Ok(())
}

async fn respond(
    connection: &mut PgConnection,
    defence: &Defence,
    finding: &Finding,
    recorded: &Recorded,
    response: Response,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let subject = match response {
        Response::Ban => banned_subject(connection, defence, &finding.subject, now).await?,
        Response::RevokeSessions | Response::ForcePasswordReset => match user_of(&finding.subject) {
            Some(user) => format!("user:{user}"),
            // Nobody is known by that address.
            None => return Ok(()),
        },
    };
    let mut expires_at = None;
    let refusal = match response {
        Response::Ban => {
            if store::responses::banned_until(connection, &subject, now)
                .await?
                .is_some()
            {
                return Ok(());
            }
            let before = store::responses::bans_since(connection, &subject, now - REMEMBERED).await?;
            let until = now + ban_length(before);
            expires_at = Some(until);
            // An attack of the past is told of, not answered.
            if finding.last_seen + ban_length(before) <= now {
                return Ok(());
            }
            no_ban(connection, &subject).await?
        }
        Response::RevokeSessions | Response::ForcePasswordReset => {
            if store::responses::answered(connection, recorded.id, response.as_str()).await? {
                return Ok(());
            }
            defence
                .identity()
                .is_none()
                .then(|| "RESPONSE_CLIENT_ID is not set".to_owned())
        }
    };
    if refusal.is_some() && !recorded.opened {
        // Said once for each threat.
        return Ok(());
    }
    let new = NewResponse {
        id: ids::new_id(),
        threat_id: Some(recorded.id),
        action: response.as_str(),
        subject: &subject,
        state: if refusal.is_some() { "skipped" } else { "pending" },
        reason: finding.kind.as_str(),
        created_by: None,
        expires_at,
        error: refusal.as_deref(),
    };
    store::responses::add(connection, &new, now).await?;
    if let Some(alert) = store::alerts::of_threat(connection, recorded.id).await? {
        let details = json!({
            "response_id": new.id, "action": new.action, "subject": subject, "until": expires_at, "skipped": refusal,
        });
        let kind = if refusal.is_some() {
            "response_skipped"
        } else {
            "response_started"
        };
        store::alerts::tell(connection, alert, kind, None, &details, now).await?;
    }
    Ok(())
}

/// Whom a ban shuts out: of an address that many good users share, only those who show no token.
async fn banned_subject(
    connection: &mut PgConnection,
    defence: &Defence,
    subject: &str,
    now: DateTime<Utc>,
) -> Result<String, StoreError> {
    if let Some(ip) = subject.strip_prefix("ip:") {
        let users = store::observations::good_users(connection, ip, now - A_DAY).await?;
        if users >= defence.settings().shared_users {
            return Ok(format!("stranger:{ip}"));
        }
    }
    Ok(subject.to_owned())
}

/// Why a subject is not banned by itself, if there is a reason.
async fn no_ban(connection: &mut PgConnection, subject: &str) -> Result<Option<String>, StoreError> {
    let Some(parsed) = Subject::parse(subject) else {
        return Ok(Some("nobody can be banned by this name".to_owned()));
    };
    if parsed.is_own() {
        return Ok(Some("it is the machine itself".to_owned()));
    }
    let allowed = store::responses::allowed(connection).await?;
    let is_allowed = |other: &str| Subject::parse(other).is_some_and(|other| parsed.touches(other));
    if allowed.iter().any(|allowed| is_allowed(&allowed.subject)) {
        return Ok(Some("it is on the allow list".to_owned()));
    }
    Ok(None)
}
