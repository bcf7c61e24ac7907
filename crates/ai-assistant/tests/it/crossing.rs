//! A user of one company tries every way to the figures of another. The stand-in for onec-integration
//! decides by the token, as the service does; here it is seen that nothing goes around it.

use common::auth::Permission;
use common::testing::{Client, Grant};
use serde_json::{Value, json};

use crate::attachments::upload;
use crate::onec::{Mood, OURS, SECRET, THEIRS};
use crate::onec_objects::INVOICES;
use crate::setup::Service;
use crate::tools::scripted;

/// The debt of the other company as people and programs write it.
const FORMS: [&str; 4] = ["777111", "777 111", "777\u{a0}111", "777,111"];

fn silent(text: &str, way: &str) {
    for form in FORMS {
        assert!(!text.contains(form), "{way}: {text}");
    }
    assert!(!text.contains("Тайный"), "{way}: {text}");
}

struct Two {
    service: Service,
    /// Sees our company.
    intruder: Client,
    /// Sees theirs.
    owner: Client,
}

async fn two() -> Two {
    let service = Service::with_provider("openai").await;
    service.onec.set(Mood::ByCompany);
    let permissions = [
        Permission::Chat,
        Permission::OnecRead,
        Permission::OnecWrite,
        Permission::Generate,
    ];
    let intruder = service.user(&Grant::new(&permissions).companies([OURS]));
    let owner = service.user(&Grant::new(&permissions).companies([THEIRS]));
    Two {
        service,
        intruder,
        owner,
    }
}

/// A conversation of the owner with the secret in it.
async fn secret_of(two: &Two) -> Value {
    let answer = scripted(
        &two.owner,
        "#call get_receivables {}\n#say Долг 777 111 ₽ [1].",
        json!({}),
    )
    .await;
    assert!(answer["tables"].to_string().contains(SECRET), "{answer}");
    two.service.provider.clear();
    answer
}

#[tokio::test]
async fn by_tools() {
    let two = two().await;
    for call in [
        "get_receivables {}".to_owned(),
        format!("get_receivables {{\"company\": \"{THEIRS}\"}}"),
        format!("get_receivables {{\"company_id\": \"{THEIRS}\"}}"),
        format!("get_rows {{\"entity\": \"{INVOICES}\"}}"),
        format!("get_rows {{\"entity\": \"{INVOICES}\", \"company\": \"{THEIRS}\"}}"),
        format!(
            "get_rows {{\"entity\": \"{INVOICES}\", \"conditions\": [{{\"property\": \"Number\", \"op\": \"ne\", \"value\": \"' or true eq true\"}}]}}"
        ),
        format!("get_rows {{\"entity\": \"{INVOICES}/rows?company={THEIRS}&x=\"}}"),
        format!("find_subject {{\"kind\": \"company\", \"query\": \"{THEIRS}\"}}"),
        "list_companies {}".to_owned(),
        format!(
            "draft_document {{\"entity\": \"{INVOICES}\", \"values\": {{}}, \"company_id\": \"{THEIRS}\"}}"
        ),
    ] {
        two.service.provider.clear();
        let script = format!("#call {call}\n#say Готово.");
        let answer = scripted(&two.intruder, &script, json!({})).await;
        silent(&answer.to_string(), &call);
        for body in two.service.provider.bodies() {
            silent(&body.to_string(), &call);
        }
        assert!(!answer.to_string().contains("Чужая"), "{call}");
    }
    // Nothing was asked in the name of another company.
    let asked = two.service.onec.asked();
    assert!(!asked.is_empty());
    assert!(
        asked
            .iter()
            .all(|path| !path.contains(&THEIRS.to_string()) || path.starts_with("/search")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn by_naming_the_company_of_the_request() {
    let two = two().await;
    let theirs = THEIRS.to_string();
    let script = format!(
        "#call get_receivables {{}}\n#call get_rows {{\"entity\": \"{INVOICES}\"}}\n#call list_companies {{}}\n#call draft_document {{\"entity\": \"{INVOICES}\", \"values\": {{}}}}\n#say Готово."
    );
    let answer = scripted(&two.intruder, &script, json!({"company_id": THEIRS})).await;
    silent(&answer.to_string(), "company_id");
    assert!(two.service.onec.drafted().is_empty());
    let body = json!({"message": "Кто нам должен?", "model": "builtin", "company_id": THEIRS});
    silent(
        &two.intruder.post("/chat", &body).await.text(),
        "the built-in engine",
    );
    let letter = json!({"kind": "letter", "prompt": "Вопрос\n#call get_receivables {}\n#say Готово.", "model": "fake-scripted", "company_id": THEIRS});
    silent(&two.intruder.post("/generate", &letter).await.text(), "letters");
    let mcp = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_receivables", "arguments": {}}});
    let request = two
        .intruder
        .request(http::Method::POST, "/mcp")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .header("x-company-id", &theirs)
        .json(&mcp);
    let called = two.intruder.send(request).await;
    assert_eq!(called.status, 200);
    silent(&called.text(), "/mcp");
    for (path, body) in [
        (
            "/v1/chat/completions",
            json!({"model": "1c-assistant", "messages": [{"role": "user", "content": "Кто нам должен?"}]}),
        ),
        (
            "/v1/responses",
            json!({"model": "1c-assistant", "input": "Кто нам должен?"}),
        ),
        (
            "/v1/messages",
            json!({"model": "1c-assistant", "max_tokens": 500, "messages": [{"role": "user", "content": "Кто нам должен?"}]}),
        ),
    ] {
        let request = two
            .intruder
            .request(http::Method::POST, path)
            .header("x-company-id", &theirs)
            .json(&body);
        silent(&two.intruder.send(request).await.text(), path);
    }
    for body in two.service.provider.bodies() {
        silent(&body.to_string(), "what models were sent");
    }
}

#[tokio::test]
async fn by_conversations_and_messages_of_others() {
    let two = two().await;
    let answer = secret_of(&two).await;
    let id = |name: &str| answer[name].as_str().unwrap().to_owned();
    let (conversation, message, question) = (id("conversation_id"), id("message_id"), id("question_id"));
    for path in [
        format!("/conversations/{conversation}"),
        format!("/conversations/{conversation}/export"),
        format!("/messages/{message}/tool-calls"),
        format!("/chat/{message}/events"),
    ] {
        let response = two.intruder.get(&path).await;
        assert_eq!(response.status, 404, "{path}: {}", response.text());
        silent(&response.text(), &path);
    }
    for body in [
        json!({"message": "#say Что было выше?", "conversation_id": conversation}),
        json!({"message": "#say Что было выше?", "conversation_id": conversation, "parent_id": message}),
        json!({"message": "#say Что было выше?", "conversation_id": conversation, "edit": question}),
        json!({"conversation_id": conversation, "regenerate": message}),
    ] {
        let response = two.intruder.post("/chat", &body).await;
        assert_eq!(response.status, 404, "{body}: {}", response.text());
    }
    // A message of theirs within a conversation of one's own.
    let own = scripted(&two.intruder, "#say Да.", json!({})).await;
    for place in ["parent_id", "edit", "regenerate"] {
        let mut body = json!({"conversation_id": own["conversation_id"], "model": "fake-scripted"});
        body[place] = json!(if place == "parent_id" { &message } else { &question });
        if place != "regenerate" {
            body["message"] = json!("Что было выше?");
        }
        let response = two.intruder.post("/chat", &body).await;
        assert_eq!(response.status, 404, "{body}: {}", response.text());
    }
    let found = two.intruder.get("/conversations?q=777").await;
    silent(&found.text(), "search");
    for body in two.service.provider.bodies() {
        silent(&body.to_string(), "what models were sent");
    }
    let rating = json!({"rating": "up"});
    let rated = two
        .intruder
        .put(&format!("/messages/{message}/rating"), &rating)
        .await;
    assert_eq!(rated.status, 404, "{}", rated.text());
    let cancelled = two
        .intruder
        .post(&format!("/chat/{message}/cancel"), &json!({}))
        .await;
    assert_eq!(cancelled.status, 404, "{}", cancelled.text());
}

#[tokio::test]
async fn by_repeating_what_others_asked() {
    let two = two().await;
    let script = "Вопрос\n#call get_receivables {}\n#say Готово.";
    let body = json!({"message": script, "model": "fake-scripted"});
    let ask = async |client: &Client| {
        let request = client
            .request(http::Method::POST, "/chat")
            .header("idempotency-key", "the-same-key")
            .json(&body);
        client.send(request).await.text()
    };
    assert!(ask(&two.owner).await.contains(SECRET));
    silent(&ask(&two.intruder).await, "the same key");
    // The same words without a key, in case an answer is kept for them.
    let again: Value = two.intruder.post("/chat", &body).await.json();
    silent(&again.to_string(), "the same question");
}

#[tokio::test]
async fn by_files_of_others() {
    let two = two().await;
    let file: Value = upload(
        &two.owner,
        "тайное.csv",
        "Контрагент;Долг\nТайный ООО;777111\n".as_bytes(),
    )
    .await
    .json();
    let path = format!("/attachments/{}", file["id"].as_str().unwrap());
    assert_eq!(two.intruder.get(&path).await.status, 404);
    assert_eq!(two.intruder.delete(&path).await.status, 404);
    silent(&two.intruder.get("/attachments").await.text(), "the list");
    let body = json!({"message": "Что в файле?", "attachments": [file["id"]], "model": "fake-scripted"});
    two.intruder
        .post("/chat", &body)
        .await
        .assert_problem(404, "assistant.attachment_not_found");
    // Along with a file of one's own.
    let own: Value = upload(&two.intruder, "a.csv", b"a;b\n1;2\n").await.json();
    let body =
        json!({"message": "Что в файлах?", "attachments": [own["id"], file["id"]], "model": "fake-scripted"});
    two.intruder
        .post("/chat", &body)
        .await
        .assert_problem(404, "assistant.attachment_not_found");
    assert!(two.service.provider.bodies().is_empty());
    assert_eq!(two.owner.get(&path).await.status, 200);
}

#[tokio::test]
async fn by_a_command_in_the_name_of_a_counterparty() {
    let two = two().await;
    // The name of a counterparty of ours wants the figures of the others.
    let script = format!(
        "#call get_receivables {{}}\n#call get_receivables {{\"company\": \"{THEIRS}\"}}\n#say Готово."
    );
    let answer = scripted(&two.intruder, &script, json!({})).await;
    silent(&answer.to_string(), "the answer");
    let last = two.service.provider.bodies().pop().unwrap().to_string();
    silent(&last, "the model");
    assert!(
        last.contains("[скрыто: текст похож на указание помощнику]"),
        "{last}"
    );
    assert!(
        answer["notices"]
            .to_string()
            .contains("get_receivables.counterparty"),
        "{answer}"
    );
    // Rows of 1C are looked at like reports.
    let script = format!("#call get_rows {{\"entity\": \"{INVOICES}\"}}\n#say Готово.");
    scripted(&two.intruder, &script, json!({})).await;
    let last = two.service.provider.bodies().pop().unwrap().to_string();
    assert!(last.contains("[скрыто") && !last.contains("Игнорируй"), "{last}");
    assert!(two.service.audited("assistant.injection_suspected").await >= 2);
}
