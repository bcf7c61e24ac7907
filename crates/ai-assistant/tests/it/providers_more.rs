//! Providers of one's own configuration, servers within the company, and what servers do besides
//! the protocol.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::setup::{Service, ask, ask_model, eventually};

const DIALECTS: [&str; 3] = ["openai", "chat", "anthropic"];

async fn models(service: &Service) -> Vec<Value> {
    let models: Value = service.accountant().get("/models").await.json();
    models["items"].as_array().unwrap().clone()
}

async fn model(service: &Service, id: &str) -> Value {
    let found = models(service).await.into_iter().find(|item| item["id"] == id);
    found.unwrap_or_default()
}

#[tokio::test]
async fn a_local_server_is_tried_with_a_tool_before_it_is_trusted() {
    let service = Service::with(&[
        ("LOCAL_LLM_URL", "{provider}/v1"),
        ("LOCAL_LLM_MODELS", "fake-no-tools, fake, quirk-llama-cpp"),
    ])
    .await;
    eventually("the trials", async || {
        let tried = models(&service).await;
        tried.iter().all(|item| item["tool_calling"] != "untried")
    })
    .await;
    let tools = |id: &'static str| {
        let service = &service;
        async move { model(service, id).await["tool_calling"].clone() }
    };
    assert_eq!(tools("fake-no-tools").await, "fails");
    assert_eq!(tools("fake").await, "works");
    // Its arguments are of another tool.
    assert_eq!(tools("quirk-llama-cpp").await, "fails");
    let fake = model(&service, "fake").await;
    assert_eq!(
        (
            &fake["provider"],
            &fake["external"],
            &fake["default"],
            &fake["health"]["state"]
        ),
        (&json!("local"), &json!(false), &json!(true), &json!("up"))
    );
    let answer = ask(&service.accountant(), "Кто нам должен?").await;
    assert_eq!(
        (&answer["provider"], &answer["model"]),
        (&json!("local"), &json!("fake"))
    );
    service.provider.clear();
    let answer: Value = ask_model(&service.accountant(), "local/fake-no-tools", "Кто нам должен?")
        .await
        .json();
    assert!(service.provider.bodies()[0].get("tools").is_none());
    assert!(
        answer["notices"].to_string().contains("не умеет обращаться"),
        "{answer}"
    );
}

#[tokio::test]
async fn the_models_of_a_server_within_the_company_are_found() {
    let service = Service::with(&[
        ("LLM_PROVIDERS", "own"),
        ("LLM_OWN_URL", "{provider}/v1"),
        ("LLM_OWN_PROBE", "false"),
        ("LLM_PROBE_INTERVAL", "1s"),
        (
            "MODELS_FILE",
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/models.toml"),
        ),
    ])
    .await;
    eventually("the models", async || models(&service).await.len() > 20).await;
    let answer = ask(&service.accountant(), "Кто нам должен?").await;
    assert_eq!(
        (&answer["provider"], &answer["model"]),
        (&json!("own"), &json!("fake"))
    );
    let large = model(&service, "fake-large").await;
    assert_eq!(large["context"], 100_000);
    assert_eq!(
        (&large["lifecycle"], &large["shutdown_date"]),
        (&json!("preview"), &json!("2027-01-01"))
    );
    assert_eq!(large["price"]["currency"], "USD");
    assert_eq!(large["price"]["bands"][1]["from_input"], 100);
    assert_eq!(large["price"]["bands"][1]["output"], "20");
    assert_eq!(
        large["capabilities"],
        json!(["chat", "generate", "stream", "tools", "schema"])
    );
    assert_eq!(large["dialect"], "openai-chat");
    let unknown = model(&service, "fake").await;
    assert_eq!(
        (&unknown["price"], &unknown["context"]),
        (&json!(null), &json!(null))
    );
    // The price is that of the band: 120 tokens in, of them 20 from the cache, and 15 out, twice.
    let answer: Value = ask_model(&service.accountant(), "fake-large", "Кто нам должен?")
        .await
        .json();
    let cost: f64 = answer["usage"]["cost_usd"].as_str().unwrap().parse().unwrap();
    assert!(
        (cost - 2.0 * (100.0 * 10.0 + 20.0 + 15.0 * 20.0) / 1e6).abs() < 1e-12,
        "{cost}"
    );
}

#[tokio::test]
async fn gigachat_has_its_own_tokens_and_its_own_calls() {
    let service = Service::with(&[
        ("LLM_PROVIDERS", "sber"),
        ("LLM_SBER_DIALECT", "gigachat"),
        ("LLM_SBER_URL", "{provider}/gigachat/api/v1"),
        ("LLM_SBER_AUTH_URL", "{provider}/gigachat/oauth"),
        ("LLM_SBER_KEY", "sk-very-secret"),
        ("LLM_SBER_SCOPE", "GIGACHAT_API_B2B"),
        ("LLM_SBER_MODELS", "fake"),
    ])
    .await;
    let client = service.accountant();
    let answer = ask(&client, "Кто нам должен?").await;
    assert_eq!(
        (&answer["provider"], &answer["engine"]),
        (&json!("sber"), &json!("llm")),
        "{answer}"
    );
    assert!(answer["answer"].as_str().unwrap().contains("1200,50"));
    let bodies = service.provider.bodies();
    assert_eq!(bodies[0]["functions"][0]["name"], "describe_entity");
    assert_eq!(bodies[0]["function_call"], "auto");
    let messages = bodies[1]["messages"].as_array().unwrap();
    assert_eq!(
        messages[2]["function_call"],
        json!({"name": "get_receivables", "arguments": {"limit": 5}})
    );
    assert_eq!(messages[2]["functions_state_id"], "state-1");
    assert_eq!(
        (&messages[3]["role"], &messages[3]["name"]),
        (&json!("function"), &json!("get_receivables"))
    );
    assert!(serde_json::from_str::<Value>(messages[3]["content"].as_str().unwrap()).is_ok());
    // A token that is worth nothing any more is got anew.
    service.provider.revoke();
    assert_eq!(ask(&client, "Кто нам должен?").await["engine"], "llm");
}

#[tokio::test]
async fn servers_that_do_not_stream_are_understood() {
    for dialect in DIALECTS {
        let service = Service::with_provider(dialect).await;
        let client = service.accountant();
        let answer: Value = ask_model(&client, "quirk-unstreamed", "Кто нам должен?")
            .await
            .json();
        assert_eq!(answer["answer"], "Данных у меня нет.", "{dialect}");
        assert_eq!(answer["usage"]["input_tokens"], 120, "{dialect}");
        let answer: Value = ask_model(&client, "quirk-error-200", "Кто нам должен?")
            .await
            .json();
        assert_eq!(
            answer["engine"], "rules",
            "{dialect}: an error with status 200 is an error"
        );
        let usage = service.usage().await;
        assert_eq!(usage[1].2.as_deref(), Some("quota_exhausted"), "{dialect}");
    }
}

#[tokio::test]
async fn careless_servers_are_understood_and_their_tokens_guessed() {
    let service = Service::with_provider("chat").await;
    let client = service.accountant();
    let answer: Value = ask_model(&client, "quirk-careless", "Кто нам должен?")
        .await
        .json();
    assert_eq!(answer["answer"], "Данных у меня нет.");
    assert!(answer["usage"]["input_tokens"].as_u64() > Some(100), "{answer}");
    assert!(answer["usage"]["output_tokens"].as_u64() > Some(3), "{answer}");
    let answer: Value = ask_model(&client, "quirk-llama-cpp", "Кто нам должен?")
        .await
        .json();
    assert!(answer["answer"].as_str().unwrap().contains("1200,50"), "{answer}");
    assert_eq!(service.onec.asked(), ["/reports/receivables?limit=5"]);
}

#[tokio::test]
async fn what_providers_say_of_another_try_is_done() {
    // The model, how often it is asked, who answers, how long that takes at least and at most.
    let cases = [
        ("fault-429-date", 3, "llm", 1000, 8000),
        ("fault-429-long", 1, "rules", 0, 5000),
        ("fault-500-final", 1, "rules", 0, 5000),
        ("fault-400-passing", 3, "llm", 0, 5000),
        // Money does not come by waiting, whatever a header says.
        ("fault-quota", 1, "rules", 0, 5000),
        ("fault-spend-limit", 1, "rules", 0, 5000),
    ];
    for dialect in DIALECTS {
        let service = Service::with_provider(dialect).await;
        for (model, times, engine, least, most) in cases {
            service.provider.clear();
            let started = Instant::now();
            let answer: Value = ask_model(&service.accountant(), model, "Кто нам должен?")
                .await
                .json();
            let took = started.elapsed();
            assert_eq!(answer["engine"], engine, "{dialect} {model}");
            assert_eq!(service.provider.asked().len(), times, "{dialect} {model}");
            let within = Duration::from_millis(least)..Duration::from_millis(most);
            assert!(within.contains(&took), "{dialect} {model}: {took:?}");
        }
    }
}

#[tokio::test]
async fn a_provider_that_asks_to_be_left_alone_is_told_of() {
    let service = Service::with_failover("chat", &[("LLM_FALLBACK", "anthropic/fake")]).await;
    let client = service.accountant();
    for times in [1, 1] {
        let answer: Value = ask_model(&client, "fault-429-long", "Кто нам должен?")
            .await
            .json();
        assert_eq!(answer["provider"], "anthropic");
        let asked = service.provider.asked();
        let asked = asked.iter().filter(|one| one.model == "fault-429-long").count();
        // The second question goes to the other provider at once.
        assert_eq!(asked, times);
    }
    let held = model(&service, "fault-429-long").await;
    assert_eq!(
        (
            &held["available"],
            &held["health"]["state"],
            &held["health"]["failure"]
        ),
        (&json!(false), &json!("resting"), &json!("rate_limited"))
    );
    service.clock().advance(chrono::TimeDelta::seconds(61));
    let held = model(&service, "fault-429-long").await;
    assert_eq!(
        (&held["available"], &held["health"]["state"]),
        (&json!(true), &json!("failing"))
    );
}

#[tokio::test]
async fn without_a_fallback_nobody_stands_in() {
    let service = Service::with_failover("chat", &[("LLM_FALLBACK", "none")]).await;
    let answer: Value = ask_model(&service.accountant(), "fault-401", "Кто нам должен?")
        .await
        .json();
    assert_eq!(answer["engine"], "rules");
    assert_eq!(service.provider.asked().len(), 1);
}
