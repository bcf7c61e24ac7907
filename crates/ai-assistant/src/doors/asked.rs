//! What a client asks for, in no protocol's words.

use common::Text;
use common::http::Problem;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::ASSISTANT;
use crate::providers::{Author, Dialect, Item, Options, Remote, Turn};
use crate::tools::{ToolCall, ToolResult, ToolSpec};

/// Which protocol a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    ChatCompletions,
    Responses,
    Messages,
}

impl Door {
    /// Turns of the client are passed on untouched to models of this dialect.
    const fn dialect(self) -> Dialect {
        match self {
            Self::ChatCompletions => Dialect::OpenAiChat,
            Self::Responses => Dialect::OpenAiResponses,
            Self::Messages => Dialect::AnthropicMessages,
        }
    }
}

/// Whose data is meant: a client sets it for all its requests, by headers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    /// `X-Company-Id`.
    pub(crate) company: Option<Uuid>,
    /// `X-Infobase-Id`.
    pub(crate) infobase: Option<Uuid>,
}

impl Place {
    /// # Errors
    /// 400 for what is no id.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let id = |name: &str| {
            let Some(value) = headers.get(name) else {
                return Ok(None);
            };
            let id = value.to_str().ok().and_then(|text| text.trim().parse().ok());
            id.map(Some).ok_or_else(|| {
                Problem::bad_request(Text::new(
                    format!("Заголовок {name} — не идентификатор UUID."),
                    format!("The header {name} is no UUID."),
                ))
            })
        };
        Ok(Self {
            company: id("x-company-id")?,
            infobase: id("x-infobase-id")?,
        })
    }
}

/// A request.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) door: Door,
    pub(crate) model: String,
    pub(crate) system: String,
    pub(crate) items: Vec<Item>,
    pub(crate) tools: Vec<ToolSpec>,
    /// Tokens of the answer; without it, as the service is configured.
    pub(crate) max_output_tokens: Option<u32>,
    pub(crate) options: Options,
    pub(crate) place: Place,
}

impl Asked {
    /// The model that is to do the assistant's work, when it is the assistant that is asked.
    pub(crate) fn assistant(&self) -> Option<Option<&str>> {
        if self.model == ASSISTANT {
            return Some(None);
        }
        if self.model == crate::builtin::MODEL {
            return Some(Some(&self.model));
        }
        self.model.strip_prefix(ASSISTANT)?.strip_prefix('/').map(Some)
    }

    /// Has a model that speaks the client's protocol get its own turns back as they were.
    pub(crate) fn belongs_to(&mut self, remote: &Remote) {
        if remote.dialect != self.door.dialect() {
            return;
        }
        let author = Author {
            dialect: remote.dialect,
            provider: remote.provider.clone(),
            model: remote.model.clone(),
        };
        for item in &mut self.items {
            if let Item::Turn(turn) = item {
                turn.author = Some(author.clone());
            }
        }
    }
}

/// The messages of a request as they are read.
#[derive(Debug, Default)]
pub(crate) struct Items {
    items: Vec<Item>,
    system: Vec<String>,
}

impl Items {
    pub(crate) fn system(&mut self, text: String) {
        if !text.trim().is_empty() {
            self.system.push(text);
        }
    }

    pub(crate) fn user(&mut self, text: String) {
        // Providers refuse empty messages.
        if !text.is_empty() {
            self.items.push(Item::User(text));
        }
    }

    /// An answer of the model: `raw` is what the client sent of it.
    pub(crate) fn turn(&mut self, text: String, calls: Vec<ToolCall>, raw: Vec<Value>) {
        if text.is_empty() && calls.is_empty() {
            return;
        }
        if calls.is_empty() {
            self.items.push(Item::Said(text));
            return;
        }
        self.items.push(Item::Turn(Turn {
            text,
            calls,
            raw,
            ..Turn::default()
        }));
    }

    /// The result of a call; those of one turn come together.
    pub(crate) fn result(&mut self, result: ToolResult) {
        if let Some(Item::Results(results)) = self.items.last_mut() {
            results.push(result);
        } else {
            self.items.push(Item::Results(vec![result]));
        }
    }

    /// The system prompt and the messages.
    ///
    /// # Errors
    /// 400 without any message, or when a call or a result lacks its other half: no provider takes
    /// that, and each says it in words of its own.
    pub(crate) fn finish(self) -> Result<(String, Vec<Item>), Problem> {
        if self.items.is_empty() {
            return Err(Problem::bad_request(Text::new(
                "Нет ни одного сообщения.",
                "There is no message.",
            )));
        }
        let mut open: Vec<&str> = Vec::new();
        for item in &self.items {
            match item {
                Item::Results(results) => {
                    for result in results {
                        let Some(at) = open.iter().position(|id| *id == result.id) else {
                            return Err(orphan("result", &result.id));
                        };
                        open.remove(at);
                    }
                }
                Item::Turn(turn) if open.is_empty() => {
                    open = turn.calls.iter().map(|call| call.id.as_str()).collect();
                }
                Item::User(_) | Item::Said(_) if open.is_empty() => {}
                Item::User(_) | Item::Said(_) | Item::Turn(_) => return Err(orphan("call", open[0])),
            }
        }
        match open.first() {
            Some(id) => Err(orphan("call", id)),
            None => Ok((self.system.join("\n\n"), self.items)),
        }
    }
}

fn orphan(what: &str, id: &str) -> Problem {
    let id: String = id.chars().take(64).collect();
    Problem::bad_request(if what == "call" {
        Text::new(
            format!("Нет результата вызова «{id}»."),
            format!("The call `{id}` has no result."),
        )
    } else {
        Text::new(
            format!("Результат «{id}» не относится ни к одному вызову предыдущего ответа."),
            format!("The result `{id}` belongs to no call of the answer before it."),
        )
    })
}

/// 400: a part of the protocol that this service does not have. It is refused where leaving it out
/// would change the answer.
pub(crate) fn unsupported(what: &str) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "assistant.unsupported",
        Text::new("Не поддерживается", "Not supported"),
    )
    .detail(Text::new(
        format!("Не поддерживается: {what}."),
        format!("Not supported: {what}."),
    ))
}

pub(crate) fn invalid(ru: &'static str, en: &'static str) -> Problem {
    Problem::bad_request(Text::new(ru, en))
}

/// The text of a message: a string, or parts of which all have to be texts.
pub(crate) fn text_of(content: &Value) -> Result<String, Problem> {
    match content {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        Value::Array(parts) => {
            let texts: Result<Vec<String>, Problem> = parts.iter().map(part).collect();
            Ok(texts?.join("\n"))
        }
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => Err(invalid(
            "Содержимое сообщения — не текст и не список частей.",
            "The content of a message is neither a text nor a list of parts.",
        )),
    }
}

fn part(part: &Value) -> Result<String, Problem> {
    let own = |name: &str| part[name].as_str().unwrap_or_default().to_owned();
    match part["type"].as_str().unwrap_or_default() {
        "text" | "input_text" | "output_text" => Ok(own("text")),
        "refusal" => Ok(own("refusal")),
        "document" if part["source"]["type"] == "text" => {
            Ok(part["source"]["data"].as_str().unwrap_or_default().to_owned())
        }
        "search_result" => text_of(&part["content"]),
        kind => Err(unsupported(&format!(
            "content part `{}`",
            kind.chars().take(40).collect::<String>()
        ))),
    }
}

/// The arguments of a call that a client sends back.
pub(crate) fn arguments(value: &Value) -> Result<Map<String, Value>, String> {
    match value {
        Value::Object(arguments) => Ok(arguments.clone()),
        Value::Null => Ok(Map::new()),
        Value::String(text) if text.trim().is_empty() => Ok(Map::new()),
        Value::String(text) => serde_json::from_str(text).map_err(|_| text.chars().take(200).collect()),
        other => Err(other.to_string().chars().take(200).collect()),
    }
}

/// A tool of the client.
pub(crate) fn tool(
    name: Option<&str>,
    description: Option<&str>,
    parameters: Option<&Value>,
) -> Result<ToolSpec, Problem> {
    let name = name
        .filter(|name| !name.is_empty())
        .ok_or_else(|| invalid("У инструмента нет имени.", "A tool has no name."))?;
    let parameters = parameters
        .filter(|value| value.is_object())
        .cloned()
        .unwrap_or_else(|| serde_json::json!({"type": "object", "properties": {}}));
    Ok(ToolSpec {
        name: name.to_owned().into(),
        description: description.unwrap_or_default().to_owned().into(),
        parameters,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(id: &str) -> ToolCall {
        ToolCall {
            id: id.to_owned(),
            name: "f".to_owned(),
            arguments: Ok(Map::new()),
        }
    }

    fn result(id: &str) -> ToolResult {
        ToolResult {
            id: id.to_owned(),
            content: String::new(),
            is_error: false,
        }
    }

    #[test]
    fn every_call_has_its_result() {
        let build = |steps: &[(&str, &str)]| {
            let mut items = Items::default();
            items.user("q".to_owned());
            for (what, id) in steps {
                match *what {
                    "call" => items.turn(String::new(), vec![call(id)], Vec::new()),
                    "result" => items.result(result(id)),
                    _ => items.user("more".to_owned()),
                }
            }
            items.finish().is_ok()
        };
        assert!(build(&[("call", "1"), ("result", "1"), ("user", "")]));
        assert!(!build(&[("call", "1")]));
        assert!(!build(&[("call", "1"), ("user", ""), ("result", "1")]));
        assert!(!build(&[("call", "1"), ("result", "2")]));
        assert!(!build(&[("result", "1")]));
        assert!(Items::default().finish().is_err());
    }

    #[test]
    fn texts_come_in_parts() {
        assert_eq!(
            text_of(&json!([{"type": "text", "text": "a"}, {"type": "input_text", "text": "b"}])).unwrap(),
            "a\nb"
        );
        let refused = text_of(&json!([{"type": "image_url", "image_url": {"url": "x"}}]));
        assert_eq!(refused.unwrap_err().code(), "assistant.unsupported");
        assert!(text_of(&json!(5)).is_err());
    }
}
