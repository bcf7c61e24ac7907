//! Frames of the protocols.

use serde_json::{Value, json};

use super::Protocol;

/// Frames of one protocol.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wire {
    pub(super) protocol: Protocol,
}

impl Wire {
    fn named(name: &str, data: &Value) -> String {
        format!("event: {name}\ndata: {data}\n\n")
    }

    fn chunk(delta: &Value, finish: Option<&str>) -> String {
        let chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fake",
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}], "usage": null});
        format!("data: {chunk}\n\n")
    }

    pub(super) fn begin(self, model: &str) -> Vec<String> {
        match self.protocol {
            Protocol::Responses => {
                let response = json!({"id": "resp_1", "object": "response", "status": "in_progress", "model": model, "output": [], "usage": null});
                ["response.created", "response.in_progress"]
                    .map(|name| {
                        Self::named(
                            name,
                            &json!({"type": name, "sequence_number": 0, "response": response}),
                        )
                    })
                    .to_vec()
            }
            Protocol::Chat | Protocol::GigaChat => vec![
                ": keep-alive\n\n".to_owned(),
                Self::chunk(&json!({"role": "assistant", "content": null}), None),
            ],
            Protocol::Messages => vec![
                Self::named(
                    "message_start",
                    &json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant",
                    "content": [], "model": model, "stop_reason": null, "usage": {"input_tokens": 100, "cache_read_input_tokens": 20, "output_tokens": 1}}}),
                ),
                Self::named("ping", &json!({"type": "ping"})),
            ],
        }
    }

    pub(super) fn text_begin(self, text: &str) -> Vec<String> {
        match self.protocol {
            Protocol::Responses => vec![Self::named("response.output_item.added", &json!({"type": "response.output_item.added", "output_index": 0,
                "item": {"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": []}}))],
            Protocol::Chat | Protocol::GigaChat => Vec::new(),
            Protocol::Messages => vec![Self::named("content_block_start", &json!({"type": "content_block_start", "index": 0,
                "content_block": {"type": "text", "text": ""}}))],
        }
        .into_iter()
        .chain(self.text_more(text))
        .collect()
    }

    pub(super) fn text_more(self, text: &str) -> Vec<String> {
        vec![match self.protocol {
            Protocol::Responses => Self::named(
                "response.output_text.delta",
                &json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "delta": text}),
            ),
            Protocol::Chat | Protocol::GigaChat => Self::chunk(&json!({"content": text}), None),
            Protocol::Messages => Self::named(
                "content_block_delta",
                &json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
            ),
        }]
    }

    pub(super) fn text_end(self, text: &str) -> Vec<String> {
        match self.protocol {
            Protocol::Responses => {
                let item = json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": text, "annotations": []}]});
                vec![
                    Self::named(
                        "response.output_item.done",
                        &json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
                    ),
                    Self::completed(&item),
                ]
            }
            Protocol::Chat | Protocol::GigaChat => Self::chat_end("stop"),
            Protocol::Messages => Self::messages_end("end_turn"),
        }
    }

    pub(super) fn whole_text(self, text: &str) -> Vec<String> {
        let middle = text
            .char_indices()
            .nth(text.chars().count() / 2)
            .map_or(0, |(i, _)| i);
        let (one, two) = text.split_at(middle);
        let mut frames = self.text_begin(one);
        frames.extend(self.text_more(two));
        frames.extend(self.text_end(text));
        frames
    }

    pub(super) fn call(self, name: &str, arguments: &str) -> Vec<String> {
        let middle = arguments.floor_char_boundary(arguments.len() / 2);
        let (one, two) = arguments.split_at(middle);
        match self.protocol {
            Protocol::Responses => {
                let item = json!({"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name, "arguments": arguments, "status": "completed"});
                let delta = |part: &str| {
                    Self::named(
                        "response.function_call_arguments.delta",
                        &json!({"type": "response.function_call_arguments.delta", "item_id": "fc_1", "delta": part}),
                    )
                };
                vec![
                    Self::named(
                        "response.output_item.added",
                        &json!({"type": "response.output_item.added", "output_index": 0,
                        "item": {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name, "arguments": "", "status": "in_progress"}}),
                    ),
                    delta(one),
                    delta(two),
                    Self::named(
                        "response.output_item.done",
                        &json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
                    ),
                    Self::completed(&item),
                ]
            }
            Protocol::Chat => {
                let mut frames = vec![
                    Self::chunk(
                        &json!({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": one}}]}),
                        None,
                    ),
                    // Some servers repeat the name in every piece.
                    Self::chunk(
                        &json!({"tool_calls": [{"index": 0, "function": {"name": name, "arguments": two}}]}),
                        None,
                    ),
                ];
                frames.extend(Self::chat_end("tool_calls"));
                frames
            }
            Protocol::GigaChat => {
                let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
                let mut frames = vec![Self::chunk(
                    &json!({"role": "assistant", "content": "", "functions_state_id": "state-1",
                        "function_call": {"name": name, "arguments": arguments}}),
                    None,
                )];
                frames.extend(Self::chat_end("function_call"));
                frames
            }
            Protocol::Messages => {
                let delta = |part: &str| {
                    Self::named(
                        "content_block_delta",
                        &json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": part}}),
                    )
                };
                let mut frames = vec![
                    Self::named(
                        "content_block_start",
                        &json!({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}}),
                    ),
                    delta(""),
                    delta(one),
                    delta(two),
                ];
                frames.extend(Self::messages_end("tool_use"));
                frames
            }
        }
    }

    pub(super) fn late_error(self) -> String {
        match self.protocol {
            Protocol::Responses => Self::named("error", &json!({"type": "error", "code": "rate_limit_exceeded", "message": "slow down", "param": null, "sequence_number": 2})),
            Protocol::Chat | Protocol::GigaChat => "data: {\"error\":{\"message\":\"slow down\",\"type\":\"requests\",\"code\":\"rate_limit_exceeded\"}}\n\n".to_owned(),
            Protocol::Messages => Self::named("error", &json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})),
        }
    }

    fn completed(item: &Value) -> String {
        Self::named(
            "response.completed",
            &json!({"type": "response.completed", "sequence_number": 9, "response": {"id": "resp_1", "object": "response", "status": "completed",
            "output": [item], "usage": {"input_tokens": 120, "input_tokens_details": {"cached_tokens": 20}, "output_tokens": 15, "total_tokens": 135}}}),
        )
    }

    fn chat_end(reason: &str) -> Vec<String> {
        vec![
            Self::chunk(&json!({}), Some(reason)),
            "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":{\"prompt_tokens\":120,\"completion_tokens\":15,\"total_tokens\":135,\"prompt_tokens_details\":{\"cached_tokens\":20}}}\n\n".to_owned(),
            "data: [DONE]\n\n".to_owned(),
        ]
    }

    fn messages_end(reason: &str) -> Vec<String> {
        vec![
            Self::named(
                "content_block_stop",
                &json!({"type": "content_block_stop", "index": 0}),
            ),
            Self::named(
                "message_delta",
                &json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": {"output_tokens": 15}}),
            ),
            Self::named("message_stop", &json!({"type": "message_stop"})),
        ]
    }

    /// The end as servers send it that leave the last mark of the protocol out.
    pub(super) fn text_end_unmarked(self, text: &str) -> Vec<String> {
        let mut frames = self.text_end(text);
        // The Responses API has no mark after its last event.
        if self.protocol != Protocol::Responses {
            frames.pop();
        }
        frames
    }

    /// The answer of a server that does not stream.
    pub(super) fn unstreamed(self, text: &str) -> Value {
        match self.protocol {
            Protocol::Responses => {
                json!({"id": "resp_1", "object": "response", "status": "completed", "error": null,
                "output": [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": text, "annotations": []}]}],
                "usage": {"input_tokens": 120, "output_tokens": 15, "total_tokens": 135}})
            }
            Protocol::Chat | Protocol::GigaChat => {
                json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "fake",
                "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 120, "completion_tokens": 15, "total_tokens": 135}})
            }
            Protocol::Messages => {
                json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "fake",
                "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
                "usage": {"input_tokens": 120, "output_tokens": 15}})
            }
        }
    }
}

/// A call as llama.cpp's Python server streams it: no index is sure, the name stands in every
/// piece, the older form comes beside the newer one, nulls are everywhere, and no tokens are told.
pub(super) fn call_of_llama_cpp(name: &str, arguments: &str) -> Vec<String> {
    let chunk = |delta: &Value, finish: Option<&str>| {
        let chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fake",
            "choices": [{"index": 0, "finish_reason": finish, "logprobs": null, "delta": delta}]});
        format!("data: {chunk}\r\n\r\n")
    };
    let mut frames = vec![chunk(
        &json!({"role": "assistant", "content": null, "function_call": null, "tool_calls": null}),
        None,
    )];
    for piece in arguments.split_inclusive(' ') {
        let function = json!({"name": name, "arguments": piece});
        frames.push(chunk(
            &json!({"role": null, "content": null, "function_call": function,
                "tool_calls": [{"index": 0, "id": "call__0_1", "type": "function", "function": function}]}),
            None,
        ));
    }
    frames.push(chunk(
        &json!({"role": null, "content": null, "function_call": null, "tool_calls": null}),
        Some("tool_calls"),
    ));
    frames.push("data: [DONE]\r\n\r\n".to_owned());
    frames
}

/// A text as careless servers stream it: comments, CRLF, an empty event, a chunk of usage without
/// choices, an empty reason at the end, no tokens, and no mark after it.
pub(super) fn text_of_careless_servers(text: &str) -> Vec<String> {
    let (one, two) = text.split_at(text.char_indices().nth(5).map_or(0, |(at, _)| at));
    let chunk = |content: &str| {
        format!(
            ": keep-alive\r\n\r\ndata:{}\r\n\r\n",
            json!({"choices": [{"delta": {"role": null, "content": content, "tool_calls": null}, "finish_reason": null}], "usage": {}})
        )
    };
    vec![
        "data:\r\n\r\n".to_owned(),
        chunk(one),
        chunk(two),
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"\"}]}\r\n\r\n".to_owned(),
        "data: {\"choices\":null,\"usage\":{}}\r\n\r\ndata: [DONE]\r\n\r\n".to_owned(),
    ]
}
