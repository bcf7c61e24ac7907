//! The exchange of EnterpriseData through `EnterpriseDataExchange_1_0_1_1` of the standard library:
//! 1C prepares and loads messages in background jobs, which have to be asked about, and files go in
//! parts.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::service::{Answer, Call, ServiceName, Services, SoapError};
use crate::transport::Transport;

/// The service.
pub(crate) const SERVICE: &str = "EnterpriseDataExchange_1_0_1_1";
/// The pause after the first question; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Longest text of 1C that is passed on, in characters.
const LONGEST_TEXT: usize = 500;

/// Why an exchange did not come about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    /// The service could not be called.
    #[error(transparent)]
    Soap(#[from] SoapError),
    /// 1C said why not.
    #[error("1C refused the exchange")]
    Refused(String),
    /// The job was ended, or is not known.
    #[error("the job of 1C was cancelled or is not known")]
    Cancelled,
    /// An answer without what it must have.
    #[error("the answer lacks `{0}`")]
    Incomplete(&'static str),
}

/// Whom 1C exchanges with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer<'a> {
    /// Name of the exchange plan.
    pub(crate) plan: &'a str,
    /// Code of our node in it.
    pub(crate) code: &'a str,
}

/// How far a job of 1C has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It works.
    Active,
    /// It has ended well; a message that was prepared is this file in so many parts.
    Completed {
        /// Id of the file; empty after loading.
        file: String,
        /// Number of its parts.
        parts: u32,
    },
}

/// The service of one infobase.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exchange<'a> {
    pub(crate) services: &'a Services,
    pub(crate) infobase: Uuid,
    pub(crate) transport: &'a Transport,
}

impl Exchange<'_> {
    async fn call(&self, operation: &str, arguments: Value) -> Result<Answer, ExchangeError> {
        let name = ServiceName::parse(SERVICE).ok_or(SoapError::ServiceNotFound)?;
        let arguments = match arguments {
            Value::Object(arguments) => arguments,
            _ => Map::new(),
        };
        let call = Call {
            arguments: &arguments,
            at: "",
            version: None,
        };
        let called = self
            .services
            .call(self.infobase, self.transport, &name, operation, &call);
        Ok(called.await?)
    }

    /// As [`Self::call`], where a message of an error means that nothing came of it.
    async fn done(&self, operation: &str, arguments: Value) -> Result<Answer, ExchangeError> {
        let answer = self.call(operation, arguments).await?;
        match message(&answer) {
            Some(text) => Err(ExchangeError::Refused(text)),
            None => Ok(answer),
        }
    }

    /// Whether 1C is ready to exchange, and if not, why.
    pub(crate) async fn test(&self, peer: Peer<'_>) -> Result<Result<(), String>, ExchangeError> {
        let arguments = json!({"ExchangePlanName": peer.plan, "PeerCode": peer.code});
        let answer = self.call("TestConnection", arguments).await?;
        Ok(match answer.result {
            Value::Bool(true) => Ok(()),
            _ => Err(message(&answer).unwrap_or_default()),
        })
    }

    /// Starts the preparation of a message; returns the id of the job.
    pub(crate) async fn prepare(&self, peer: Peer<'_>, part_kilobytes: u32) -> Result<String, ExchangeError> {
        let arguments = json!({
            "ExchangePlanName": peer.plan, "PeerCode": peer.code, "PartSize": part_kilobytes,
        });
        let answer = self.done("PrepareDataForGetting", arguments).await?;
        text(&answer.out, "OperationID").ok_or(ExchangeError::Incomplete("OperationID"))
    }

    /// How far the preparation has come.
    pub(crate) async fn prepared(&self, job: &str) -> Result<Progress, ExchangeError> {
        let answer = self
            .call("PrepareDataActionResult", json!({"OperationID": job}))
            .await?;
        let Value::Object(result) = &answer.result else {
            return Err(ExchangeError::Incomplete("return"));
        };
        let status = result.get("Status").and_then(Value::as_str).unwrap_or_default();
        let said = text(result, "ErrorMessage").map(cut).or_else(|| message(&answer));
        let file = text(result, "FileID").unwrap_or_default();
        let parts = result
            .get("PartCount")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        let parts = u32::try_from(parts).map_err(|_| ExchangeError::Incomplete("PartCount"))?;
        progress(status, said, file, parts)
    }

    /// One part of a file, from 1.
    pub(crate) async fn part(&self, file: &str, number: u32) -> Result<Bytes, ExchangeError> {
        let arguments = json!({"FileID": file, "PartNumber": number});
        let answer = self.done("GetDataPart", arguments).await?;
        let packed = answer
            .result
            .as_str()
            .ok_or(ExchangeError::Incomplete("return"))?;
        let bytes = STANDARD
            .decode(packed)
            .map_err(|_| ExchangeError::Incomplete("return"))?;
        Ok(bytes.into())
    }

    /// Tells 1C that the file has come and may be deleted.
    pub(crate) async fn confirm(&self, file: &str) -> Result<(), ExchangeError> {
        let arguments = json!({"FileID": file, "ClearDataPool": true});
        self.done("ConfirmGettingFile", arguments).await.map(drop)
    }

    /// Sends one part of a file, from 1.
    pub(crate) async fn put_part(&self, file: &str, number: u32, data: &[u8]) -> Result<(), ExchangeError> {
        let arguments = json!({"FileID": file, "PartNumber": number, "PartData": STANDARD.encode(data)});
        self.done("PutFilePart", arguments).await.map(drop)
    }

    /// Starts the loading of a file that was sent; returns the id of the job.
    pub(crate) async fn put(&self, peer: Peer<'_>, file: &str) -> Result<String, ExchangeError> {
        let arguments = json!({"ExchangePlanName": peer.plan, "PeerCode": peer.code, "FileID": file});
        let answer = self.done("PutData", arguments).await?;
        text(&answer.out, "OperationID").ok_or(ExchangeError::Incomplete("OperationID"))
    }

    /// How far the loading has come.
    pub(crate) async fn loaded(&self, job: &str) -> Result<Progress, ExchangeError> {
        let answer = self
            .call("PutDataActionResult", json!({"OperationID": job}))
            .await?;
        let status = answer.result.as_str().unwrap_or_default();
        progress(status, message(&answer), String::new(), 0)
    }
}

/// Asks until the job has ended or the patience.
pub(crate) async fn wait<F>(patience: Duration, mut ask: impl FnMut() -> F) -> Result<Progress, ExchangeError>
where
    F: Future<Output = Result<Progress, ExchangeError>>,
{
    let started = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let progress = ask().await?;
        let left = patience.saturating_sub(started.elapsed());
        if progress != Progress::Active || left.is_zero() {
            return Ok(progress);
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn progress(status: &str, said: Option<String>, file: String, parts: u32) -> Result<Progress, ExchangeError> {
    match status {
        "Active" => Ok(Progress::Active),
        "Completed" => Ok(Progress::Completed { file, parts }),
        "Failed" => Err(ExchangeError::Refused(said.unwrap_or_default())),
        "Canceled" => Err(ExchangeError::Cancelled),
        _ => Err(ExchangeError::Incomplete("Status")),
    }
}

fn text(object: &Map<String, Value>, key: &str) -> Option<String> {
    let text = object.get(key)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// What 1C says went wrong.
fn message(answer: &Answer) -> Option<String> {
    text(&answer.out, "ErrorMessage").map(cut)
}

fn cut(text: String) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn every_status_has_a_meaning() {
        let of = |status: &str| progress(status, Some("текст".to_owned()), "f".to_owned(), 2);
        assert_eq!(of("Active").unwrap(), Progress::Active);
        assert!(matches!(
            of("Completed").unwrap(),
            Progress::Completed { parts: 2, .. }
        ));
        assert!(matches!(of("Failed"), Err(ExchangeError::Refused(text)) if text == "текст"));
        assert!(matches!(of("Canceled"), Err(ExchangeError::Cancelled)));
        assert!(matches!(of(""), Err(ExchangeError::Incomplete("Status"))));
    }

    #[tokio::test]
    async fn a_job_is_asked_about_until_it_ends_or_patience_does() {
        let asked = AtomicU32::new(0);
        let ask = || {
            let ended = asked.fetch_add(1, Ordering::SeqCst) >= 1;
            std::future::ready(Ok(if ended {
                Progress::Completed {
                    file: String::new(),
                    parts: 0,
                }
            } else {
                Progress::Active
            }))
        };
        let end = wait(Duration::from_secs(60), ask).await.unwrap();
        assert!(matches!(end, Progress::Completed { .. }));
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        let end = wait(Duration::ZERO, || std::future::ready(Ok(Progress::Active)))
            .await
            .unwrap();
        assert_eq!(end, Progress::Active);
    }

    #[test]
    fn texts_are_cut_at_characters() {
        assert_eq!(cut("я".repeat(700)).chars().count(), 500);
        assert_eq!(cut("коротко".to_owned()), "коротко");
    }
}
