//! Language models over their real protocols, well and ill.

use serde_json::{Value, json};

use crate::setup::{Service, ask_model, eventually};

const DIALECTS: [&str; 3] = ["openai", "chat", "anthropic"];

#[tokio::test]
async fn a_model_answers_with_figures_of_tools() {
    for dialect in DIALECTS {
        let service = Service::with_provider(dialect).await;
        let answer: Value = ask_model(&service.accountant(), "fake", "Кто нам должен?")
            .await
            .json();
        assert_eq!(
            answer["answer"], "Больше всех нам должен первый в списке: 1200,50 ₽ [1].",
            "{dialect}"
        );
        assert_eq!(
            (&answer["engine"], &answer["model"]),
            (&json!("llm"), &json!("fake"))
        );
        assert_eq!(
            answer["provider"],
            if dialect == "anthropic" {
                "anthropic"
            } else {
                "openai"
            }
        );
        assert_eq!(answer["citations"][0]["id"], 1);
        assert_eq!(answer["unverified_numbers"], json!([]));
        // Anthropic counts cached tokens apart from the 100, OpenAI within the 120.
        assert_eq!(
            answer["usage"],
            json!({"input_tokens": 240, "output_tokens": 30, "cost_usd": null}),
            "{dialect}"
        );
        assert_eq!(service.onec.asked(), ["/reports/receivables?limit=5"]);
        let bodies = service.provider.bodies();
        assert_eq!(bodies.len(), 2);
        let system = bodies[0].to_string();
        assert!(system.contains("Сегодня 2026-11-24, вторник"), "{system}");
        match dialect {
            "anthropic" => {
                assert_eq!(
                    service.provider.header("x-api-key").as_deref(),
                    Some("sk-very-secret")
                );
                assert_eq!(
                    service.provider.header("anthropic-version").as_deref(),
                    Some("2026-10-21")
                );
                let messages = bodies[1]["messages"].as_array().unwrap();
                assert_eq!(messages[1]["content"][0]["type"], "tool_use");
                assert_eq!(messages[1]["content"][0]["input"], json!({"limit": 5}));
                assert_eq!(messages[2]["content"][0]["tool_use_id"], "toolu_1");
            }
            "openai" => {
                assert_eq!(
                    service.provider.header("authorization").as_deref(),
                    Some("Bearer sk-very-secret")
                );
                assert_eq!(bodies[0]["store"], false);
                assert_eq!(bodies[1]["input"][1]["type"], "function_call");
                assert_eq!(bodies[1]["input"][2]["call_id"], "call_1");
                assert!(bodies[0]["tools"][0].get("strict").is_some());
            }
            _ => {
                assert_eq!(
                    bodies[1]["messages"][2]["tool_calls"][0]["function"]["arguments"],
                    "{\"limit\": 5}"
                );
                assert_eq!(bodies[1]["messages"][3]["tool_call_id"], "call_1");
            }
        }
    }
}

#[tokio::test]
async fn an_invented_figure_is_pointed_out() {
    let service = Service::with_provider("openai").await;
    let answer: Value = ask_model(&service.accountant(), "fake-invents", "Кто нам должен?")
        .await
        .json();
    assert_eq!(answer["unverified_numbers"], json!(["777 888"]));
    assert!(answer["notices"].to_string().contains("777 888"));
}

#[tokio::test]
async fn broken_arguments_are_explained_to_the_model() {
    for dialect in DIALECTS {
        let service = Service::with_provider(dialect).await;
        let answer: Value = ask_model(&service.accountant(), "fake-bad-arguments", "Кто нам должен?")
            .await
            .json();
        assert!(
            answer["answer"].as_str().unwrap().contains("нет данных"),
            "{dialect}"
        );
        assert!(
            service.provider.bodies()[1]
                .to_string()
                .contains("не объект JSON"),
            "{dialect}"
        );
        assert!(service.onec.asked().is_empty());
    }
}

#[tokio::test]
async fn a_model_that_loops_is_stopped() {
    let service = Service::with_provider("openai").await;
    let response = ask_model(&service.accountant(), "fake-loops", "Кто нам должен?").await;
    assert_eq!(response.status, 200, "{}", response.text());
    let bodies = service.provider.bodies();
    assert_eq!(bodies.len(), 4, "three identical calls and the answer");
    assert!(bodies[3].get("tools").is_none());
    // Identical calls: two are made, the third is refused.
    assert_eq!(service.onec.asked().len(), 2);
}

#[tokio::test]
async fn before_the_first_word_the_built_in_engine_takes_over() {
    for dialect in DIALECTS {
        let service = Service::with_provider(dialect).await;
        let client = service.accountant();
        for (model, error) in [
            ("fault-401", "unauthorized"),
            ("fault-429", "rate_limited"),
            ("fault-quota", "quota_exhausted"),
            ("fault-503", "server_error"),
            ("fault-529", "overloaded"),
            ("fault-context", "context_too_long"),
            ("fault-silent", "no_first_token"),
            ("fault-cut-early", "interrupted"),
            ("fault-malformed", "malformed"),
            (
                "fault-late-error",
                if dialect == "anthropic" {
                    "overloaded"
                } else {
                    "rate_limited"
                },
            ),
        ] {
            sqlx::query("delete from assistant.usage")
                .execute(&service.db)
                .await
                .unwrap();
            let answer: Value = ask_model(&client, model, "Кто нам должен?").await.json();
            assert_eq!(answer["engine"], "rules", "{dialect} {model}");
            assert!(answer["answer"].as_str().unwrap().contains("Вектор ООО"));
            assert!(answer["notices"][0].as_str().unwrap().contains(model), "{answer}");
            let usage = service.usage().await;
            assert_eq!(usage.len(), 2, "one row per attempt");
            assert_eq!(
                (usage[0].1.as_str(), usage[0].2.as_deref()),
                ("failed", Some(error)),
                "{dialect} {model}"
            );
            assert_eq!(
                (usage[1].0.as_str(), usage[1].1.as_str()),
                ("builtin", "answered")
            );
        }
    }
}

#[tokio::test]
async fn passing_faults_are_tried_again_and_lasting_ones_are_not() {
    for model in ["fault-429-once", "fault-500-once"] {
        let service = Service::with_provider("chat").await;
        let answer: Value = ask_model(&service.accountant(), model, "Кто нам должен?")
            .await
            .json();
        assert_eq!(answer["engine"], "llm", "{model}");
        assert_eq!(service.provider.bodies().len(), 3, "{model}");
    }
    let service = Service::with_provider("chat").await;
    let _: Value = ask_model(&service.accountant(), "fault-quota", "Кто нам должен?")
        .await
        .json();
    assert_eq!(service.provider.bodies().len(), 1);
}

#[tokio::test]
async fn a_cut_answer_is_never_passed_off_as_whole() {
    for dialect in DIALECTS {
        let service = Service::with_provider(dialect).await;
        for model in ["fault-cut", "fault-stall", "fault-reset"] {
            // Nothing has reached a client that wants JSON, so the built-in engine may answer.
            let answer: Value = ask_model(&service.accountant(), model, "Кто нам должен?")
                .await
                .json();
            assert_eq!(answer["engine"], "rules", "{dialect} {model}");
            assert!(!answer["answer"].as_str().unwrap().contains("Долг составляет"));
        }
    }
}

#[tokio::test]
async fn models_are_listed() {
    let service = Service::with_provider("anthropic").await;
    let models: Value = service.accountant().get("/models").await.json();
    let items = models["items"].as_array().unwrap();
    assert_eq!(
        (&items[0]["id"], &items[0]["kind"], &items[0]["default"]),
        (&json!("fake"), &json!("llm"), &json!(true))
    );
    // As the provider itself tells.
    eventually("its window", async || {
        let models: Value = service.accountant().get("/models").await.json();
        models["items"][0]["context"] == 200_000
    })
    .await;
    let last = items.last().unwrap();
    assert_eq!((&last["id"], &last["kind"]), (&json!("builtin"), &json!("rules")));
}
