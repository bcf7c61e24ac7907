//! Bytes of a file that 1C has sent: parts in the database, so that any replica goes on with them.

use std::io;

use bytes::Bytes;
use common::db::StoreResult;
use sqlx::PgPool;
use uuid::Uuid;

use super::feed::Source;
use super::zip::ZipError;
use crate::store::commerceml as store;

/// Where the bytes are.
#[derive(Debug, Clone)]
pub(crate) enum Blob {
    /// In the database.
    Stored {
        /// The database.
        pool: PgPool,
        /// The file.
        file: Uuid,
        /// Its length in bytes.
        size: u64,
    },
    /// In memory, in parts of that many bytes.
    #[cfg(test)]
    Memory(Bytes, usize),
}

impl Blob {
    /// Length in bytes.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Stored { size, .. } => *size,
            #[cfg(test)]
            Self::Memory(bytes, _) => bytes.len() as u64,
        }
    }

    /// Bytes from a place on, as far as the part that it is in goes; none past the end.
    pub(super) async fn at(&self, offset: u64) -> Result<Bytes, ZipError> {
        if offset >= self.size() {
            return Ok(Bytes::new());
        }
        match self {
            Self::Stored { pool, file, .. } => {
                let place = i64::try_from(offset).map_err(|_| ZipError::Damaged)?;
                let mut connection = pool.acquire().await.map_err(|_| ZipError::Fetch)?;
                let part = store::part_at(&mut connection, *file, place)
                    .await
                    .map_err(|_| ZipError::Fetch)?
                    .ok_or(ZipError::Fetch)?;
                let skip = usize::try_from(place - part.start_at).map_err(|_| ZipError::Damaged)?;
                let mut bytes = Bytes::from(part.data);
                if skip > bytes.len() {
                    return Err(ZipError::Damaged);
                }
                Ok(bytes.split_off(skip))
            }
            #[cfg(test)]
            Self::Memory(bytes, step) => {
                let offset = usize::try_from(offset).map_err(|_| ZipError::Damaged)?;
                let end = bytes.len().min((offset / step + 1) * step);
                Ok(bytes.slice(offset..end))
            }
        }
    }

    /// So many bytes from a place on.
    pub(super) async fn range(&self, mut offset: u64, length: usize) -> Result<Vec<u8>, ZipError> {
        if offset.saturating_add(length as u64) > self.size() {
            return Err(ZipError::Damaged);
        }
        let mut found = Vec::new();
        while found.len() < length {
            let mut bytes = self.at(offset).await?;
            bytes.truncate(length - found.len());
            if bytes.is_empty() {
                return Err(ZipError::Damaged);
            }
            offset += bytes.len() as u64;
            found.extend_from_slice(&bytes);
        }
        Ok(found)
    }

    /// All bytes, part by part.
    pub(crate) fn source(self) -> Source {
        Box::pin(futures_util::stream::try_unfold(
            (self, 0_u64),
            async |(blob, offset)| {
                let bytes = blob.at(offset).await.map_err(io::Error::other)?;
                let next = offset + bytes.len() as u64;
                Ok((!bytes.is_empty()).then_some((bytes, (blob, next))))
            },
        ))
    }

    /// A file of the database.
    pub(crate) async fn stored(pool: &PgPool, file: &store::File) -> Result<Self, common::db::StoreError> {
        // Fails early when the database is away.
        drop(pool.acquire().await.store("acquire")?);
        Ok(Self::Stored {
            pool: pool.clone(),
            file: file.id,
            size: u64::try_from(file.size).unwrap_or(0),
        })
    }
}
