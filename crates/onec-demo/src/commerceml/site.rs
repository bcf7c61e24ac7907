//! The conversation with a site. Answers are plain text and their first line decides.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::COOKIE;

use super::{ExportFile, archive};

/// Pause before an import that is not ready is asked for again.
const PAUSE: Duration = Duration::from_millis(200);
/// How often it is asked for.
const MOST_QUESTIONS: usize = 1000;

/// Why an exchange did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The site could not be reached.
    #[error("{step}: the site does not answer")]
    Unreachable {
        /// The step of the exchange.
        step: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The site answered `failure`, or something else than the protocol has.
    #[error("{step}: {answer}")]
    Refused {
        /// The step of the exchange.
        step: String,
        /// All that it answered.
        answer: String,
    },
    /// An archive could not be made.
    #[error("the archive could not be made")]
    Archive(#[source] std::io::Error),
}

/// How a site wants files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// It takes archives.
    pub zip: bool,
    /// Bytes of one part at most.
    pub file_limit: usize,
}

/// A site that 1C has logged in to.
#[derive(Clone, Debug)]
pub struct Site {
    client: reqwest::Client,
    address: String,
    /// Name and value, as the site gave them.
    cookie: String,
}

/// One request, its answer as text.
async fn call(
    client: &reqwest::Client,
    step: &str,
    request: reqwest::RequestBuilder,
) -> Result<String, PushError> {
    let unreachable = |source| PushError::Unreachable {
        step: step.to_owned(),
        source,
    };
    let request = request.build().map_err(unreachable)?;
    let answer = client.execute(request).await.map_err(unreachable)?;
    answer.text().await.map_err(unreachable)
}

/// The lines after `success`.
fn lines<'a>(step: &str, answer: &'a str) -> Result<Vec<&'a str>, PushError> {
    let mut lines = answer.lines().map(str::trim);
    if lines.next() == Some("success") {
        return Ok(lines.collect());
    }
    Err(PushError::Refused {
        step: step.to_owned(),
        answer: answer.trim().to_owned(),
    })
}

impl Site {
    /// Logs in at the address of an exchange (`checkauth`).
    ///
    /// # Errors
    /// When the site does not answer or does not let in.
    pub async fn log_in(address: &str, user: &str, password: &str) -> Result<Self, PushError> {
        let step = "checkauth";
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(120))
            .build()
            .map_err(|source| PushError::Unreachable {
                step: step.to_owned(),
                source,
            })?;
        let request = client
            .get(address)
            .query(&[("type", "catalog"), ("mode", "checkauth")])
            .basic_auth(user, Some(password));
        let answer = call(&client, step, request).await?;
        let cookie = match lines(step, &answer)?.as_slice() {
            [name, value, ..] => format!("{name}={value}"),
            _ => {
                return Err(PushError::Refused {
                    step: step.to_owned(),
                    answer,
                });
            }
        };
        Ok(Self {
            client,
            address: address.to_owned(),
            cookie,
        })
    }

    /// The same site with another cookie, `name=value`.
    #[must_use]
    pub fn with_cookie(&self, cookie: &str) -> Self {
        Self {
            cookie: cookie.to_owned(),
            ..self.clone()
        }
    }

    /// The same site at another address, with the same cookie.
    #[must_use]
    pub fn moved_to(&self, address: &str) -> Self {
        Self {
            address: address.to_owned(),
            ..self.clone()
        }
    }

    /// Any step: what the site answers.
    ///
    /// # Errors
    /// When the site does not answer.
    pub async fn ask(
        &self,
        method: Method,
        query: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<String, PushError> {
        let step: Vec<&str> = query.iter().map(|(_, value)| *value).collect();
        let request = self
            .client
            .request(method, &self.address)
            .query(query)
            .header(COOKIE, &self.cookie)
            .body(body);
        call(&self.client, &step.join(" "), request).await
    }

    async fn step(&self, mode: &str) -> Result<String, PushError> {
        self.ask(Method::GET, &[("type", "catalog"), ("mode", mode)], Vec::new())
            .await
    }

    /// Asks how files are wanted (`init`).
    ///
    /// # Errors
    /// When the site does not answer or answers something else.
    pub async fn init(&self) -> Result<Limits, PushError> {
        let answer = self.step("init").await?;
        let value = |name: &str| answer.lines().find_map(|line| line.trim().strip_prefix(name));
        let limit = value("file_limit=").and_then(|limit| limit.parse().ok());
        match (value("zip="), limit) {
            (Some(zip), Some(file_limit)) if file_limit > 0 => Ok(Limits {
                zip: zip == "yes",
                file_limit,
            }),
            _ => Err(PushError::Refused {
                step: "init".to_owned(),
                answer: answer.trim().to_owned(),
            }),
        }
    }

    /// Sends one part of a file; the site adds it to what it has of that name (`file`).
    ///
    /// # Errors
    /// When the site does not answer or does not take it.
    pub async fn part(&self, name: &str, part: &[u8]) -> Result<(), PushError> {
        let query = [("type", "catalog"), ("mode", "file"), ("filename", name)];
        let answer = self.ask(Method::POST, &query, part.to_vec()).await?;
        lines(&format!("file {name}"), &answer).map(|_| ())
    }

    /// Sends a file in parts of so many bytes.
    ///
    /// # Errors
    /// As [`part`](Self::part).
    pub async fn file(&self, file: &ExportFile, part: usize) -> Result<(), PushError> {
        for part in file.bytes.chunks(part.max(1)) {
            self.part(&file.name, part).await?;
        }
        Ok(())
    }

    /// Has a file imported, asking again as long as the site is not ready (`import`).
    ///
    /// # Errors
    /// When the site does not answer, refuses the file, or never gets ready.
    pub async fn import(&self, name: &str) -> Result<(), PushError> {
        let query = [("type", "catalog"), ("mode", "import"), ("filename", name)];
        let mut answer = String::new();
        for _ in 0..MOST_QUESTIONS {
            answer = self.ask(Method::GET, &query, Vec::new()).await?;
            if answer.lines().next().map(str::trim) != Some("progress") {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        lines(&format!("import {name}"), &answer).map(|_| ())
    }

    /// Tells that everything has been sent (`complete`).
    ///
    /// # Errors
    /// When the site does not answer or refuses.
    pub async fn complete(&self) -> Result<(), PushError> {
        let answer = self.step("complete").await?;
        lines("complete", &answer).map(|_| ())
    }
}

/// A whole exchange: logs in, sends the files, has them imported, and tells that it is over.
/// `zip` asks for one archive, if the site takes archives; `part` makes parts smaller than the site allows.
///
/// # Errors
/// At the first step that fails.
pub async fn push(
    address: &str,
    (user, password): (&str, &str),
    files: &[ExportFile],
    zip: bool,
    part: Option<usize>,
) -> Result<(), PushError> {
    let site = Site::log_in(address, user, password).await?;
    let limits = site.init().await?;
    let part = part.map_or(limits.file_limit, |part| part.min(limits.file_limit));
    if zip && limits.zip {
        let archive = ExportFile {
            name: "import.zip".to_owned(),
            bytes: archive(files).map_err(PushError::Archive)?,
        };
        site.file(&archive, part).await?;
    } else {
        for file in files {
            site.file(file, part).await?;
        }
    }
    for file in files {
        site.import(&file.name).await?;
    }
    site.complete().await
}
