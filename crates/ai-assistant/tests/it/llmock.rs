//! The service against llmock, which `tests/external/llmock.sh` starts.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use serde_json::json;

use crate::setup::Service;
use crate::streams::{events, text_of};

#[expect(clippy::disallowed_methods, reason = "the script tells the test so")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

#[tokio::test]
#[ignore = "needs llmock: tests/external/llmock.sh"]
async fn a_stranger_judges_the_service() {
    let url = variable("LLMOCK_URL");
    let questions: usize = variable("QUESTIONS").parse().unwrap();
    let fallback = variable("FALLBACK");
    let (openai, anthropic) = (format!("{url}/v1"), format!("{url}/anthropic"));
    // Each provider has a key, and so a limit, of its own.
    let service = Service::with(&[
        ("OPENAI_API_KEY", "sk-responses"),
        ("OPENAI_BASE_URL", &openai),
        ("OPENAI_MODEL", "gpt-6-sol"),
        ("OPENAI_API", "responses"),
        ("ANTHROPIC_API_KEY", "sk-messages"),
        ("ANTHROPIC_BASE_URL", &anthropic),
        ("ANTHROPIC_MODEL", "claude-sonnet-5-5"),
        ("LLM_PROVIDERS", "compatible"),
        ("LLM_COMPATIBLE_URL", &openai),
        ("LLM_COMPATIBLE_KEY", "sk-chat"),
        ("LLM_COMPATIBLE_MODELS", "gpt-4o"),
        ("LLM_FIRST_TOKEN_TIMEOUT", "3s"),
        ("LLM_IDLE_TIMEOUT", "2s"),
        ("LLM_FALLBACK", &fallback),
        // Two providers at one address would look like one that asks twice.
        ("LLM_PROBE_INTERVAL", "0s"),
        ("LLM_BREAKER_FAILURES", "5"),
        ("LLM_BREAKER_REST", "1s"),
    ])
    .await;
    let client = service.accountant();
    for model in [
        "openai/gpt-6-sol",
        "anthropic/claude-sonnet-5-5",
        "compatible/gpt-4o",
    ] {
        let started = Instant::now();
        let (mut by, mut restarts, mut texts) = (BTreeMap::new(), 0, HashSet::new());
        for number in 0..questions {
            // Rests of breakers pass while time does.
            service.clock().advance(chrono::TimeDelta::seconds(1));
            // llmock takes equal requests for one that is repeated.
            let question =
                json!({"message": format!("Вопрос {number} к {model}: кто нам должен?"), "model": model});
            let events = events(&client, &question).await;
            let (name, done) = events.last().unwrap();
            assert_eq!(name, "done", "{done}");
            let restart = events.iter().rposition(|(name, _)| name == "restart");
            restarts += usize::from(restart.is_some());
            let shown = text_of(&events[restart.unwrap_or(0)..]);
            assert_eq!(shown.trim(), done["answer"].as_str().unwrap().trim());
            if done["engine"] == "llm" {
                texts.insert(shown.trim().to_owned());
            }
            *by.entry(format!("{}/{}", done["provider"], done["model"]).replace('"', ""))
                .or_insert(0) += 1;
        }
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "{model}: {questions} questions in {seconds:.1} s, {restarts} restarts, answered by {by:?}, {} texts",
            texts.len()
        );
        // Nothing but whole texts, with whom llmock thinks it is.
        let whole = ["gpt-6-sol", "claude-sonnet-5-5", "gpt-4o"]
            .map(|model| format!("Hello! This is a mock response from {model}."));
        let parts: Vec<_> = texts.iter().filter(|text| !whole.contains(text)).collect();
        assert!(parts.is_empty(), "{parts:?}");
    }
    let failed: Vec<(String, i64)> = sqlx::query_as(
        "select provider || ' ' || error, count(*) from assistant.usage where outcome = 'failed' group by 1 order by 1",
    )
    .fetch_all(&service.db)
    .await
    .unwrap();
    println!("booked failures: {failed:?}");
}
