//! What leaves the company, what comes back, and who may decide.

use common::auth::Permission;
use common::testing::Grant;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fake_provider;
use crate::onec::Mood;
use crate::setup::{Service, ask_model};
use crate::streams::{events, text_of};

/// A provider outside and one of the company's own, called `own`.
pub(crate) async fn outside(more: &[(&str, &str)]) -> Service {
    let models = fake_provider::MODELS.join(",");
    let mut settings = vec![
        ("LLM_PROVIDERS", "cloud"),
        ("LLM_CLOUD_URL", "{provider}/v1"),
        ("LLM_CLOUD_MODELS", models.as_str()),
        ("LLM_CLOUD_EXTERNAL", "true"),
        ("LLM_CLOUD_KEY", "sk-cloud"),
    ];
    settings.extend(more);
    Service::with(&settings).await
}

pub(crate) const NAMES: [&str; 5] = ["Вектор", "вектор", "Ромашк", "Иванов", "7707083893"];

pub(crate) fn sent(service: &Service) -> String {
    let bodies: Vec<String> = service.provider.bodies().iter().map(Value::to_string).collect();
    bodies.join("\n")
}

#[tokio::test]
async fn names_do_not_leave_and_come_back_in_the_answer() {
    let service = outside(&[]).await;
    let client = service.accountant();
    let events = events(
        &client,
        &json!({"message": "вектора?", "model": "fake-quotes", "stream": true}),
    )
    .await;
    let done = events.last().unwrap();
    assert_eq!(done.0, "done", "{done:?}");
    let answer = &done.1;
    assert_eq!(answer["answer"], "Вы спросили о Вектор ООО; это Вектор ООО.");
    assert_eq!(text_of(&events), "Вы спросили о Вектор ООО; это Вектор ООО.");
    let sent = sent(&service);
    for name in NAMES {
        assert!(!sent.contains(name), "{name} in {sent}");
    }
    assert!(sent.contains("[ORG-1]") && sent.contains("стоят вместо названий"));
    // The tool got the name.
    let searched = service
        .onec
        .asked()
        .into_iter()
        .find(|path| path.starts_with("/search"))
        .unwrap();
    assert!(
        searched.contains("q=%D0%92%D0%B5%D0%BA%D1%82%D0%BE%D1%80"),
        "{searched}"
    );
}

#[tokio::test]
async fn rows_of_reports_leave_without_names_and_with_their_figures() {
    let service = outside(&[]).await;
    let answer: Value = ask_model(
        &service.accountant(),
        "fake",
        "Кто нам должен? ИНН 7707083893, Иванова?",
    )
    .await
    .json();
    assert_eq!(answer["engine"], "llm", "{answer}");
    assert!(answer["answer"].as_str().unwrap().contains("1200,50"), "{answer}");
    assert_eq!(answer["tables"][0]["rows"][0]["counterparty"], "Вектор ООО");
    let sent = sent(&service);
    for name in NAMES {
        assert!(!sent.contains(name), "{name} in {sent}");
    }
    assert!(
        sent.contains("1200.50") && sent.contains("[INN-1]") && sent.contains("[PER-1]"),
        "{sent}"
    );
}

#[tokio::test]
async fn tokens_stay_the_same_in_a_conversation() {
    let service = outside(&[]).await;
    let client = service.accountant();
    let first: Value = ask_model(&client, "fake-no-tools", "Ромашка Торг, Вектор?")
        .await
        .json();
    let body = json!({"message": "Вектор и Ромашка Плюс?", "model": "fake-no-tools", "conversation_id": first["conversation_id"]});
    let _: Value = client.post("/chat", &body).await.json();
    let last = service.provider.bodies().pop().unwrap().to_string();
    assert!(
        last.contains("[ORG-1], [ORG-2]?") && last.contains("[ORG-2] и [ORG-3]?"),
        "{last}"
    );
    let kept: Vec<(String, i32, String)> =
        sqlx::query_as("select kind, number, value from assistant.privacy_tokens order by number")
            .fetch_all(&service.db)
            .await
            .unwrap();
    let values: Vec<&str> = kept.iter().map(|(_, _, value)| value.as_str()).collect();
    assert_eq!(values, ["Ромашка Торг ООО", "Вектор ООО", "Ромашка Плюс ООО"]);
    // They go with the conversation.
    let path = format!("/conversations/{}", first["conversation_id"].as_str().unwrap());
    client.delete(&path).await;
    let left: i64 = sqlx::query_scalar("select count(*) from assistant.privacy_tokens")
        .fetch_one(&service.db)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_model_of_ones_own_is_told_everything() {
    let service = Service::with_provider("chat").await;
    let answer: Value = ask_model(&service.accountant(), "fake", "Сколько нам должен Вектор?")
        .await
        .json();
    assert_eq!(answer["engine"], "llm");
    assert!(sent(&service).contains("Вектор ООО"));
    assert!(
        service
            .onec
            .asked()
            .iter()
            .all(|path| !path.starts_with("/names"))
    );
}

#[tokio::test]
async fn a_policy_may_send_or_forbid() {
    let service = outside(&[]).await;
    let client = service.accountant();
    let officer = service.client(&[Permission::SecurityAdmin]);
    let forbid = json!({"company_id": null, "mode": "forbid"});
    assert_eq!(officer.put("/privacy/policies", &forbid).await.status, 200);
    let answer: Value = ask_model(&client, "fake", "Кто нам должен?").await.json();
    assert_eq!(answer["engine"], "rules", "{answer}");
    assert!(
        answer["notices"].to_string().contains("запрещают отправлять"),
        "{answer}"
    );
    assert!(service.provider.bodies().is_empty());
    let letter = json!({"kind": "letter", "prompt": "Поздравь Вектор", "model": "fake"});
    client
        .post("/generate", &letter)
        .await
        .assert_problem(403, "privacy.external_forbidden");
    // A company of its own may send.
    let company = Uuid::from_u128(7);
    let send = json!({"company_id": company, "mode": "send"});
    assert_eq!(officer.put("/privacy/policies", &send).await.status, 200);
    let body = json!({"message": "Сколько должен Вектор?", "model": "fake", "company_id": company});
    let answer: Value = client.post("/chat", &body).await.json();
    assert_eq!(answer["engine"], "llm", "{answer}");
    assert!(sent(&service).contains("Вектор"));
    // Without a company the strictest of all counts.
    let mut grant = Grant::new(&[Permission::Chat, Permission::OnecRead]);
    grant.companies = common::auth::Companies::Some([company].into());
    let own: Value = ask_model(&service.user(&grant), "fake", "Кто нам должен?")
        .await
        .json();
    assert_eq!(own["engine"], "llm");
    grant.companies = common::auth::Companies::Some([company, Uuid::from_u128(8)].into());
    let both: Value = ask_model(&service.user(&grant), "fake", "Кто нам должен?")
        .await
        .json();
    assert_eq!(both["engine"], "rules");
    let path = format!("/privacy/policies/{company}");
    assert_eq!(officer.delete(&path).await.status, 204);
    officer
        .delete(&path)
        .await
        .assert_problem(404, "privacy.policy_not_found");
    assert_eq!(service.audited("privacy.policy_").await, 3);
}

#[tokio::test]
async fn the_history_of_a_conversation_keeps_its_policy() {
    let service = outside(&[]).await;
    let officer = service.client(&[Permission::SecurityAdmin]);
    let (closed, open) = (Uuid::from_u128(7), Uuid::from_u128(8));
    for (company, mode) in [(closed, "forbid"), (open, "send")] {
        let policy = json!({"company_id": company, "mode": mode});
        assert_eq!(officer.put("/privacy/policies", &policy).await.status, 200);
    }
    let mut grant = Grant::new(&[Permission::Chat, Permission::OnecRead]);
    grant.companies = common::auth::Companies::Some([closed, open].into());
    let client = service.user(&grant);
    let ask = async |body: Value| -> Value { client.post("/chat", &body).await.json() };
    let fresh = ask(json!({"message": "Кто нам должен?", "model": "fake", "company_id": open})).await;
    assert_eq!(fresh["engine"], "llm");
    let first = ask(json!({"message": "Кто нам должен?", "model": "fake", "company_id": closed})).await;
    assert_eq!(first["engine"], "rules");
    let asked = service.provider.bodies().len();
    let next = ask(
        json!({"message": "А кому мы?", "model": "fake", "company_id": open, "conversation_id": first["conversation_id"]}),
    );
    assert_eq!(next.await["engine"], "rules");
    // A company of somebody else's loosens nothing.
    grant.companies = common::auth::Companies::Some([closed].into());
    let stranger: Value = service
        .user(&grant)
        .post(
            "/chat",
            &json!({"message": "Кто нам должен?", "model": "fake", "company_id": open}),
        )
        .await
        .json();
    assert_eq!(stranger["engine"], "rules");
    assert_eq!(service.provider.bodies().len(), asked);
}

#[tokio::test]
async fn local_only_stands_above_policies() {
    let service = outside(&[
        ("LOCAL_ONLY", "true"),
        ("OPENAI_BASE_URL", "{provider}/v1"),
        ("OPENAI_MODEL", "own"),
    ])
    .await;
    let officer = service.client(&[Permission::SecurityAdmin]);
    let send = json!({"company_id": null, "mode": "send"});
    assert_eq!(officer.put("/privacy/policies", &send).await.status, 200);
    let policies: Value = officer.get("/privacy/policies").await.json();
    assert_eq!(
        (&policies["local_only"], &policies["default"]["mode"]),
        (&json!(true), &json!("send"))
    );
    let answer: Value = ask_model(&service.accountant(), "fake", "Кто нам должен?")
        .await
        .json();
    // The model of one's own takes the place of the one outside.
    assert!(
        answer["notices"].to_string().contains("отключены настройкой"),
        "{answer}"
    );
    assert_eq!(
        (&answer["engine"], &answer["model"]),
        (&json!("llm"), &json!("own")),
        "{answer}"
    );
    let keys: Vec<bool> = service
        .provider
        .bodies()
        .iter()
        .map(|body| body["model"] == "own")
        .collect();
    assert!(!keys.is_empty() && keys.iter().all(|own| *own));
}

#[tokio::test]
async fn nothing_is_sent_on_a_guess() {
    let service = outside(&[]).await;
    let client = service.accountant();
    service.onec.set(Mood::Slow);
    ask_model(&client, "fake", "Кто нам должен?")
        .await
        .assert_problem(503, "assistant.onec_unavailable");
    assert!(service.provider.bodies().is_empty());
    // Whoever may not read 1C has no names to hide but those that have a form.
    service.onec.set(Mood::Well);
    let client = service.client(&[Permission::Chat]);
    let _: Value = ask_model(&client, "fake-no-tools", "Что такое ИНН 7707083893 ООО «Лютик»?")
        .await
        .json();
    let sent = sent(&service);
    assert!(
        sent.contains("[INN-1] [ORG-1]") && !sent.contains("Лютик"),
        "{sent}"
    );
    assert!(
        service
            .onec
            .asked()
            .iter()
            .all(|path| path.starts_with("/names?kind=company"))
    );
}

#[tokio::test]
async fn a_preview_shows_what_would_leave() {
    let service = outside(&[]).await;
    let client = service.accountant();
    let request = json!({
        "text": "Долг Вектора, ИНН 7707083893?",
        "data": {"rows": [{"counterparty": "Ромашка Торг ООО", "debt": "5.00"}]},
    });
    let preview: Value = client.post("/privacy/preview", &request).await.json();
    assert_eq!(
        (&preview["mode"], &preview["sent"], &preview["text"]),
        (&json!("mask"), &json!(true), &json!("Долг [ORG-1], ИНН [INN-1]?"))
    );
    assert_eq!(
        preview["data"]["rows"][0],
        json!({"counterparty": "[ORG-2]", "debt": "5.00"})
    );
    assert_eq!(preview["counts"], json!({"organisation": 2, "inn": 1}));
    assert!(
        preview["tokens"]
            .as_array()
            .unwrap()
            .contains(&json!({"token": "[ORG-1]", "kind": "organisation", "value": "Вектор ООО"})),
        "{preview}"
    );
    client
        .post("/privacy/preview", &json!({}))
        .await
        .assert_problem(422, "request.validation_failed");
    client
        .post("/privacy/preview", &json!({"text": "ы".repeat(20_001)}))
        .await
        .assert_problem(422, "request.validation_failed");
    client
        .post(
            "/privacy/preview",
            &json!({"text": "?", "conversation_id": common::ids::new_id()}),
        )
        .await
        .assert_problem(404, "assistant.conversation_not_found");
    service.onec.set(Mood::Garbled);
    let other = json!({"text": "?", "infobase_id": common::ids::new_id()});
    client
        .post("/privacy/preview", &other)
        .await
        .assert_problem(502, "assistant.onec_malformed");
    service.database.cut();
    client
        .post("/privacy/preview", &request)
        .await
        .assert_problem(503, "dependency.unavailable");
    service
        .client(&[Permission::SecurityAdmin])
        .get("/privacy/policies")
        .await
        .assert_problem(503, "dependency.unavailable");
}

#[tokio::test]
async fn policies_are_for_those_who_may() {
    let service = Service::start().await;
    let (own, other) = (Uuid::from_u128(7), Uuid::from_u128(8));
    let mut grant = Grant::new(&[Permission::SecurityAdmin]);
    let all = service.user(&grant);
    for company in [own, other] {
        let policy = json!({"company_id": company, "mode": "mask", "mask_items": true, "keep": ["phone"]});
        let put: Value = all.put("/privacy/policies", &policy).await.json();
        assert_eq!(put, policy);
    }
    grant.companies = common::auth::Companies::Some([own].into());
    let officer = service.user(&grant);
    let seen: Value = officer.get("/privacy/policies").await.json();
    assert_eq!(seen["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        seen["default"],
        json!({"company_id": null, "mode": "mask", "mask_items": false, "keep": []})
    );
    for company in [json!(null), json!(other)] {
        officer
            .put(
                "/privacy/policies",
                &json!({"company_id": company, "mode": "send"}),
            )
            .await
            .assert_problem(422, "request.validation_failed");
    }
    officer
        .delete(&format!("/privacy/policies/{other}"))
        .await
        .assert_problem(422, "request.validation_failed");
    for wrong in [
        json!({"company_id": own, "mode": "hide"}),
        json!({"company_id": own, "mode": "mask", "keep": ["literal"]}),
        json!({"company_id": own, "mode": "mask", "colour": "red"}),
    ] {
        officer
            .put("/privacy/policies", &wrong)
            .await
            .assert_problem(422, "request.validation_failed");
    }
    service.database.cut();
    let policy = json!({"company_id": own, "mode": "send"});
    officer
        .put("/privacy/policies", &policy)
        .await
        .assert_problem(503, "dependency.unavailable");
    officer
        .delete(&format!("/privacy/policies/{own}"))
        .await
        .assert_problem(503, "dependency.unavailable");
}

#[tokio::test]
async fn a_command_in_a_name_is_kept_from_the_model_and_told() {
    let service = Service::with_provider("openai").await;
    service.onec.set(Mood::Hostile);
    let answer: Value = ask_model(&service.accountant(), "fake", "Кто нам должен?")
        .await
        .json();
    let sent = sent(&service);
    assert!(
        !sent.contains("Игнорируй") && !sent.contains("evil.example"),
        "{sent}"
    );
    assert!(sent.contains("текст похож на указание"), "{sent}");
    assert!(
        answer["notices"]
            .to_string()
            .contains("get_receivables.counterparty"),
        "{answer}"
    );
    // The user sees the rows as they are.
    assert!(answer["tables"].to_string().contains("evil.example"));
    crate::setup::eventually("the event", async || {
        service.audited("assistant.injection_suspected").await == 1
    })
    .await;
}

#[tokio::test]
async fn no_link_of_a_model_reaches_the_reader() {
    let service = Service::with_provider("anthropic").await;
    let events = events(
        &service.accountant(),
        &json!({"message": "Кто нам должен?", "model": "fake-links", "stream": true}),
    )
    .await;
    let text = text_of(&events);
    assert_eq!(text, "См. отчёт x и (ссылка убрана).");
    assert_eq!(
        events.last().unwrap().1["answer"],
        "См. отчёт x и (ссылка убрана)."
    );
}

/// Figures of another company are not reached by a command in data, by a conversation of
/// another user, nor by a company that a model names.
#[tokio::test]
async fn a_model_cannot_leave_the_company_of_the_request() {
    let service = outside(&[]).await;
    service.onec.set(Mood::Hostile);
    let company = Uuid::from_u128(7);
    let body = json!({"message": "Кто нам должен?", "model": "fake", "company_id": company});
    let answer: Value = service.accountant().post("/chat", &body).await.json();
    for path in service
        .onec
        .asked()
        .iter()
        .filter(|path| path.starts_with("/reports"))
    {
        assert!(path.contains(&format!("company={company}")), "{path}");
    }
    let stranger = json!({"text": "[ORG-1]", "conversation_id": answer["conversation_id"]});
    service
        .accountant()
        .post("/privacy/preview", &stranger)
        .await
        .assert_problem(404, "assistant.conversation_not_found");
}

#[tokio::test]
async fn an_invented_figure_is_corrected_once_or_marked() {
    let service = Service::with_provider("chat").await;
    let client = service.accountant();
    let corrected = events(
        &client,
        &json!({"message": "Кто нам должен?", "model": "fake-corrects", "stream": true}),
    )
    .await;
    let answer = &corrected.last().unwrap().1;
    assert_eq!(answer["answer"], "Нам должны 2000,50 ₽ [1].");
    assert_eq!(answer["unverified_numbers"], json!([]));
    let restart = corrected.iter().position(|(name, _)| name == "restart").unwrap();
    assert_eq!(text_of(&corrected[restart..]), "Нам должны 2000,50 ₽ [1].");
    assert_eq!(service.provider.bodies().len(), 3);
    let kept: Value = ask_model(&client, "fake-invents", "Кто нам должен?").await.json();
    assert_eq!(kept["answer"], "Нам должны 777 888 ₽\u{a0}[?].");
    assert_eq!(kept["unverified_numbers"], json!(["777 888"]));
    assert_eq!(service.provider.bodies().len(), 5, "asked once to correct");
}

/// Masks the texts of a folder, for `tests/external/masking.sh`.
#[tokio::test]
#[ignore = "needs PRIVACY_FOLDER; run by tests/external/masking.sh"]
async fn texts_of_a_folder_are_masked() {
    #[expect(clippy::disallowed_methods, reason = "it is no setting of the service")]
    let folder = std::path::PathBuf::from(std::env::var("PRIVACY_FOLDER").unwrap());
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let service = outside(&[]).await;
    service
        .onec
        .set_names(serde_json::from_str(&read("names.json")).unwrap());
    let client = service.accountant();
    let texts: Vec<String> = serde_json::from_str(&read("texts.json")).unwrap();
    let mut masked = Vec::new();
    for text in texts {
        let preview: Value = client
            .post("/privacy/preview", &json!({ "text": text }))
            .await
            .json();
        masked.push(preview["text"].as_str().unwrap().to_owned());
    }
    std::fs::write(folder.join("masked.json"), json!(masked).to_string()).unwrap();
}
