//! When 1C is asked for its metadata, and by which replica.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use common::db::{StoreError, StoreResult};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};
use uuid::Uuid;

use crate::infobase::InfobaseError;
use crate::odata::Client;
use crate::store::catalogue;

/// How long a catalogue is used before 1C is asked again.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// How long a replica that reads the metadata may be silent: as long as the call may take, and the
/// writing.
const LEASE: Duration = Duration::from_secs(180);
/// Between looks at whether another replica has read them.
const POLL: Duration = Duration::from_millis(300);
/// The largest document: five times that of the largest configuration known.
const LARGEST: u64 = 96 * 1024 * 1024;

/// Makes sure that there is a catalogue of the infobase and that it is not too old. One replica asks
/// 1C; others go on with what there is, or wait when there is nothing.
pub(crate) async fn current(pool: &PgPool, infobase: Uuid, client: &Client) -> Result<(), InfobaseError> {
    loop {
        let mut connection = pool.acquire().await.store("acquire")?;
        let state = catalogue::state(&mut connection, infobase, LIFETIME).await?;
        if state.is_fresh {
            return Ok(());
        }
        if catalogue::claim(&mut connection, infobase, LEASE).await? {
            drop(connection);
            return match ask(pool, infobase, client).await {
                // An old catalogue is better than none while 1C is away.
                Err(InfobaseError::Odata(error)) if state.exists && !error.has_answered() => {
                    tracing::warn!(error = %error, "the catalogue of an infobase is not read anew");
                    Ok(())
                }
                asked => asked.map(drop),
            };
        }
        if state.exists {
            return Ok(());
        }
        drop(connection);
        tokio::time::sleep(POLL).await;
    }
}

/// Asks 1C now; true when the catalogue has changed.
pub(crate) async fn refresh(pool: &PgPool, infobase: Uuid, client: &Client) -> Result<bool, InfobaseError> {
    loop {
        let mut connection = pool.acquire().await.store("acquire")?;
        if catalogue::claim(&mut connection, infobase, LEASE).await? {
            drop(connection);
            return ask(pool, infobase, client).await;
        }
        drop(connection);
        tokio::time::sleep(POLL).await;
    }
}

/// Something showed that the catalogue is not true any more: 1C is asked at the next use.
pub(crate) async fn invalidate(pool: &PgPool, infobase: Uuid) -> Result<(), StoreError> {
    let mut connection = pool.acquire().await.store("acquire")?;
    catalogue::outdate(&mut connection, infobase).await
}

/// Reads the metadata under the claim, which ends in any case.
async fn ask(pool: &PgPool, infobase: Uuid, client: &Client) -> Result<bool, InfobaseError> {
    let asked = Box::pin(replace(pool, infobase, client)).await;
    if asked.is_err()
        && let Ok(mut connection) = pool.acquire().await
    {
        // What it does not tell, the end of the lease does.
        let _ = catalogue::release(&mut connection, infobase).await;
    }
    asked
}

async fn replace(pool: &PgPool, infobase: Uuid, client: &Client) -> Result<bool, InfobaseError> {
    let (read, hash) = client.catalogue().await?;
    if read.sets() == 0 {
        return Err(InfobaseError::NothingPublished);
    }
    let mut transaction = pool.begin().await.store("begin")?;
    let changed = catalogue::replace(&mut transaction, infobase, &hash, &read).await?;
    transaction.commit().await.store("commit")?;
    Ok(changed)
}

/// A document on its way: hashed while it is read, and no longer than any can be.
#[derive(Debug)]
pub(crate) struct Hashed<R> {
    input: R,
    hash: Sha256,
    left: u64,
}

impl<R> Hashed<R> {
    /// Over a stream.
    pub(crate) fn new(input: R) -> Self {
        Self {
            input,
            hash: Sha256::new(),
            left: LARGEST,
        }
    }

    /// The hash of what was read.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.hash.finalize().to_vec()
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Hashed<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_read(context, buffer)
    }
}

impl<R: AsyncBufRead + Unpin> AsyncBufRead for Hashed<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        if self.left == 0 {
            let error = io::Error::new(io::ErrorKind::InvalidData, "the metadata are too large");
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.get_mut().input).poll_fill_buf(context)
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.get_mut();
        // The buffer is full already, so that this gives the same bytes again.
        let mut context = Context::from_waker(std::task::Waker::noop());
        if let Poll::Ready(Ok(filled)) = Pin::new(&mut this.input).poll_fill_buf(&mut context) {
            this.hash.update(filled.get(..amount).unwrap_or(filled));
        }
        this.left = this.left.saturating_sub(amount as u64);
        Pin::new(&mut this.input).consume(amount);
    }
}
