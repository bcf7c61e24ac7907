//! `POST /generate`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as STANDARD;
use common::Text;
use common::auth::Identity;
use common::http::{Json, Problem, Violations};
use common::idempotency::Key;
use http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::templates;
use crate::generate::fill;
use crate::generate::order::{self, Length, Order, Style, Tone, What};
use crate::generate::output::Format;
use crate::generate::run::{self, Generated, Opened};
use crate::state::AppState;

/// Characters of a task.
const MAX_CHARS: usize = 8000;

/// A text to be written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GenerateRequest {
    /// The name or id of a template; `text` or `letter` for what `prompt` says. A free text when
    /// absent.
    #[serde(alias = "kind")]
    template: Option<String>,
    /// An earlier version of one's own template.
    version: Option<i32>,
    /// What to write, or how to change what the template makes. Takes a language model.
    prompt: Option<String>,
    /// Values of the template's variables; data for a free text.
    #[serde(default)]
    parameters: Map<String, Value>,
    #[serde(default)]
    tone: Tone,
    #[serde(default)]
    length: Length,
    /// `ru` or `en`.
    language: Option<String>,
    /// What the text is made into; see also `Accept`.
    format: Option<Format>,
    company_id: Option<Uuid>,
    infobase_id: Option<Uuid>,
    model: Option<String>,
}

/// Writes a text. A client that accepts the media type of a format and no JSON gets the file
/// itself.
#[tracing::instrument(name = "http.generate", skip_all)]
pub(crate) async fn generate(
    State(state): State<AppState>,
    identity: Identity,
    headers: HeaderMap,
    Json(request): Json<GenerateRequest>,
) -> Result<Response, Problem> {
    let wanted_file = accepted(&headers);
    let order = order(&state, &identity, request, wanted_file).await?;
    let request = serde_json::to_vec(&order).map_err(Problem::internal)?;
    let key = Key::read(&headers, identity.user_id, "generate", &request)?;
    let job = match run::open(state.clone(), identity, order, key).await? {
        Opened::Replay(answer) => {
            let generated = serde_json::from_value(answer).map_err(Problem::internal)?;
            return respond(generated, wanted_file.is_some());
        }
        Opened::Job(job) => job,
    };
    let cancel = CancellationToken::new();
    let _guard = cancel.clone().drop_guard();
    let (sender, receiver) = oneshot::channel();
    state.context.spawn_transient(async move {
        let _ = sender.send(job.run(cancel).await);
    });
    let generated = receiver.await.map_err(Problem::internal)??;
    respond(generated, wanted_file.is_some())
}

/// The format whose file the client wants and nothing else.
fn accepted(headers: &HeaderMap) -> Option<Format> {
    let accept = headers.get(ACCEPT)?.to_str().ok()?;
    let types = |range: &str| {
        range
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    };
    let mut formats = accept.split(',').map(types).map(|wanted| {
        let is = |format: &&Format| types(format.media_type()) == wanted;
        Format::ALL.iter().find(is).copied()
    });
    let first = formats.next()??;
    formats.all(|other| other.is_some()).then_some(first)
}

fn respond(generated: Generated, as_file: bool) -> Result<Response, Problem> {
    if !as_file {
        return Ok(Json(generated).into_response());
    }
    let format = generated.format;
    let bytes = match &generated.file {
        Some(file) => STANDARD.decode(&file.content).map_err(Problem::internal)?,
        None => generated.text.into_bytes(),
    };
    // RFC 6266, section 4.3: names are Russian.
    let name = utf8_percent_encode(&generated.title, NON_ALPHANUMERIC);
    let disposition = format!(
        "attachment; filename=\"{}.{ext}\"; filename*=UTF-8''{name}.{ext}",
        if generated.version.is_some_and(|version| version > 0) {
            "document"
        } else {
            &generated.template
        },
        ext = format.extension(),
    );
    let disposition = HeaderValue::from_str(&disposition).map_err(Problem::internal)?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(format.media_type())),
        (CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, bytes).into_response())
}

/// The request, checked.
async fn order(
    state: &AppState,
    identity: &Identity,
    request: GenerateRequest,
    wanted_file: Option<Format>,
) -> Result<Order, Problem> {
    let mut violations = Violations::new();
    let prompt = request.prompt.filter(|prompt| !prompt.trim().is_empty());
    violations.check(
        prompt
            .as_deref()
            .is_none_or(|prompt| prompt.chars().count() <= MAX_CHARS),
        "/prompt",
        Text::new(
            "Задание длиннее 8000 символов.",
            "The task is longer than 8000 characters.",
        ),
    );
    let asked = request.language.as_deref();
    let language = asked.and_then(fill::locale_of);
    violations.check(
        asked.is_none() || language.is_some(),
        "/language",
        Text::new("Язык: ru или en.", "The language is ru or en."),
    );
    let mut language = language.unwrap_or_default();
    let name = request.template.as_deref().unwrap_or(order::TEXT);
    let what = match name {
        order::TEXT | order::LETTER => {
            violations.check(
                prompt.is_some(),
                "/prompt",
                Text::new("Опишите, что написать.", "Say what to write."),
            );
            What::Free {
                letter: name == order::LETTER,
            }
        }
        name => {
            let chosen = templates::chosen(state, identity.user_id, name, request.version).await?;
            chosen
                .definition
                .check_parameters(&request.parameters, &mut violations);
            language = chosen.definition.language(language);
            What::Template {
                name: chosen.name,
                version: chosen.version,
                definition: Box::new(chosen.definition),
            }
        }
    };
    violations.finish()?;
    Ok(Order {
        what,
        prompt,
        parameters: request.parameters,
        style: Style {
            tone: request.tone,
            length: request.length,
            language,
        },
        format: wanted_file.or(request.format).unwrap_or_default(),
        company_id: request.company_id,
        infobase_id: request.infobase_id,
        model: request.model,
    })
}
