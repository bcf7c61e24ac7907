//! What tools a model is given, what they do, and what is kept of their calls.

use common::auth::Permission;
use common::testing::{Client, Grant};
use serde_json::{Value, json};

use crate::onec::{Mood, OURS};
use crate::onec_objects::{DIGEST, INVOICES};
use crate::setup::{Service, ask};

/// Has the scripted model make calls and say something.
pub(crate) async fn scripted(client: &Client, script: &str, more: Value) -> Value {
    let script: Vec<String> = script
        .lines()
        .map(|line| {
            if line.contains("#say ") {
                circled(line)
            } else {
                line.to_owned()
            }
        })
        .collect();
    let message = format!("Вопрос\n{}", script.join("\n"));
    let mut body = json!({"message": message, "model": "fake-scripted"});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    client.post("/chat", &body).await.json()
}

/// Digits in circles: figures of a question may be repeated, and these are to be the model's own.
fn circled(line: &str) -> String {
    let of = |digit: u32| char::from_u32(u32::from('ⓐ') + digit);
    line.chars()
        .map(|c| c.to_digit(10).and_then(of).unwrap_or(c))
        .collect()
}

/// The names of the tools that the model was offered last.
fn offered(service: &Service) -> Vec<String> {
    let body = service.provider.bodies().pop().unwrap();
    let tools = body["tools"].as_array().cloned().unwrap_or_default();
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

async fn calls(client: &Client, answer: &Value) -> Vec<Value> {
    let path = format!("/messages/{}/tool-calls", answer["message_id"].as_str().unwrap());
    let calls: Value = client.get(&path).await.json();
    calls["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn only_permitted_tools_are_offered() {
    let service = Service::with_provider("openai").await;
    let mut read = vec![Permission::Chat, Permission::OnecRead];
    scripted(&service.client(&read), "#say Хорошо.", json!({})).await;
    let names = offered(&service);
    assert!(names.contains(&"get_rows".to_owned()) && names.contains(&"list_companies".to_owned()));
    assert!(!names.contains(&"draft_document".to_owned()), "{names:?}");
    read.push(Permission::OnecWrite);
    scripted(&service.client(&read), "#say Хорошо.", json!({})).await;
    assert!(offered(&service).contains(&"draft_document".to_owned()));
    scripted(
        &service.client(&[Permission::Chat, Permission::OnecWrite]),
        "#say Хорошо.",
        json!({}),
    )
    .await;
    assert!(offered(&service).is_empty());
}

#[tokio::test]
async fn a_tool_that_was_not_offered_is_denied_and_told_of() {
    let service = Service::with_provider("openai").await;
    let client = service.client(&[Permission::Chat, Permission::OnecRead]);
    let script =
        format!("#call draft_document {{\"entity\": \"{INVOICES}\", \"values\": {{}}}}\n#say Не могу.");
    let answer = scripted(&client, &script, json!({})).await;
    assert!(answer.get("drafts").is_none());
    assert!(service.onec.drafted().is_empty());
    let calls = calls(&client, &answer).await;
    assert_eq!(
        (&calls[0]["outcome"], &calls[0]["name"]),
        (&json!("denied"), &json!("draft_document"))
    );
    assert_eq!(service.audited("tools.denied").await, 1);
}

#[tokio::test]
async fn rows_are_read_by_conditions_and_cited() {
    let service = Service::with_provider("openai").await;
    let client = service.client(&[Permission::Chat, Permission::OnecRead]);
    let script = format!(
        "#call get_rows {{\"entity\": \"{INVOICES}\", \"conditions\": [{{\"property\": \"Date\", \"op\": \"ge\", \"value\": \"2026-10-01\"}}], \"names\": [\"Контрагент_Key\"]}}\n\
         #call get_receivables {{}}\n\
         #say Счёт на 1 200,50 ₽ [1], нам должны 2 000,50 ₽ [2], а 555 000 ₽ неизвестно."
    );
    let answer = scripted(&client, &script, json!({"company_id": OURS})).await;
    let asked = service.onec.asked();
    let rows = asked.iter().find(|path| path.contains("/rows?")).unwrap();
    let decoded: String = percent_decoded(rows);
    assert!(
        decoded.contains("filter=Date ge datetime'2026-10-01T00:00:00'")
            && decoded.contains("expand=Контрагент_Key")
            && decoded.contains(&format!("company={OURS}")),
        "{decoded}"
    );
    let citations = answer["citations"].as_array().unwrap();
    assert_eq!(
        (&citations[0]["id"], &citations[0]["object"]),
        (&json!(1), &json!(INVOICES))
    );
    assert!(citations[0].get("report").is_none());
    assert_eq!(
        (&citations[1]["id"], &citations[1]["report"]),
        (&json!(2), &json!("receivables"))
    );
    assert_eq!(answer["tables"].as_array().unwrap().len(), 2);
    let unverified = answer["unverified_numbers"].to_string();
    assert!(
        unverified.contains("555") && !unverified.contains("1 200"),
        "{unverified}"
    );
    let shown = service.provider.bodies().pop().unwrap().to_string();
    assert!(shown.contains("есть ещё"), "{shown}");
    let calls = calls(&client, &answer).await;
    let told: Vec<_> = calls
        .iter()
        .map(|call| {
            (
                call["name"].as_str().unwrap(),
                call["source"].as_i64(),
                call["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [("get_rows", Some(1), "ok"), ("get_receivables", Some(2), "ok")]
    );
    assert_eq!(calls[0]["arguments"]["entity"], INVOICES);
    assert_eq!(
        (&calls[1]["row_count"], &calls[1]["shown_rows"]),
        (&json!(2), &json!(2))
    );
}

fn percent_decoded(path: &str) -> String {
    percent_encoding::percent_decode_str(&path.replace('+', " "))
        .decode_utf8()
        .unwrap()
        .into_owned()
}

#[tokio::test]
async fn a_model_writes_no_query_of_its_own() {
    let service = Service::with_provider("openai").await;
    let client = service.accountant();
    let script = format!(
        "#call get_rows {{\"entity\": \"{INVOICES}\", \"filter\": \"true eq true\"}}\n\
         #call get_rows {{\"entity\": \"{INVOICES}\", \"conditions\": [{{\"property\": \"Number eq '' or Number\", \"op\": \"ne\", \"value\": \"1\"}}]}}\n\
         #call describe_entity {{\"entity\": \"../reports/cash\"}}\n\
         #say Не вышло."
    );
    let answer = scripted(&client, &script, json!({})).await;
    assert!(service.onec.asked().iter().all(|path| !path.contains("/rows")));
    let outcomes: Vec<Value> = calls(&client, &answer)
        .await
        .iter()
        .map(|call| call["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["refused", "refused", "refused"]);
}

#[tokio::test]
async fn a_draft_waits_for_its_user_outside_of_the_model() {
    let service = Service::with_provider("openai").await;
    let client = service.client(&[Permission::Chat, Permission::OnecRead, Permission::OnecWrite]);
    let script = format!(
        "#call draft_document {{\"entity\": \"{INVOICES}\", \"values\": {{\"Number\": \"5\"}}, \"post\": true}}\n#say Черновик готов."
    );
    let message = format!("Выстави счёт\n{script}");
    let body = json!({"message": message, "model": "fake-scripted", "company_id": OURS, "stream": true});
    let events = client.post("/chat", &body).await.text();
    let result = events
        .split("\n\n")
        .find(|event| event.contains("event: tool.result"))
        .unwrap();
    let data = result
        .lines()
        .find_map(|line| line.strip_prefix("data: "))
        .unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    let draft = &data["draft"];
    assert_eq!(draft["digest"], DIGEST, "{data}");
    assert_eq!(draft["confirm"]["method"], "POST");
    assert_eq!(
        draft["confirm"]["path"],
        format!(
            "/api/1c/documents/drafts/{}/confirm",
            draft["id"].as_str().unwrap()
        )
    );
    assert_eq!(draft["warnings"], json!(["Не указан договор."]));
    let done = events.split("event: done").nth(1).unwrap();
    assert!(done.contains(DIGEST));
    // The model knows what it drafted, but not what confirms it.
    let told = service.provider.bodies().pop().unwrap().to_string();
    assert!(told.contains("Это черновик") && !told.contains(DIGEST), "{told}");
    assert_eq!(
        service.onec.drafted(),
        [json!({"entity": INVOICES, "values": {"Number": "5"}, "post": true, "company_id": OURS})]
    );
    // Letters prepare no changes.
    let letter = json!({"kind": "letter", "prompt": script, "model": "fake-scripted"});
    let writer = service.client(&[Permission::Generate, Permission::OnecRead, Permission::OnecWrite]);
    let _ = writer.post("/generate", &letter).await;
    assert!(!offered(&service).contains(&"draft_document".to_owned()));
}

#[tokio::test]
async fn three_identical_calls_end_the_use_of_tools() {
    let service = Service::with_provider("openai").await;
    let client = service.accountant();
    let script = "#call get_cash {}\n#call get_cash {}\n#call get_cash {}\n#call get_stock {}\n#say Хватит.";
    let answer = scripted(&client, script, json!({})).await;
    assert_eq!(answer["answer"], "Хватит.");
    assert_eq!(service.onec.asked().len(), 2);
    let bodies = service.provider.bodies();
    assert_eq!(bodies.len(), 4);
    assert!(bodies[3].get("tools").is_none());
    let outcomes: Vec<Value> = calls(&client, &answer)
        .await
        .iter()
        .map(|call| call["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["ok", "ok", "refused"]);
}

#[tokio::test]
async fn after_eight_rounds_the_model_has_to_answer() {
    let service = Service::with_provider("openai").await;
    let calls: Vec<String> = (1..=12)
        .map(|limit| format!("#call get_cash {{\"limit\": {limit}}}"))
        .collect();
    let script = format!("{}\n#say Довольно.", calls.join("\n"));
    let answer = scripted(&service.accountant(), &script, json!({})).await;
    assert_eq!(answer["answer"], "Довольно.");
    let bodies = service.provider.bodies();
    assert_eq!((bodies.len(), service.onec.asked().len()), (9, 8));
    assert!(bodies[8].get("tools").is_none());
}

#[tokio::test]
async fn after_the_deadline_there_are_no_calls() {
    let service = Service::with(&[
        ("OPENAI_API_KEY", "sk-very-secret"),
        ("OPENAI_BASE_URL", "{provider}/v1"),
        ("OPENAI_MODEL", "fake-scripted"),
        ("OPENAI_API", "responses"),
        ("TOOLS_DEADLINE", "0s"),
    ])
    .await;
    let client = service.accountant();
    let answer = scripted(&client, "#call get_cash {}\n#say Поздно.", json!({})).await;
    assert_eq!(answer["answer"], "Поздно.");
    assert!(service.onec.asked().is_empty());
}

#[tokio::test]
async fn calls_are_kept_of_every_answer_and_shown_to_its_user_only() {
    let service = Service::with_provider("openai").await;
    let grant = Grant::new(&[Permission::Chat, Permission::OnecRead]);
    let client = service.user(&grant);
    // Of the built-in engine too.
    let body = json!({"message": "Кто нам должен?", "model": "builtin"});
    let answer: Value = client.post("/chat", &body).await.json();
    let kept = calls(&client, &answer).await;
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (&kept[0]["name"], &kept[0]["source"]),
        (&json!("get_receivables"), &json!(1))
    );
    // Of words only: an answer without calls.
    let words: Value = client
        .post("/chat", &json!({"message": "помощь", "model": "builtin"}))
        .await
        .json();
    assert!(calls(&client, &words).await.is_empty());
    let path = format!("/messages/{}/tool-calls", answer["message_id"].as_str().unwrap());
    service
        .accountant()
        .get(&path)
        .await
        .assert_problem(404, "assistant.message_not_found");
    client
        .get(&format!("/messages/{}/tool-calls", common::ids::new_id()))
        .await
        .assert_problem(404, "assistant.message_not_found");
    client
        .get("/messages/x/tool-calls")
        .await
        .assert_problem(404, "request.not_found");
    service
        .anonymous()
        .get(&path)
        .await
        .assert_problem(401, "auth.token_required");
    service
        .client(&[Permission::Generate])
        .get(&path)
        .await
        .assert_problem(403, "auth.permission_denied");
    // A call that fails is kept although there is no answer.
    service.onec.set(Mood::Slow);
    let body =
        json!({"message": "Вопрос\n#call get_cash {}\n#say Нет.", "model": "fake-scripted", "stream": true});
    let events = client.post("/chat", &body).await.text();
    let start = events
        .lines()
        .find_map(|line| line.strip_prefix("data: "))
        .unwrap();
    let failed: Value = serde_json::from_str(start).unwrap();
    let kept = calls(&client, &failed).await;
    assert_eq!(kept[0]["outcome"], "unreachable", "{kept:?}");
    // They go with their conversation.
    let conversation = format!("/conversations/{}", answer["conversation_id"].as_str().unwrap());
    assert_eq!(client.delete(&conversation).await.status, 204);
    client
        .get(&path)
        .await
        .assert_problem(404, "assistant.message_not_found");
}

#[tokio::test]
async fn without_the_database_calls_cannot_be_shown() {
    let service = Service::start().await;
    let answer = ask(&service.accountant(), "Кто нам должен?").await;
    let path = format!("/messages/{}/tool-calls", answer["message_id"].as_str().unwrap());
    service.database.cut();
    let response = service.accountant().get(&path).await;
    assert_eq!(response.status, 503, "{}", response.text());
}

#[tokio::test]
async fn a_report_becomes_a_file() {
    let service = Service::with_provider("openai").await;
    let script = "#call make_report_file {\"report\": \"sales\", \"parameters\": {\"from\": \"2026-10-01\", \"limit\": 5}}\n\
                  #call make_report_file {\"report\": \"sales\", \"parameters\": {\"company\": \"x\"}}\n#say Готовится.";
    let reader = service.accountant();
    let refused = scripted(&reader, script, json!({})).await;
    assert!(refused.get("files").is_none());
    assert!(!offered(&service).contains(&"make_report_file".to_owned()));
    let client = service.client(&[Permission::Chat, Permission::OnecRead, Permission::Reports]);
    let answer = scripted(&client, script, json!({"company_id": OURS})).await;
    let files = answer["files"].as_array().unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(
        (&files[0]["report"], &files[0]["format"]),
        (&json!("sales"), &json!("csv"))
    );
    assert!(
        files[0]["status_url"]
            .as_str()
            .unwrap()
            .starts_with("/api/analytics/reports/jobs/")
    );
    let asked = service.onec.asked();
    assert_eq!(asked.len(), 1);
    let order: Value = serde_json::from_str(asked[0].strip_prefix("/reports/generate ").unwrap()).unwrap();
    assert_eq!(
        order,
        json!({"report": "sales", "format": "csv", "parameters": {"company": OURS, "from": "2026-10-01"}})
    );
    // Without analytics the answer goes on in words.
    service.onec.set(Mood::Slow);
    let script = "#call make_report_file {\"report\": \"cash\"}\n#say Файла не будет.";
    let answer = scripted(&client, script, json!({})).await;
    assert_eq!(answer["answer"], "Файла не будет.");
    assert_eq!(calls(&client, &answer).await[0]["outcome"], "refused");
}
