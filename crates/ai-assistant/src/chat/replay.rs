//! The events of an answer that has been kept, for clients that come late.

use super::events::ChatEvent;
use super::run::Answer;

/// What the stream of a complete answer amounts to.
pub(crate) fn events_of(answer: Answer) -> Vec<ChatEvent> {
    let mut events = vec![
        ChatEvent::MessageStart {
            conversation_id: answer.conversation_id,
            message_id: answer.message_id,
            question_id: answer.question_id,
            model: answer.model.clone(),
            resumable: true,
        },
        ChatEvent::Token {
            text: answer.answer.clone(),
        },
    ];
    events.extend(answer.citations.iter().cloned().map(ChatEvent::Citation));
    events.push(ChatEvent::Usage(answer.usage.clone()));
    events.push(ChatEvent::Done(Box::new(answer)));
    events
}
