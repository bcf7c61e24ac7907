//! A client's own prompts leave the company no more openly than questions do.

use common::auth::Permission;
use serde_json::{Value, json};

use crate::privacy::{NAMES, outside, sent};
use crate::setup::Service;

/// A prompt with names wherever there is room for them.
fn prompt(model: &str) -> [(&'static str, Value); 3] {
    let parameters =
        json!({"type": "object", "properties": {"who": {"type": "string", "enum": ["Вектор ООО"]}}});
    let call = json!({"who": "Вектор ООО"});
    let result = "{\"who\":\"Вектор ООО\",\"inn\":\"7707083893\"}";
    let question = "Что с Вектором? Спроси Иванова.";
    [
        (
            "/v1/chat/completions",
            json!({"model": model,
                "messages": [
                    {"role": "system", "content": "Ты работаешь с Вектор ООО"},
                    {"role": "user", "content": question},
                    {"role": "assistant", "content": null, "tool_calls": [
                        {"id": "c1", "type": "function", "function": {"name": "card", "arguments": call.to_string()}}]},
                    {"role": "tool", "tool_call_id": "c1", "content": result},
                ],
                "tools": [{"type": "function", "function": {"name": "card", "description": "Карточка Вектор ООО", "parameters": parameters}}]}),
        ),
        (
            "/v1/responses",
            json!({"model": model, "instructions": "Ты работаешь с Вектор ООО",
                "input": [
                    {"role": "user", "content": question},
                    {"type": "function_call", "call_id": "c1", "name": "card", "arguments": call.to_string()},
                    {"type": "function_call_output", "call_id": "c1", "output": result},
                ],
                "tools": [{"type": "function", "name": "card", "description": "Карточка Вектор ООО", "parameters": parameters}]}),
        ),
        (
            "/v1/messages",
            json!({"model": model, "max_tokens": 100, "system": "Ты работаешь с Вектор ООО",
                "messages": [
                    {"role": "user", "content": question},
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "card", "input": call}]},
                    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": result}]},
                ],
                "tools": [{"name": "card", "description": "Карточка Вектор ООО", "input_schema": parameters}]}),
        ),
    ]
}

async fn nothing_leaves(service: &Service) {
    let client = service.client(&[Permission::Chat, Permission::OnecRead]);
    for (path, request) in prompt("fake-no-tools") {
        service.provider.clear();
        let answer = client.post(path, &request).await;
        assert_eq!(answer.status, 200, "{path} {}", answer.text());
        let sent = sent(service);
        for name in NAMES {
            assert!(!sent.contains(name), "{path}: {name} in {sent}");
        }
        assert!(sent.contains("[ORG-1]") && sent.contains("[INN-1]"), "{sent}");
    }
}

#[tokio::test]
async fn names_of_a_client_s_prompt_do_not_leave() {
    for dialect in ["openai-chat", "openai-responses", "anthropic-messages"] {
        let url = if dialect == "anthropic-messages" {
            "{provider}"
        } else {
            "{provider}/v1"
        };
        let service = outside(&[("LLM_CLOUD_DIALECT", dialect), ("LLM_CLOUD_URL", url)]).await;
        nothing_leaves(&service).await;
    }
}

#[tokio::test]
async fn what_comes_back_has_its_names_again() {
    let service = outside(&[]).await;
    let client = service.client(&[Permission::Chat, Permission::OnecRead]);
    let request = json!({"model": "fake-quotes", "max_tokens": 100, "stream": true,
        "messages": [{"role": "user", "content": "Расскажи про Вектор ООО"}]});
    for path in ["/v1/chat/completions", "/v1/messages"] {
        let told = client.post(path, &request).await.text();
        assert!(
            told.contains("Вектор") && !told.contains("[ORG-1]"),
            "{path} {told}"
        );
    }
}

#[tokio::test]
async fn what_may_not_leave_is_refused() {
    let service = outside(&[("LOCAL_ONLY", "true")]).await;
    let client = service.client(&[Permission::Chat, Permission::OnecRead]);
    for (path, request) in prompt("fake-no-tools") {
        let refused = client.post(path, &request).await;
        assert_eq!(refused.status, 403, "{path} {}", refused.text());
        assert!(refused.text().contains("permission_error"), "{}", refused.text());
    }
    assert!(service.provider.bodies().is_empty());
}
