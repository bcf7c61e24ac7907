//! What the service's own tables tell of how well the system is guarded.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;

/// The facts.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Accounts that people have made for themselves since the time.
    pub(crate) registered: i64,
    /// Administrators whose last login since the time was by a password alone.
    pub(crate) admins_by_password: Vec<String>,
    /// API keys that are valid and have not been changed since the other time.
    pub(crate) old_keys: i64,
    /// Serious alerts that nobody has acknowledged for a day.
    pub(crate) unhandled: i64,
    pub(crate) chain_broken: bool,
    /// The service's database role could rewrite the audit log.
    pub(crate) superuser: bool,
    pub(crate) encrypted: bool,
    /// As `server_version_num`.
    pub(crate) postgres_version: i32,
}

/// Reads them.
pub(crate) async fn facts(
    connection: &mut PgConnection,
    since: DateTime<Utc>,
    keys_before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Facts, StoreError> {
    let registered = sqlx::query_scalar!(
        r#"select count(*) as "count!" from security.observations
           where signal = 'registered' and occurred_at >= $1"#,
        since
    )
    .fetch_one(&mut *connection)
    .await
    .store("posture_registered")?;
    let admins_by_password = sqlx::query_scalar!(
        r#"select who as "who!" from (
               select distinct on (who) who, value from security.observations
               where signal = 'admin_login' and occurred_at >= $1
               order by who, occurred_at desc
           ) last
           where value = 0 order by who limit 100"#,
        since
    )
    .fetch_all(&mut *connection)
    .await
    .store("posture_admins")?;
    let old_keys = sqlx::query_scalar!(
        r#"select count(*) as "count!" from security.observations made
           where made.signal = 'key_made' and made.occurred_at < $1
             and (made.details ->> 'expires_at')::timestamptz > $2
             and not exists (
                 select 1 from security.observations later
                 where later.signal = 'key_ended' and later.target = made.target
             )"#,
        keys_before,
        now
    )
    .fetch_one(&mut *connection)
    .await
    .store("posture_keys")?;
    let unhandled = sqlx::query_scalar!(
        r#"select count(*) as "count!" from security.alerts
           where state = 'open' and severity in ('high', 'critical') and created_at < $1::timestamptz - interval '1 day'"#,
        now
    )
    .fetch_one(&mut *connection)
    .await
    .store("posture_unhandled")?;
    let row = sqlx::query!(
        r#"select exists (select 1 from security.threats where kind = 'audit_chain_broken' and status = 'open') as "broken!",
                  coalesce((select rolsuper from pg_roles where rolname = current_user), false) as "superuser!",
                  coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false) as "encrypted!",
                  current_setting('server_version_num')::int as "version!""#
    )
    .fetch_one(connection)
    .await
    .store("posture_database")?;
    Ok(Facts {
        registered,
        admins_by_password,
        old_keys,
        unhandled,
        chain_broken: row.broken,
        superuser: row.superuser,
        encrypted: row.encrypted,
        postgres_version: row.version,
    })
}
