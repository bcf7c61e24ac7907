//! Tokens of texts whose provider told none. A guess, and marked as one wherever it is shown.

use super::{Item, Prompt};
use crate::tools::ToolCall;

/// About how many tokens a text is: vocabularies of today take some four Latin letters or
/// digits a token, and some two and a half of other alphabets.
pub(crate) fn tokens(text: &str) -> u64 {
    let chars = text.chars().count() as u64;
    let ascii = text.bytes().filter(u8::is_ascii).count() as u64;
    // Tenths of a token, so that short texts do not vanish.
    (ascii * 10 / 4 + (chars - ascii) * 4).div_ceil(10)
}

/// About how many tokens a call of a tool is.
pub(super) fn call(call: &ToolCall) -> u64 {
    tokens(&call.name) + tokens(&super::prompt::arguments_of(call).to_string())
}

/// About how many tokens a prompt is, its tools and results included.
pub(crate) fn prompt(prompt: &Prompt<'_>) -> u64 {
    let items: u64 = prompt
        .items
        .iter()
        .map(|item| match item {
            Item::User(text) | Item::Said(text) => tokens(text),
            Item::Turn(turn) => turn.raw.iter().map(|raw| tokens(&raw.to_string())).sum::<u64>(),
            Item::Results(results) => results.iter().map(|result| tokens(&result.content)).sum(),
        })
        .sum();
    let tools: u64 = prompt
        .tools
        .iter()
        .map(|tool| tokens(&tool.description) + tokens(&tool.parameters.to_string()))
        .sum();
    // What a provider puts around each message.
    tokens(prompt.system) + items + tools + 4 * (prompt.items.len() as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alphabets_differ() {
        assert_eq!(tokens(""), 0);
        assert_eq!(tokens("a"), 1);
        assert_eq!(tokens(&"word ".repeat(100)), 125);
        assert_eq!(tokens(&"слово".repeat(100)), 200);
    }
}
