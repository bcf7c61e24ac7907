//! Clients that speak OpenAI's and Anthropic's protocols, through the real sockets.

use common::auth::Permission;
use common::testing::{Client, Response};
use serde_json::{Value, json};

use crate::fake_provider::Protocol;
use crate::onec::Mood;
use crate::setup::{Service, eventually};

const DIALECTS: [&str; 3] = ["openai", "chat", "anthropic"];
const NONE: &str = "Данных у меня нет.";

/// The doors, each with a request for that model.
fn requests(model: &str, question: &str) -> [(&'static str, Value); 3] {
    let messages = json!([{"role": "user", "content": question}]);
    [
        (
            "/v1/chat/completions",
            json!({"model": model, "messages": messages}),
        ),
        ("/v1/responses", json!({"model": model, "input": question})),
        (
            "/v1/messages",
            json!({"model": model, "messages": messages, "max_tokens": 500}),
        ),
    ]
}

fn streamed(mut request: Value) -> Value {
    request["stream"] = true.into();
    request
}

/// The events of a stream: name (or nothing) and data.
fn events(response: &Response) -> Vec<(String, Value)> {
    let text = response.text();
    text.split("\n\n")
        .filter_map(|frame| {
            let member = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name));
            let data = member("data: ")?;
            Some((
                member("event: ").unwrap_or_default().to_owned(),
                serde_json::from_str(data).unwrap_or(Value::Null),
            ))
        })
        .collect()
}

fn text_of(path: &str, answer: &Value) -> String {
    let found = match path {
        "/v1/chat/completions" => &answer["choices"][0]["message"]["content"],
        "/v1/responses" => &answer["output"][0]["content"][0]["text"],
        _ => &answer["content"][0]["text"],
    };
    found.as_str().unwrap_or_default().to_owned()
}

/// The text that the pieces of a stream come to.
fn text_of_stream(events: &[(String, Value)]) -> String {
    events
        .iter()
        .filter_map(|(name, data)| match name.as_str() {
            "" => data["choices"][0]["delta"]["content"].as_str(),
            "response.output_text.delta" => data["delta"].as_str(),
            "content_block_delta" => data["delta"]["text"].as_str(),
            _ => None,
        })
        .collect()
}

/// The body of a refusal.
fn body_of(response: &Response) -> Value {
    serde_json::from_str(&response.text()).unwrap()
}

async fn post(client: &Client, path: &str, request: &Value) -> Response {
    client.post(path, request).await
}

#[tokio::test]
async fn every_door_leads_to_every_dialect() {
    for dialect in DIALECTS {
        let service = Service::with_provider(dialect).await;
        let client = service.client(&[Permission::Chat]);
        for (path, request) in requests("fake", "Как дела?") {
            let whole = post(&client, path, &request).await;
            assert_eq!(whole.status, 200, "{dialect} {path} {}", whole.text());
            let answer: Value = whole.json();
            assert_eq!(text_of(path, &answer), NONE, "{dialect} {answer}");
            assert_eq!(answer["model"], "fake");
            let stream = post(&client, path, &streamed(request)).await;
            assert_eq!(stream.headers["content-type"], "text/event-stream");
            let events = events(&stream);
            assert_eq!(text_of_stream(&events), NONE, "{dialect} {path}");
            let last = &events.last().unwrap().0;
            match path {
                "/v1/chat/completions" => assert!(stream.text().ends_with("data: [DONE]\n\n")),
                "/v1/responses" => assert_eq!(last, "response.completed"),
                _ => assert_eq!(last, "message_stop"),
            }
        }
        let spoken = match dialect {
            "openai" => Protocol::Responses,
            "chat" => Protocol::Chat,
            _ => Protocol::Messages,
        };
        let asked = service.provider.asked();
        assert!(asked.iter().all(|asked| asked.protocol == spoken), "{dialect}");
        let usage = service.usage().await;
        assert_eq!(usage.len(), 6, "one row for each request");
        assert!(usage.iter().all(|row| row.1 == "answered"));
        let operations: Vec<String> = sqlx::query_scalar("select distinct operation from assistant.usage")
            .fetch_all(&service.db)
            .await
            .unwrap();
        assert_eq!(operations, ["proxy"]);
        let kept: i64 = sqlx::query_scalar("select count(*) from assistant.messages")
            .fetch_one(&service.db)
            .await
            .unwrap();
        assert_eq!(kept, 0, "what a client says to a model is not stored");
    }
}

#[tokio::test]
async fn tools_of_the_client_go_through_and_back() {
    for dialect in DIALECTS {
        let service = Service::with_provider(dialect).await;
        let client = service.client(&[Permission::Chat]);
        let parameters = json!({"type": "object", "properties": {"item": {"type": "string"}}});

        // Chat Completions, streamed.
        let mut request = requests("fake", "Сколько бумаги?")[0].1.clone();
        request["tools"] = json!([{"type": "function", "function": {"name": "get_stock", "description": "d", "parameters": parameters}}]);
        request["stream_options"] = json!({"include_usage": true});
        let events_of_chat = events(&post(&client, "/v1/chat/completions", &streamed(request.clone())).await);
        let call = events_of_chat
            .iter()
            .find_map(|(_, data)| data["choices"][0]["delta"]["tool_calls"][0].as_object())
            .unwrap();
        assert_eq!(call["function"]["name"], "get_stock", "{dialect}");
        let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
        assert_eq!(arguments, json!({"item": "Бумага А4"}));
        let counted = events_of_chat.iter().rev().nth(1).unwrap();
        assert_eq!(counted.1["choices"], json!([]));
        assert!(counted.1["usage"]["total_tokens"].as_u64().unwrap() > 0);
        let message: Value = post(&client, "/v1/chat/completions", &request).await.json();
        assert_eq!(message["choices"][0]["finish_reason"], "tool_calls");
        let message = message["choices"][0]["message"].clone();
        let id = message["tool_calls"][0]["id"].clone();
        let messages = request["messages"].as_array_mut().unwrap();
        messages.push(message);
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": "{\"debt\":\"12.50\"}"}));
        let answer: Value = post(&client, "/v1/chat/completions", &request).await.json();
        assert!(
            text_of("/v1/chat/completions", &answer).contains("12,50"),
            "{dialect} {answer}"
        );

        // Responses.
        let mut request = json!({"model": "fake", "input": [{"role": "user", "content": "Сколько бумаги?"}],
            "tools": [{"type": "function", "name": "get_stock", "description": "d", "parameters": parameters, "strict": true}]});
        let first: Value = post(&client, "/v1/responses", &request).await.json();
        assert_eq!(first["status"], "completed");
        let call = first["output"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(
            (&call["type"], &call["name"]),
            (&json!("function_call"), &json!("get_stock"))
        );
        let stream = events(&post(&client, "/v1/responses", &streamed(request.clone())).await);
        assert!(
            stream
                .iter()
                .any(|(name, _)| name == "response.function_call_arguments.done")
        );
        let numbers: Vec<u64> = stream
            .iter()
            .map(|(_, data)| data["sequence_number"].as_u64().unwrap())
            .collect();
        assert!(numbers.iter().copied().eq(0..numbers.len() as u64), "{numbers:?}");
        let input = request["input"].as_array_mut().unwrap();
        input.push(call.clone());
        input.push(json!({"type": "function_call_output", "call_id": call["call_id"], "output": "{\"debt\":\"12.50\"}"}));
        let answer: Value = post(&client, "/v1/responses", &request).await.json();
        assert!(
            text_of("/v1/responses", &answer).contains("12,50"),
            "{dialect} {answer}"
        );

        // Messages.
        let mut request = requests("fake", "Сколько бумаги?")[2].1.clone();
        request["tools"] = json!([{"name": "get_stock", "description": "d", "input_schema": parameters}]);
        let first: Value = post(&client, "/v1/messages", &request).await.json();
        assert_eq!(first["stop_reason"], "tool_use", "{dialect} {first}");
        let call = first["content"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(
            (&call["name"], &call["input"]),
            (&json!("get_stock"), &json!({"item": "Бумага А4"}))
        );
        let stream = events(&post(&client, "/v1/messages", &streamed(request.clone())).await);
        assert!(
            stream
                .iter()
                .any(|(_, data)| data["delta"]["type"] == "input_json_delta")
        );
        assert!(stream.iter().all(|(name, data)| data["type"] == name.as_str()));
        let messages = request["messages"].as_array_mut().unwrap();
        messages.push(json!({"role": "assistant", "content": first["content"]}));
        messages.push(json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": call["id"], "content": "{\"debt\":\"12.50\"}"}]}));
        let answer: Value = post(&client, "/v1/messages", &request).await.json();
        assert!(
            text_of("/v1/messages", &answer).contains("12,50"),
            "{dialect} {answer}"
        );
    }
}

#[tokio::test]
async fn the_assistant_answers_with_figures_of_1c_behind_every_door() {
    let service = Service::start().await;
    let client = service.accountant();
    for (path, request) in requests("1c-assistant", "Кто нам должен?") {
        let answer: Value = post(&client, path, &request).await.json();
        assert_eq!(answer["model"], "1c-assistant", "{answer}");
        let text = text_of(path, &answer);
        assert!(
            text.contains("Вектор ООО") && text.contains("Источники:"),
            "{text}"
        );
        assert_eq!(answer["onec"]["engine"], "rules");
        assert_eq!(answer["onec"]["citations"][0]["id"], 1);
        let stream = events(&post(&client, path, &streamed(request)).await);
        assert_eq!(text_of_stream(&stream), text, "{path}");
    }
    let with_company = client
        .request(http::Method::POST, "/v1/chat/completions")
        .header("x-company-id", common::ids::new_id().to_string())
        .json(&requests("1c-assistant", "Кто нам должен?")[0].1);
    assert_eq!(client.send(with_company).await.status, 200);
    assert!(service.onec.asked().last().unwrap().contains("company="));
    let conversations: Value = client.get("/conversations").await.json();
    assert_eq!(
        conversations["items"],
        json!([]),
        "the client keeps the conversation"
    );
    // Without the right to read 1C there are no figures.
    let powerless = service.client(&[Permission::Chat]);
    let request = &requests("1c-assistant", "Кто нам должен?")[0].1;
    let answer: Value = post(&powerless, "/v1/chat/completions", request).await.json();
    assert!(
        !text_of("/v1/chat/completions", &answer).contains("Вектор"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_model_does_the_assistants_work_with_its_tools() {
    let service = Service::with_provider("anthropic").await;
    let client = service.accountant();
    let mut request = requests("1c-assistant/fake", "Кто нам должен?")[0].1.clone();
    let answer: Value = post(&client, "/v1/chat/completions", &request).await.json();
    let text = text_of("/v1/chat/completions", &answer);
    assert!(text.contains("1200,50 ₽ [1]"), "{text}");
    assert_eq!(
        (&answer["onec"]["engine"], &answer["onec"]["model"]),
        (&json!("llm"), &json!("fake"))
    );
    assert_eq!(answer["usage"]["total_tokens"], 270);
    // What went before is shown to the model, and the wishes of the client too.
    request["messages"] = json!([
        {"role": "system", "content": "Отвечай кратко"},
        {"role": "user", "content": "Привет"},
        {"role": "assistant", "content": "Здравствуйте"},
        {"role": "user", "content": "Кто нам должен?"},
    ]);
    let _: Value = post(&client, "/v1/chat/completions", &request).await.json();
    let asked = service.provider.bodies().last().unwrap().to_string();
    assert!(
        asked.contains("Отвечай кратко") && asked.contains("Здравствуйте"),
        "{asked}"
    );
    assert!(
        asked.contains("find_subject"),
        "the tools are the assistant's own"
    );
}

#[tokio::test]
async fn refusals_are_in_the_words_of_the_protocol() {
    let service = Service::with_provider("chat").await;
    let client = service.client(&[Permission::Chat]);
    for (path, request) in requests("no-such-model", "?") {
        let refused = post(&client, path, &streamed(request)).await;
        assert_eq!(refused.status, 404, "{path} {}", refused.text());
        let body = body_of(&refused);
        if path == "/v1/messages" {
            assert_eq!(
                (&body["type"], &body["error"]["type"]),
                (&json!("error"), &json!("not_found_error"))
            );
        } else {
            assert_eq!(body["error"]["code"], "model_not_found");
        }
    }
    let anonymous = service.anonymous();
    let nobody = service.client(&[]);
    for (path, request) in requests("fake", "?") {
        for (client, status, kind) in [
            (&anonymous, 401, "authentication_error"),
            (&nobody, 403, "permission_error"),
        ] {
            let refused = post(client, path, &request).await;
            assert_eq!(refused.status, status);
            assert_eq!(body_of(&refused)["error"]["type"], kind, "{path}");
        }
    }
    for (path, request, code) in [
        (
            "/v1/chat/completions",
            json!({"model": "fake", "messages": []}),
            "request.invalid",
        ),
        (
            "/v1/chat/completions",
            json!({"messages": []}),
            "request.validation_failed",
        ),
        (
            "/v1/chat/completions",
            json!({"model": "fake", "n": 2, "messages": [{"role": "user", "content": "?"}]}),
            "assistant.unsupported",
        ),
        (
            "/v1/chat/completions",
            json!({"model": "fake", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}),
            "assistant.unsupported",
        ),
        (
            "/v1/responses",
            json!({"model": "fake", "input": "?", "previous_response_id": "resp_1"}),
            "assistant.unsupported",
        ),
    ] {
        let refused = post(&client, path, &request).await;
        assert_eq!(refused.status, 400, "{request} {}", refused.text());
        assert_eq!(body_of(&refused)["error"]["code"], code, "{request}");
    }
    let no_limit = json!({"model": "fake", "messages": [{"role": "user", "content": "?"}]});
    let refused = body_of(&post(&client, "/v1/messages", &no_limit).await);
    assert_eq!(refused["error"]["type"], "invalid_request_error");
}

#[tokio::test]
async fn a_broken_answer_is_never_told_as_whole() {
    let service = Service::with_provider("chat").await;
    let client = service.client(&[Permission::Chat]);
    // Before the first word the status tells it.
    for (model, status) in [
        ("fault-context", 400),
        ("fault-503", 502),
        ("fault-529", 503),
        ("fault-filter", 400),
    ] {
        let (path, request) = &requests(model, "?")[0];
        let refused = post(&client, path, &streamed(request.clone())).await;
        assert_eq!(refused.status, status, "{model} {}", refused.text());
    }
    let too_long = body_of(&post(&client, "/v1/responses", &requests("fault-context", "?")[1].1).await);
    assert_eq!(too_long["error"]["code"], "context_length_exceeded");
    // After it, the stream does.
    for (path, request) in requests("fault-cut", "?") {
        assert_eq!(post(&client, path, &request).await.status, 502, "{path}");
        let stream = post(&client, path, &streamed(request)).await;
        assert_eq!(stream.status, 200);
        let events = events(&stream);
        assert_eq!(text_of_stream(&events), "Долг составляет 1");
        let (name, data) = events.last().unwrap();
        match path {
            "/v1/chat/completions" => {
                assert!(data["error"]["message"].is_string(), "{data}");
                assert!(!stream.text().contains("[DONE]"));
            }
            "/v1/responses" => assert_eq!(
                (name.as_str(), &data["response"]["status"]),
                ("response.failed", &json!("failed"))
            ),
            _ => assert_eq!(
                (name.as_str(), &data["error"]["type"]),
                ("error", &json!("api_error"))
            ),
        }
    }
    let failed = service
        .usage()
        .await
        .iter()
        .filter(|row| row.1 == "failed")
        .count();
    assert_eq!(failed, 11, "a row for each failure too");
}

#[tokio::test]
async fn a_client_that_goes_ends_the_call_upstream() {
    let service = Service::with_provider("openai").await;
    let client = service.client(&[Permission::Chat]);
    let request = client
        .request(http::Method::POST, "/v1/chat/completions")
        .json(&streamed(requests("fake-slow", "?")[0].1.clone()));
    let mut response = common::http::client::send(request).await.unwrap();
    let first = response.chunk().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("chat.completion.chunk"));
    drop(response);
    eventually("the provider sees its reader go", async || {
        service.provider.left().len() == 1
    })
    .await;
    eventually("the cancelled answer is booked", async || {
        service.usage().await.iter().any(|row| row.1 == "cancelled")
    })
    .await;
}

#[tokio::test]
async fn models_are_listed_in_both_forms() {
    let service = Service::with_provider("chat").await;
    let client = service.client(&[Permission::Chat]);
    let openai: Value = client.get("/v1/models").await.json();
    assert_eq!(
        (
            &openai["object"],
            &openai["data"][0]["id"],
            &openai["data"][1]["id"]
        ),
        (&json!("list"), &json!("1c-assistant"), &json!("fake"))
    );
    assert_eq!(
        client.get("/v1/models/fake").await.json::<Value>()["object"],
        "model"
    );
    assert_eq!(client.get("/v1/models/openai/fake").await.status, 404);
    let request = client
        .request(http::Method::GET, "/v1/models")
        .header("anthropic-version", "2026-10-21");
    let anthropic: Value = client.send(request).await.json();
    assert_eq!(
        (&anthropic["first_id"], &anthropic["has_more"]),
        (&json!("1c-assistant"), &json!(false))
    );
    assert_eq!(anthropic["data"][1]["type"], "model");
}

#[tokio::test]
async fn tokens_are_counted_and_versions_checked() {
    let service = Service::with_provider("anthropic").await;
    let client = service.client(&[Permission::Chat]);
    let request = json!({"model": "fake", "messages": [{"role": "user", "content": "слово ".repeat(100)}]});
    let counted: Value = post(&client, "/v1/messages/count_tokens", &request).await.json();
    let tokens = counted["input_tokens"].as_u64().unwrap();
    assert!((150..400).contains(&tokens), "{tokens}");
    for (version, status) in [("2023-06-01", 200), ("2026-10-21", 200), ("2020-01-01", 400)] {
        let request = client
            .request(http::Method::POST, "/v1/messages")
            .header("anthropic-version", version)
            .json(&requests("fake", "?")[2].1);
        assert_eq!(client.send(request).await.status, status, "{version}");
    }
    // A model that refuses them is sent no sampling parameters and no empty system prompt.
    let mut request = requests("fake", "?")[0].1.clone();
    request["temperature"] = json!(0.5);
    assert_eq!(post(&client, "/v1/chat/completions", &request).await.status, 200);
    let body = service.provider.bodies().last().unwrap().clone();
    assert!(
        body.get("temperature").is_none() && body.get("system").is_none(),
        "{body}"
    );
}

#[tokio::test]
async fn without_1c_the_assistant_names_no_figures() {
    let service = Service::start().await;
    service.onec.set(Mood::Slow);
    for (path, request) in requests("1c-assistant", "Кто нам должен?") {
        for request in [request.clone(), streamed(request)] {
            let refused = post(&service.accountant(), path, &request).await;
            assert_eq!(refused.status, 503, "{path} {}", refused.text());
            assert!(refused.headers.contains_key("retry-after"));
        }
    }
}

#[tokio::test]
async fn without_the_database_nothing_is_given_for_nothing() {
    let service = Service::with_provider("chat").await;
    let client = service.client(&[Permission::Chat]);
    service.database.cut();
    let refused = post(&client, "/v1/chat/completions", &requests("fake", "?")[0].1).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(body_of(&refused)["error"]["type"], "server_error");
}
