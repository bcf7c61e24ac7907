//! Following the rows of the log, one in memory at a time.

use common::db::{StoreError, StoreResult};
use futures_util::TryStreamExt;
use sqlx::PgConnection;

use crate::audit::Entry;
use crate::audit::merkle::Hash;
use crate::chain::{FirstBroken, Stop, Verifier};

/// Rows of one statement: none is long enough to be reported as slow.
const PAGE: i64 = 2000;

/// The end of the chain as it was recorded; `None` when that row itself is gone.
pub(crate) async fn tip(connection: &mut PgConnection) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
    let tip = sqlx::query!("select sequence, hash from security.audit_tip")
        .fetch_optional(connection)
        .await
        .store("audit_tip")?;
    Ok(tip.map(|tip| (tip.sequence, tip.hash)))
}

/// The first row of the log; archived ones are none.
pub(crate) async fn first(connection: &mut PgConnection) -> Result<Option<i64>, StoreError> {
    sqlx::query_scalar!("select min(sequence) from security.audit_entries")
        .fetch_one(connection)
        .await
        .store("audit_first")
}

/// Follows the rows after those that the verifier has followed, up to the entry `up_to`. Complete
/// blocks of the tree go to `block`. The connection must be in a `repeatable read` transaction, or
/// entries appended meanwhile would look like a broken end.
pub(crate) async fn follow(
    connection: &mut PgConnection,
    verifier: &mut Verifier,
    up_to: i64,
    mut block: impl FnMut(i64, Hash),
) -> Result<Result<(), FirstBroken>, StoreError> {
    let stop = loop {
        let (mut rows_of_page, mut stop) = (0, None);
        let mut rows = sqlx::query_as!(
            Entry,
            r#"select sequence, id, company_id, company_sequence, occurred_at, recorded_at, source, action,
                      outcome, request_id, who_commitment, who_salt, actor_id, actor_role, ip, what_commitment,
                      what_salt, target, details::text as details, prev_hash, hash
               from security.audit_entries where sequence > $1 and sequence <= $2 order by sequence limit $3"#,
            verifier.sequence(),
            up_to,
            PAGE
        )
        .fetch(&mut *connection);
        while let Some(entry) = rows.try_next().await.store("audit_follow")? {
            rows_of_page += 1;
            match verifier.follow(&entry) {
                Ok(Some(root)) => block(verifier.sequence(), root),
                Ok(None) => {}
                Err(found) => {
                    stop = Some(found);
                    break;
                }
            }
        }
        if stop.is_some() || rows_of_page < PAGE {
            break stop;
        }
    };
    match stop {
        None => Ok(Ok(())),
        Some(Stop::Broken(broken)) => Ok(Err(broken)),
        Some(Stop::Misfit(misfit)) => {
            let elsewhere = sqlx::query_scalar!(
                r#"select exists (select 1 from security.audit_entries
                                  where prev_hash = $1 and sequence <> $2) as "elsewhere!""#,
                misfit.continues,
                misfit.expected
            )
            .fetch_one(connection)
            .await
            .store("audit_elsewhere")?;
            Ok(Err(misfit.judge(elsewhere)))
        }
    }
}
