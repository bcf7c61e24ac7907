//! A request to a model of others and its answer, through a mask.

use std::sync::Arc;

use super::{Mask, Unmasker};
use crate::providers::{Item, Options, Prompt, Turn};
use crate::tools::{ToolCall, ToolResult, ToolSpec};

/// What a model is told of tokens, besides its task.
const TOKENS: &str = "\n\nОбозначения вида [ORG-1], [PER-2], [INN-1] стоят вместо названий, имён и реквизитов, которые тебе не показаны. \
Пиши их точно так же, в скобках, не склоняй и не переводи; в аргументах инструментов тоже. Не проси их раскрыть.";

/// A masked request; its answer is put back by the same mask.
#[derive(Debug)]
pub(crate) struct Veil {
    system: String,
    items: Vec<Item>,
    /// Of a client's own prompt, where names may stand too.
    tools: Option<Vec<ToolSpec>>,
    options: Option<Options>,
    unmasker: Unmasker,
}

impl Veil {
    /// Masks a request.
    pub(crate) fn new(mask: &Arc<Mask>, prompt: &Prompt<'_>) -> Self {
        let of_client = prompt.of_client;
        let system = if of_client {
            mask.outgoing(prompt.system)
        } else {
            prompt.system.to_owned()
        };
        Self {
            system: format!("{system}{TOKENS}"),
            items: prompt.items.iter().map(|item| mask.item(item)).collect(),
            tools: of_client.then(|| prompt.tools.iter().map(|tool| mask.tool(tool)).collect()),
            options: of_client.then(|| mask.options(&prompt.options)),
            unmasker: mask.incoming(),
        }
    }

    /// The request as it may leave.
    pub(crate) fn prompt<'a>(&'a self, prompt: &Prompt<'a>) -> Prompt<'a> {
        Prompt {
            system: &self.system,
            items: &self.items,
            tools: self.tools.as_deref().unwrap_or(prompt.tools),
            options: self.options.clone().unwrap_or_else(|| prompt.options.clone()),
            mask: None,
            ..prompt.clone()
        }
    }

    /// What puts the stream of the answer back.
    pub(crate) fn incoming(&self) -> Unmasker {
        self.unmasker.clone()
    }

    /// The turn with everything put back but `raw`: its author wants that as it was.
    pub(crate) fn restored(&self, turn: Turn) -> Turn {
        Turn {
            text: self.unmasker.text(&turn.text),
            calls: turn
                .calls
                .into_iter()
                .map(|call| ToolCall {
                    arguments: call.arguments.map(|arguments| self.unmasker.object(arguments)),
                    ..call
                })
                .collect(),
            ..turn
        }
    }
}

impl Mask {
    fn item(&self, item: &Item) -> Item {
        match item {
            Item::User(text) => Item::User(self.outgoing_blocks(text)),
            Item::Said(text) => Item::Said(self.outgoing(text)),
            // `raw` was masked when it came about, or comes from a model that never left.
            Item::Turn(turn) => Item::Turn(Turn {
                text: self.outgoing(&turn.text),
                calls: turn.calls.iter().map(|call| self.call(call)).collect(),
                ..turn.clone()
            }),
            Item::Results(results) => Item::Results(
                results
                    .iter()
                    .map(|result| ToolResult {
                        content: self.outgoing_data(&result.content),
                        ..result.clone()
                    })
                    .collect(),
            ),
        }
    }

    fn tool(&self, tool: &ToolSpec) -> ToolSpec {
        ToolSpec {
            name: tool.name.clone(),
            description: self.outgoing(&tool.description).into(),
            parameters: self.outgoing_json(&tool.parameters),
        }
    }

    fn options(&self, options: &Options) -> Options {
        Options {
            stop: options.stop.iter().map(|text| self.outgoing(text)).collect(),
            schema: options.schema.as_ref().map(|schema| self.outgoing_json(schema)),
            ..options.clone()
        }
    }

    fn call(&self, call: &ToolCall) -> ToolCall {
        let arguments = match &call.arguments {
            Ok(arguments) => Ok(self.outgoing_object(arguments)),
            Err(text) => Err(self.outgoing(text)),
        };
        ToolCall {
            arguments,
            ..call.clone()
        }
    }

    /// A text of a user with data between marks, each on lines of their own.
    fn outgoing_blocks(&self, text: &str) -> String {
        let (mut sent, mut words, mut data) = (Vec::new(), Vec::new(), None::<Vec<&str>>);
        for line in text.split('\n') {
            match &mut data {
                None if line.starts_with("<data-") => {
                    if !words.is_empty() {
                        sent.push(self.outgoing(&std::mem::take(&mut words).join("\n")));
                    }
                    sent.push(line.to_owned());
                    data = Some(Vec::new());
                }
                None => words.push(line),
                Some(lines) if line.starts_with("</data-") => {
                    sent.push(self.outgoing_result(&lines.join("\n")));
                    sent.push(line.to_owned());
                    data = None;
                }
                Some(lines) => lines.push(line),
            }
        }
        // What was never closed was no data.
        words.extend(data.into_iter().flatten());
        if !words.is_empty() {
            sent.push(self.outgoing(&words.join("\n")));
        }
        sent.join("\n")
    }

    /// A result of a tool within its marks.
    fn outgoing_data(&self, content: &str) -> String {
        let (Some((head, rest)), Some((_, tail))) = (content.split_once('\n'), content.rsplit_once('\n'))
        else {
            return self.outgoing_result(content);
        };
        let is_mark = |line: &str| line.starts_with("<data-") || line.starts_with("</data-");
        if !is_mark(head) || !is_mark(tail) || rest.len() <= tail.len() {
            return self.outgoing_result(content);
        }
        let inner = &rest[..rest.len() - tail.len() - 1];
        format!("{head}\n{}\n{tail}", self.outgoing_result(inner))
    }
}
