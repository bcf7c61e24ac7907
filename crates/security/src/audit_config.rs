//! Settings of the audit log.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::error::Unspecified;
use common::config::Reader;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use url::Url;

use crate::appender::Appender;
use crate::audit::checkpoint::Signer;

/// Characters of the secret that the signing key is made of.
const MIN_KEY: usize = 32;
/// Verifications at a time; others wait.
const VERIFICATIONS: usize = 2;

/// How the audit log is signed, told of and archived.
#[derive(Debug, Clone)]
pub struct AuditConfig {
    /// `AUDIT_SIGNING_KEY`: checkpoints are signed with an Ed25519 key derived from it. Not in the database.
    pub signing_key: SecretString,
    /// `AUDIT_EARLIER_KEYS`: public keys, hexadecimal and comma-separated, that have signed before.
    pub earlier_keys: Vec<[u8; 32]>,
    /// `AUDIT_CHECKPOINT_EVERY` (5m): entries wait no longer for a checkpoint; a thousand never wait.
    pub checkpoint_every: Duration,
    /// `AUDIT_CHECKPOINT_FILE`: each checkpoint is appended to it as a line of JSON.
    pub checkpoint_file: Option<PathBuf>,
    /// `AUDIT_CHECKPOINT_WEBHOOK`: each checkpoint is posted there.
    pub checkpoint_webhook: Option<SecretString>,
    /// `AUDIT_ARCHIVE_DIR`: where months go that are older than the retention. Without it nothing
    /// ever leaves the database.
    pub archive: Option<PathBuf>,
    /// `AUDIT_RETENTION` (365d): entries stay in the database at least so long.
    pub retention: Duration,
}

impl AuditConfig {
    /// Reads the section.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let signing_key = reader.strong_secret(
            "AUDIT_SIGNING_KEY",
            MIN_KEY,
            "development-only-key-that-signs-the-audit-log",
        );
        let earlier_keys = reader.parse("AUDIT_EARLIER_KEYS", String::new());
        let checkpoint_every = reader.duration("AUDIT_CHECKPOINT_EVERY", Duration::from_secs(300));
        let checkpoint_file = reader.optional::<PathBuf>("AUDIT_CHECKPOINT_FILE");
        let checkpoint_webhook = reader.secret("AUDIT_CHECKPOINT_WEBHOOK");
        let archive = reader.optional::<PathBuf>("AUDIT_ARCHIVE_DIR");
        let retention = reader.duration("AUDIT_RETENTION", Duration::from_secs(365 * 86_400));
        if retention.is_some_and(|retention| retention < Duration::from_secs(86_400)) {
            reader.invalid("AUDIT_RETENTION", "is shorter than a day");
        }
        if let Some(url) = &checkpoint_webhook
            && !Url::parse(url.expose_secret()).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
        {
            reader.invalid("AUDIT_CHECKPOINT_WEBHOOK", "is not an http or https address");
        }
        let keys = earlier_keys.as_deref().map(public_keys);
        if keys.as_ref().is_some_and(Option::is_none) {
            reader.invalid(
                "AUDIT_EARLIER_KEYS",
                "is not a list of public keys of 64 hexadecimal digits",
            );
        }
        Some(Self {
            signing_key: signing_key?,
            earlier_keys: keys??,
            checkpoint_every: checkpoint_every?,
            checkpoint_file: checkpoint_file?,
            checkpoint_webhook,
            archive: archive?,
            retention: retention?,
        })
    }

    /// What handlers need of it.
    ///
    /// # Errors
    /// Only when the cryptography library fails.
    pub fn keeping(&self) -> Result<AuditKeeping, Unspecified> {
        Ok(AuditKeeping {
            signer: Signer::new(&self.signing_key, &self.earlier_keys)?,
            archive: self.archive.clone().map(Arc::new),
            appender: Appender::default(),
            verifying: Arc::new(Semaphore::new(VERIFICATIONS)),
        })
    }
}

fn public_keys(list: &str) -> Option<Vec<[u8; 32]>> {
    let keys = list.split(',').map(str::trim).filter(|key| !key.is_empty());
    keys.map(|key| hex::decode(key).ok()?.try_into().ok()).collect()
}

/// What requests about the audit log need beside the database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AuditKeeping {
    /// Signs checkpoints and knows our signatures.
    pub signer: Signer,
    /// The folder of the archive.
    pub archive: Option<Arc<PathBuf>>,
    /// Appends the entries of concurrent requests together.
    pub(crate) appender: Appender,
    /// How many may follow the log at a time.
    pub(crate) verifying: Arc<Semaphore>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named() {
        let read = |values: &[(&str, &str)]| {
            let mut reader = Reader::from_values(values.iter().copied());
            let config = AuditConfig::read(&mut reader);
            reader.finish(config)
        };
        assert!(read(&[]).is_ok());
        let key = "ab".repeat(32);
        let config = read(&[("AUDIT_EARLIER_KEYS", &format!("{key}, {key}"))]).unwrap();
        assert_eq!(config.earlier_keys.len(), 2);
        for (name, value) in [
            ("AUDIT_EARLIER_KEYS", "abcd"),
            ("AUDIT_CHECKPOINT_WEBHOOK", "ftp://outside"),
            ("AUDIT_RETENTION", "1h"),
        ] {
            let errors = read(&[(name, value)]).unwrap_err();
            assert_eq!(errors.entries()[0].0, name);
        }
        assert!(
            read(&[("ENVIRONMENT", "production")]).is_err(),
            "the key must be given"
        );
    }
}
