//! `/reports/*`.

use common::auth::Permission::{AnalyticsRead, OnecRead, Reports, SecurityRead};
use common::events::{Event, Stream};
use common::ids;
use common::testing::{Client, Grant, Response};
use http::Method;
use redis::AsyncCommands;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::onec::Mood;
use crate::support::{Service, Setting, answered, eventually, now, request};

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
        "attachment; filename=\"receivables-2026-11-20.csv\"; \
         filename*=UTF-8''%D0%9E%D1%82%D1%87%D1%91%D1%82%202026-11-20.csv"
    );
    assert_eq!(
        answer.text(),
        "\u{feff}Контрагент;Долг;Просрочено;Срок\r\n\
         ООО «Ромашка»;1500000,50;0,00;01.12.2026\r\n\
         \"'=HYPERLINK(\"\"http://x\"\")\";-10,00;10,00;\r\n\
         Итого;1499990,50;10,00;\r\nСтрок: 2\r\n"
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
        (&json!(50_000), &json!(60_000))
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
            json!({"report": "cash", "format": "csv", "parameters": {"cursor": "x"}}),
            "/parameters/cursor",
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
    let mine: Value = client.get("/reports/jobs").await.json();
    assert_eq!(mine, json!({"items": []}));
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
    let payload = json!({"report": "cash", "title": "Деньги", "parameters": {}, "columns": [],
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

#[tokio::test]
async fn every_format_says_the_same() {
    let service = Service::start().await;
    service.onec.set(Mood::Many(2345));
    let client = service.client(&[Reports, OnecRead]);
    let mut controls = Vec::new();
    for (format, kind, magic) in [
        (
            "xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            &b"PK\x03\x04"[..],
        ),
        ("pdf", "application/pdf", b"%PDF-1."),
        ("html", "text/html; charset=utf-8", b"<!doctype html>"),
        ("csv", "text/csv; charset=utf-8", "\u{feff}Контрагент;".as_bytes()),
        ("json", "application/json", b"{\"report\":\"receivables\""),
    ] {
        let answer = client.post("/reports/generate", &receivables(format)).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
        let job = finished(&client, &answer.json()).await;
        assert_eq!(job["state"], "succeeded", "{job}");
        assert_eq!(job["progress"], json!({"rows_done": 2345, "rows_total": 2345}));
        controls.push(job["file"]["control"].clone());
        let file = client.get(&file_path(&job)).await;
        assert_eq!(file.headers["content-type"], kind);
        assert_eq!(file.headers["x-content-type-options"], "nosniff");
        assert!(file.body.starts_with(magic), "{format}");
        match format {
            "json" => {
                let body: Value = file.json();
                assert_eq!(body["rows"].as_array().unwrap().len(), 2345);
                assert_eq!(body["control"], controls[0]);
                assert_eq!(body["totals"]["debt"], "2748574.50");
            }
            "csv" => {
                let text = file.text();
                assert!(
                    text.contains(
                        "\r\nПокупатель № 2344;2344,10;0,00;01.12.2026\r\nИтого;2748574,50;0,00;\r\n"
                    )
                );
                assert_eq!(text.lines().count(), 2345 + 3);
            }
            "html" => assert!(
                file.text()
                    .contains("<td class=\"n\">2\u{a0}748\u{a0}574,50</td>")
            ),
            _ => {}
        }
    }
    for control in &controls {
        assert_eq!(
            control,
            &json!({"rows": 2345, "totals": {"debt": "2748574.50", "overdue": "0.00"}})
        );
    }
    // Each was read in three pieces, and none is left.
    assert_eq!(service.onec.asked().len(), 15);
    assert_eq!(
        service.number("select count(*) from analytics.report_rows").await,
        0
    );
    let page: Value = client.get("/reports/jobs?limit=3").await.json();
    assert_eq!(page["items"].as_array().unwrap().len(), 3);
    assert_eq!(page["items"][0]["format"], "json");
    let next = format!(
        "/reports/jobs?limit=3&cursor={}",
        page["next_cursor"].as_str().unwrap()
    );
    let page: Value = client.get(&next).await.json();
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    assert!(page.get("next_cursor").is_none());
}

#[tokio::test]
async fn figures_that_change_while_they_are_read_make_no_file() {
    let service = Service::start().await;
    service.onec.set(Mood::Changing(1500));
    let client = service.client(&[Reports, OnecRead]);
    let answer = client.post("/reports/generate", &receivables("xlsx")).await;
    answer.assert_problem(503, "analytics.data_changes");
    assert_eq!(service.onec.asked().len(), 6);
    // What fits into one piece cannot be torn.
    service.onec.set(Mood::Changing(900));
    let answer = client
        .post("/reports/generate?wait=20", &receivables("xlsx"))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn a_letter_that_the_font_lacks_is_named() {
    let service = Service::start().await;
    service.onec.set(Mood::Unprintable);
    let client = service.client(&[Reports, OnecRead]);
    let answer = client.post("/reports/generate", &receivables("pdf")).await;
    let job = finished(&client, &answer.json()).await;
    assert_eq!(job["error"], "analytics.glyph_missing");
    assert!(job["error_detail"].as_str().unwrap().contains("«株»"), "{job}");
    let answer = client
        .post("/reports/generate?wait=20", &receivables("html"))
        .await;
    assert!(answer.text().contains("株式会社"));
}

#[tokio::test]
async fn a_link_opens_its_file_for_anybody_until_it_ends() {
    let service = Service::start().await;
    let client = service.client(&[Reports, OnecRead]);
    let answer = client.post("/reports/generate", &receivables("csv")).await;
    let job = finished(&client, &answer.json()).await;
    let link = job["file"]["link"].as_str().unwrap();
    let link = link.strip_prefix("/api/analytics").unwrap().to_owned();
    let anybody = Client::anonymous(service.server.url());
    let file = anybody.get(&link).await;
    assert_eq!(file.status, 200, "{}", file.text());
    assert_eq!(file.body, client.get(&file_path(&job)).await.body);

    let other = link.replace(job["file"]["id"].as_str().unwrap(), &ids::new_id().to_string());
    let longer = link.replace("expires=", "expires=9");
    for forged in [other, longer, format!("{}00", &link[..link.len() - 2])] {
        let answer = anybody.get(&forged).await;
        answer.assert_problem(403, "analytics.link_invalid");
    }
    let bare = link.split('?').next().unwrap();
    anybody
        .get(bare)
        .await
        .assert_problem(400, "request.invalid_query");
    sqlx::query("update analytics.report_files set content = null, expires_at = now() - interval '1 second'")
        .execute(&service.db)
        .await
        .unwrap();
    let answer = anybody.get(&link).await;
    answer.assert_problem(410, "analytics.file_expired");
}

#[tokio::test]
async fn a_job_can_be_cancelled_until_it_has_ended() {
    let service = Service::start().await;
    let grant = Grant::new(&[Reports, OnecRead]);
    let client = service.client_of(&grant);
    // One that some other replica holds.
    let held = orphan(&service, grant.user_id, 1).await;
    let path = format!("/reports/jobs/{}", held["job_id"].as_str().unwrap());
    sqlx::query(
        "update analytics.report_jobs set lease_until = now() + interval '1 hour', state = 'running', \
                 payload = coalesce(payload, '{}'), lease_by = 'other', finished_at = null, error = null",
    )
    .execute(&service.db)
    .await
    .unwrap();
    let stranger = service.client(&[Reports]);
    let answer = stranger.delete(&path).await;
    answer.assert_problem(404, "request.not_found");
    for _ in 0..2 {
        let cancelled: Value = client.delete(&path).await.json();
        assert_eq!(cancelled["state"], "cancelled");
    }
    assert_eq!(client.get(&path).await.json::<Value>()["state"], "cancelled");

    let answer = client.post("/reports/generate", &receivables("csv")).await;
    let job = finished(&client, &answer.json()).await;
    let path = format!("/reports/jobs/{}", job["job_id"].as_str().unwrap());
    let answer = client.delete(&path).await;
    answer.assert_problem(409, "analytics.job_ended");
}

#[tokio::test]
async fn nobody_fills_the_queue_alone() {
    let service = Service::start().await;
    let grant = Grant::new(&[Reports, OnecRead]);
    let client = service.client_of(&grant);
    for _ in 0..20 {
        orphan(&service, grant.user_id, 1).await;
    }
    sqlx::query(
        "update analytics.report_jobs set lease_until = now() + interval '1 hour', state = 'running', \
                 payload = coalesce(payload, '{}'), lease_by = 'other'",
    )
    .execute(&service.db)
    .await
    .unwrap();
    let answer = client.post("/reports/generate", &receivables("csv")).await;
    answer.assert_problem(429, "analytics.too_many_jobs");
    let other = service.client(&[Reports, OnecRead]);
    let answer = other.post("/reports/generate?wait=20", &receivables("csv")).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn the_catalogue_is_what_the_caller_may_have() {
    let service = Service::start().await;
    let ids = |catalogue: &Value| -> Vec<String> {
        let items = catalogue["items"].as_array().unwrap().iter();
        items
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = service.client(&[Reports, OnecRead, AnalyticsRead, SecurityRead]);
    let catalogue: Value = all.get("/reports").await.json();
    assert_eq!(
        ids(&catalogue),
        ["receivables", "usage", "availability", "logins"]
    );
    assert_eq!(
        catalogue["formats"],
        json!(["xlsx", "pdf", "csv", "html", "json"])
    );
    let parameters = catalogue["items"][0]["parameters"].as_array().unwrap();
    assert_eq!(parameters.len(), 1, "a file has no limit: {catalogue}");
    let few: Value = service.client(&[Reports]).get("/reports").await.json();
    assert!(ids(&few).is_empty());
    service.onec.set(Mood::Garbage);
    let away = Setting {
        onec_url: Some("http://127.0.0.1:9".to_owned()),
        ..Setting::default()
    };
    let service = Service::with(away).await;
    let client = service.client(&[Reports, OnecRead, AnalyticsRead]);
    let catalogue: Value = client.get("/reports").await.json();
    assert_eq!(ids(&catalogue), ["usage", "availability"]);
    assert_eq!(catalogue["onec_problem"]["code"], "dependency.unavailable");
}

#[tokio::test]
async fn the_own_reports_of_availability_and_logins() {
    let service = Service::start().await;
    let body = |report: &str| json!({"report": report, "format": "json"});
    let poor = service.client(&[Reports, AnalyticsRead]);
    let problem = poor
        .post("/reports/generate", &body("logins"))
        .await
        .assert_problem(403, "auth.permission_denied");
    assert!(problem["detail"].as_str().unwrap().contains("security:read"));
    let time = now();
    service
        .publish(
            Stream::Requests,
            &[
                request(time, "analytics", 200, 10, None),
                request(time, "analytics", 404, 20, None),
                request(time, "analytics", 503, 3000, None),
                request(time, "security", 200, 5, None),
            ],
        )
        .await;
    service
        .reaches(
            "select coalesce(sum(count), 0)::bigint from analytics.requests_hourly",
            4,
        )
        .await;
    let client = service.client(&[Reports, AnalyticsRead, SecurityRead]);
    let table: Value = client
        .post("/reports/generate?wait=20", &body("availability"))
        .await
        .json();
    assert_eq!(table["row_count"], 2, "{table}");
    let row = &table["rows"][0];
    assert_eq!(
        (
            &row["service"],
            &row["requests"],
            &row["failures"],
            &row["availability"]
        ),
        (&json!("analytics"), &json!(3), &json!(1), &json!("66.666"))
    );
    assert_eq!(table["totals"]["availability"], "75");
    assert_eq!(table["control"]["totals"]["requests"], "4");
    let table: Value = client
        .post("/reports/generate?wait=20", &body("logins"))
        .await
        .json();
    assert_eq!(table["totals"]["succeeded"], 0);
    assert_eq!(table["title"], "Входы в систему");
}
