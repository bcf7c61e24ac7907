//! GigaChat (`POST /chat/completions`, streaming): Chat Completions of an older shape. It calls
//! `functions`, one in a turn, and writes their arguments as an object; its answers are read by
//! [`super::openai_chat`].

use serde_json::{Value, json};

use super::prompt::arguments_of;
use super::{Author, Item, Prompt, ToolChoice};

/// The body of a request.
pub(super) fn request(author: &Author, prompt: &Prompt<'_>) -> Value {
    let mut messages = vec![json!({"role": "system", "content": prompt.system})];
    // Results carry the name of their function, not the id of the call.
    let mut names = std::collections::HashMap::new();
    for item in prompt.items {
        match item {
            Item::User(text) => messages.push(json!({"role": "user", "content": text})),
            Item::Said(text) => messages.push(json!({"role": "assistant", "content": text})),
            Item::Turn(turn) => {
                names.extend(
                    turn.calls
                        .iter()
                        .map(|call| (call.id.as_str(), call.name.as_str())),
                );
                if let Some(raw) = turn.raw_for(author) {
                    messages.extend(raw.iter().cloned());
                    continue;
                }
                // Of several calls of another model only the first can be told here; the results
                // of the others follow under the names of their functions all the same.
                let mut message = json!({"role": "assistant", "content": turn.text});
                if let Some(call) = turn.calls.first() {
                    message["function_call"] = json!({"name": call.name, "arguments": arguments_of(call)});
                }
                messages.push(message);
            }
            Item::Results(results) => messages.extend(results.iter().map(|result| {
                // The content has to be JSON.
                let content = json!({"result": result.content}).to_string();
                json!({"role": "function", "name": names.get(result.id.as_str()), "content": content})
            })),
        }
    }
    let mut body = json!({
        "model": author.model,
        "messages": messages,
        "stream": true,
        "max_tokens": prompt.max_output_tokens,
    });
    let options = &prompt.options;
    if !prompt.tools.is_empty() {
        let functions: Vec<Value> = prompt
            .tools
            .iter()
            .map(|tool| json!({"name": tool.name, "description": tool.description, "parameters": tool.parameters}))
            .collect();
        body["functions"] = functions.into();
        body["function_call"] = match &options.tool_choice {
            ToolChoice::Auto | ToolChoice::Required => "auto".into(),
            ToolChoice::None => "none".into(),
            ToolChoice::Named(name) => json!({"name": name}),
        };
    }
    if let Some(temperature) = options.temperature {
        body["temperature"] = temperature.into();
    }
    if let Some(top_p) = options.top_p {
        body["top_p"] = top_p.into();
    }
    body
}
