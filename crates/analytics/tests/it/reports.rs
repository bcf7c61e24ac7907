//! `/reports/*`.

use common::auth::Permission::{AnalyticsRead, OnecRead, Reports};
use common::events::{Event, Stream};
use common::ids;
use common::testing::{Client, Grant, Response};
use http::Method;
use redis::AsyncCommands;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::onec::Mood;
use crate::support::{Service, Setting, answered, eventually, now};

fn receivables(format: &str) -> Value {
    json!({"report": "receivables", "parameters": {"overdue": true}, "format": format})
}

async fn generate_with_key(client: &Client, key: &str, body: &Value) -> Response {
    let request = client
        .request(Method::POST, "/reports/generate")
        .header("idempotency-key", key);
    client.send(request.json(body)).await
}

/// The finished job.
async fn finished(client: &Client, job: &Value) -> Value {
    let path = format!("/reports/jobs/{}", job["job_id"].as_str().unwrap());
    let mut last = Value::Null;
    eventually("the end of the job", async || {
        last = client.get(&path).await.json();
        last["finished_at"].is_string()
    })
    .await;
    last
}

fn file_path(job: &Value) -> String {
    let url = job["file"]["url"].as_str().unwrap();
    url.strip_prefix("/api/analytics").unwrap().to_owned()
}

#[tokio::test]
async fn a_small_report_comes_at_once_as_excel_opens_it() {
    let service = Service::start().await;
    let client = service.client(&[Reports, OnecRead]);
    let answer = client
        .post("/reports/generate?wait=20", &receivables("csv"))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(
        answer.headers["content-disposition"],
        "attachment; filename=\"receivables-2026-11-20.csv\""
    );
    assert_eq!(
        answer.text(),
        "\u{feff}Контрагент;Долг;Просрочено;Срок\r\n\
         ООО «Ромашка»;1500000,50;0,00;01.12.2026\r\n\
         \"'=HYPERLINK(\"\"http://x\"\")\";-10,00;10,00;\r\n\
         Итого;1499990,50;10,00;\r\n"
    );
    let (report, query) = service.onec.asked().remove(0);
    assert_eq!(
        (report.as_str(), query.overdue, query.limit),
        ("receivables", Some(true), Some(1000))
    );

    let mut standard = receivables("csv");
    standard["dialect"] = json!("rfc4180");
    let answer = client.post("/reports/generate?wait=20", &standard).await;
    assert!(
        answer
            .text()
            .starts_with("Контрагент,Долг,Просрочено,Срок\r\nООО «Ромашка»,1500000.50,0.00,2026-12-01\r\n")
    );
    let answer = client
        .post("/reports/generate?wait=20", &receivables("json"))
        .await;
    assert_eq!(answer.headers["content-type"], "application/json");
    let body: Value = answer.json();
    assert_eq!(
        (&body["row_count"], &body["totals"]["debt"]),
        (&json!(2), &json!("1499990.50"))
    );
}

#[tokio::test]
async fn a_job_leads_to_a_file_of_its_owner_and_expires() {
    let service = Service::start().await;
    let grant = Grant::new(&[Reports, OnecRead]);
    let client = service.client_of(&grant);
    let answer = client.post("/reports/generate", &receivables("csv")).await;
    assert_eq!(answer.status, 202);
    let accepted: Value = answer.json();
    assert_eq!(
        answer.headers["location"],
        accepted["status_url"].as_str().unwrap()
    );
    let job = finished(&client, &accepted).await;
    assert_eq!((&job["state"], &job["rows"]), (&json!("succeeded"), &json!(2)));
    let file = client.get(&file_path(&job)).await;
    assert_eq!(file.status, 200);
    assert_eq!(
        file.headers["etag"],
        format!("\"{}\"", job["file"]["sha256"].as_str().unwrap())
    );
    assert_eq!(job["file"]["size"], file.body.len());

    let stranger = service.client(&[Reports, OnecRead]);
    let job_path = format!("/reports/jobs/{}", job["job_id"].as_str().unwrap());
    stranger
        .get(&job_path)
        .await
        .assert_problem(404, "request.not_found");
    stranger
        .get(&file_path(&job))
        .await
        .assert_problem(404, "request.not_found");

    sqlx::query("update analytics.report_files set expires_at = now() - interval '1 second'")
        .execute(&service.db)
        .await
        .unwrap();
    client
        .get(&file_path(&job))
        .await
        .assert_problem(410, "analytics.file_expired");
    let expired: Value = client.get(&job_path).await.json();
    assert_eq!(expired["state"], "expired");
    assert!(expired.get("file").is_none());
    // Neither the token nor, after the end, the data is in the database.
    let token = service.issuer.sign(&grant);
    let signature = token.rsplit('.').next().unwrap();
    let left: i64 = sqlx::query_scalar(
        "select count(*) from analytics.report_jobs where payload is not null or report_jobs::text like '%' || $1 || '%'",
    )
    .bind(signature)
    .fetch_one(&service.db)
    .await
    .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn the_audit_log_is_told() {
    let service = Service::start().await;
    let grant = Grant::new(&[Reports, OnecRead]);
    let answer = service
        .client_of(&grant)
        .post("/reports/generate", &receivables("json"))
        .await;
    let job: Value = answer.json();
    let mut redis = service.redis.connect().connection();
    eventually("the audit event", async || {
        let length: usize = redis.xlen(Stream::Audit.key()).await.unwrap();
        length == 1
    })
    .await;
    let entries: redis::streams::StreamRangeReply = redis.xrange_all(Stream::Audit.key()).await.unwrap();
    let event: String = entries.ids[0].get("event").unwrap();
    let event: Event = serde_json::from_str(&event).unwrap();
    assert_eq!(event.actor.unwrap().user_id, grant.user_id);
    assert_eq!(event.data["action"], "reports.generated");
    assert_eq!(
        event.data["target"],
        format!("report_job:{}", job["job_id"].as_str().unwrap())
    );
    assert_eq!(event.data["details"]["rows"], 2);
}

#[tokio::test]
async fn what_onec_integration_refuses_is_passed_on() {
    let service = Service::start().await;
    // Enough for the route, too little for the data.
    let client = service.client(&[Reports]);
    let problem = client
        .post("/reports/generate?wait=5", &receivables("csv"))
        .await
        .assert_problem(403, "auth.permission_denied");
    assert!(problem["detail"].as_str().unwrap().contains("onec:read"));

    let client = service.client(&[Reports, OnecRead]);
    service.onec.set(Mood::InfobaseAway);
    let answer = client.post("/reports/generate", &receivables("csv")).await;
    answer.assert_problem(503, "onec.infobase_unreachable");
    assert_eq!(answer.headers["retry-after"], "30");
    service.onec.set(Mood::Garbage);
    let answer = client.post("/reports/generate", &receivables("csv")).await;
    answer.assert_problem(503, "dependency.unavailable");
    service.onec.set(Mood::TooMany);
    let answer = client.post("/reports/generate", &receivables("csv")).await;
    let problem = answer.assert_problem(422, "analytics.row_limit_exceeded");
    assert_eq!(
        (&problem["limit"], &problem["actual"]),
        (&json!(1000), &json!(1234))
    );
    assert_eq!(
        service.number("select count(*) from analytics.report_jobs").await,
        0
    );

    let away = Setting {
        onec_url: Some("http://127.0.0.1:9".to_owned()),
        ..Setting::default()
    };
    let service = Service::with(away).await;
    let client = service.client(&[Reports, OnecRead]);
    let answer = client.post("/reports/generate", &receivables("csv")).await;
    answer.assert_problem(503, "dependency.unavailable");
}

#[tokio::test]
async fn wrong_requests_are_refused_by_member() {
    let service = Service::start().await;
    let client = service.client(&[Reports, OnecRead, AnalyticsRead]);
    for (body, pointer) in [
        (json!({"report": "everything", "format": "csv"}), "/report"),
        (json!({"report": "cash", "format": "docx"}), "/format"),
        (
            json!({"report": "cash", "format": "csv", "dialect": "de_excel"}),
            "/dialect",
        ),
        (
            json!({"report": "cash", "format": "csv", "parameters": {"limit": 5}}),
            "/parameters/limit",
        ),
        (
            json!({"report": "cash", "format": "csv", "parameters": {"colour": "red"}}),
            "/parameters",
        ),
        (
            json!({"report": "cash", "format": "csv", "parameters": {"date": "today"}}),
            "/parameters",
        ),
        (
            json!({"report": "usage", "format": "csv", "parameters": {"overdue": true}}),
            "/parameters",
        ),
    ] {
        let problem = client
            .post("/reports/generate", &body)
            .await
            .assert_problem(422, "request.validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {problem}");
    }
    let answer = client
        .post("/reports/generate?wait=long", &receivables("csv"))
        .await;
    answer.assert_problem(400, "request.invalid_query");
    let answer = generate_with_key(&client, "two words", &receivables("csv")).await;
    answer.assert_problem(400, "request.invalid");
    for path in ["jobs", "files"] {
        let answer = client.get(&format!("/reports/{path}/{}", ids::new_id())).await;
        answer.assert_problem(404, "request.not_found");
        client
            .get(&format!("/reports/{path}/seven"))
            .await
            .assert_problem(404, "request.not_found");
    }
}

#[tokio::test]
async fn the_same_key_is_the_same_job_until_it_fails() {
    let service = Service::start().await;
    let client = service.client(&[Reports, OnecRead]);
    let body = receivables("csv");
    let answers =
        futures_util::future::join_all((0..5).map(|_| generate_with_key(&client, "k1", &body))).await;
    let first: Value = answers[0].json();
    for answer in &answers {
        assert_eq!(answer.json::<Value>()["job_id"], first["job_id"]);
    }
    assert_eq!(
        service.number("select count(*) from analytics.report_jobs").await,
        1
    );
    let other = generate_with_key(&client, "k1", &receivables("json")).await;
    other.assert_problem(422, "request.idempotency_key_reused");
    let stranger = service.client(&[Reports, OnecRead]);
    let foreign: Value = generate_with_key(&stranger, "k1", &body).await.json();
    assert_ne!(foreign["job_id"], first["job_id"]);

    finished(&client, &first).await;
    sqlx::query("update analytics.report_jobs set state = 'failed' where id = $1")
        .bind(first["job_id"].as_str().unwrap().parse::<Uuid>().unwrap())
        .execute(&service.db)
        .await
        .unwrap();
    let again: Value = generate_with_key(&client, "k1", &body).await.json();
    assert_ne!(again["job_id"], first["job_id"]);
}

/// A job as a holder that died left it.
async fn orphan(service: &Service, owner: Uuid, attempts: i32) -> Value {
    let id = ids::new_id();
    let payload = json!({"report": "cash", "title": "Деньги", "parameters": {}, "columns": [], "rows": [],
        "totals": {}, "row_count": 0, "as_of": "2026-11-20T10:00:00Z"});
    sqlx::query(
        "insert into analytics.report_jobs (id, owner, request_hash, report, format, dialect, locale, state,
             payload, rows, attempts, lease_by, lease_until, created_at)
         values ($1, $2, '', 'cash', 'json', 'ru_excel', 'ru', 'running', $3, 0, $4, 'dead', now() - interval '1 second', now())",
    )
    .bind(id)
    .bind(owner)
    .bind(payload)
    .bind(attempts)
    .execute(&service.db)
    .await
    .unwrap();
    json!({"job_id": id})
}

#[tokio::test]
async fn a_job_whose_holder_died_is_finished_by_another_but_not_for_ever() {
    let service = Service::start().await;
    let grant = Grant::new(&[Reports]);
    let client = service.client_of(&grant);
    let taken = orphan(&service, grant.user_id, 1).await;
    let job = finished(&client, &taken).await;
    assert_eq!(job["state"], "succeeded");
    assert_eq!(client.get(&file_path(&job)).await.status, 200);

    let hopeless = orphan(&service, grant.user_id, 3).await;
    let job = finished(&client, &hopeless).await;
    assert_eq!(
        (&job["state"], &job["error"]),
        (&json!("failed"), &json!("analytics.build_abandoned"))
    );
    assert_eq!(
        service
            .number("select count(*) from analytics.report_files")
            .await,
        1
    );
}

#[tokio::test]
async fn the_own_report_of_usage() {
    let service = Service::start().await;
    let body = json!({"report": "usage", "format": "csv"});
    let poor = service.client(&[Reports, OnecRead]);
    let problem = poor
        .post("/reports/generate", &body)
        .await
        .assert_problem(403, "auth.permission_denied");
    assert!(problem["detail"].as_str().unwrap().contains("analytics:read"));

    let (time, user) = (now(), ids::new_id());
    service
        .publish(
            Stream::Usage,
            &[
                answered(time, user, "gpt", "answered", Some("0.0012")),
                answered(time, user, "gpt", "failed", Some("0.0003")),
                answered(time, user, "unpriced", "answered", None),
            ],
        )
        .await;
    service
        .reaches(
            "select coalesce(sum(calls), 0)::bigint from analytics.usage_hourly",
            3,
        )
        .await;
    let client = service.client(&[Reports, AnalyticsRead]);
    let answer = client.post("/reports/generate?wait=20", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "\u{feff}День;Поставщик;Модель;Операция;Запросов;Ошибок;Входных токенов;Выходных токенов;Стоимость, USD;Среднее время, мс"
    );
    assert!(
        lines[1].ends_with(";openai;gpt;chat;2;1;200;40;0,0015;900"),
        "{}",
        lines[1]
    );
    assert!(
        lines[2].ends_with(";openai;unpriced;chat;1;0;100;20;;900"),
        "{}",
        lines[2]
    );
    assert_eq!(lines[3], "Итого;;;;3;1;300;60;0,0015;");
    assert!(service.onec.asked().is_empty());

    let past = json!({"report": "usage", "format": "json", "parameters": {"from": "2020-01-01", "to": "2020-01-31"}});
    let english = client.with_language("en");
    let body: Value = english.post("/reports/generate?wait=20", &past).await.json();
    assert_eq!(
        (&body["row_count"], &body["totals"]["cost_usd"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(body["columns"][0]["title"], "Day");
}
