//! `/dashboards`.

use common::auth::Permission::{AnalyticsRead, DashboardsEdit, DashboardsRead, OnecRead, SecurityRead};
use common::contract::onec::ReportQuery;
use common::events::Stream;
use common::ids;
use common::testing::{Client, Grant, Response};
use http::Method;
use redis::AsyncCommands;
use serde_json::{Value, json};

use crate::onec::{Mood, as_of};
use crate::support::{Service, Setting, answered, eventually, find, now, request, synced};

fn ids_of<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    let list = list[key].as_array().unwrap();
    list.iter().map(|item| item["id"].as_str().unwrap()).collect()
}

/// A dashboard of a user.
pub(crate) fn own(title: &str) -> Value {
    json!({"definition": {"title": title, "time": {"from": "now-7d/d", "to": "now"}, "refresh_seconds": 60,
    "variables": [{"name": "group", "title": "Разрез", "default": "counterparty", "values": ["counterparty", "item"]}],
    "panels": [
        {"id": "sales", "kind": "bar", "title": "Продажи",
         "query": {"id": "onec.sales", "params": {"group_by": "$group", "limit": 5}}, "grid": {"x": 0, "y": 0, "w": 6, "h": 6}},
        {"id": "days", "kind": "line", "title": "По дням",
         "query": {"id": "onec.sales", "params": {"group_by": "day"}}, "fields": {"x": "key", "y": ["revenue"]},
         "grid": {"x": 6, "y": 0, "w": 6, "h": 6}},
        {"id": "requests", "kind": "line", "title": "Запросы", "query": {"id": "system.requests"},
         "grid": {"x": 0, "y": 6, "w": 12, "h": 6}},
    ]}})
}

async fn send(
    client: &Client,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Response {
    let mut request = client.request(method, path).json(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.send(request).await
}

#[tokio::test]
async fn everybody_sees_what_they_may() {
    let service = Service::start().await;
    let list =
        async |permissions: &[_]| -> Value { service.client(permissions).get("/dashboards").await.json() };
    assert_eq!(
        ids_of(
            &list(&[DashboardsRead, OnecRead, AnalyticsRead, SecurityRead]).await,
            "items"
        ),
        ["overview", "director", "accountant", "ai", "system", "security"]
    );
    assert_eq!(
        ids_of(&list(&[DashboardsRead, OnecRead]).await, "items"),
        ["overview", "director", "accountant", "system"]
    );
    assert_eq!(ids_of(&list(&[DashboardsRead]).await, "items"), [""; 0]);

    let nobody = service.client(&[DashboardsRead]);
    for id in ["overview", "director", "system", "security"] {
        let answer = nobody.get(&format!("/dashboards/{id}")).await;
        answer.assert_problem(403, "auth.permission_denied");
    }
    // A panel that is not for the caller says so in its place.
    let client = service.client(&[DashboardsRead, OnecRead]);
    let body: Value = client.get("/dashboards/overview").await.json();
    let panel = find(&body["panels"], "id", "requests");
    assert_eq!(
        (&panel["error"]["code"], &panel["data"]),
        (&json!("auth.permission_denied"), &Value::Null)
    );
    assert_eq!(
        find(&body["panels"], "id", "cash")["data"]["totals"]["balance"],
        "77.00"
    );

    let queries: Value = client.get("/dashboards/queries").await.json();
    assert_eq!(find(&queries["items"], "id", "onec.sales")["allowed"], true);
    assert_eq!(find(&queries["items"], "id", "ai.cost")["allowed"], false);
}

#[tokio::test]
async fn the_system_in_series() {
    let service = Service::start().await;
    let client = service.client(&[DashboardsRead, AnalyticsRead]);
    let time = now();
    let requests = [
        request(time, "ai-assistant", 200, 100, None),
        request(time, "ai-assistant", 503, 100, None),
        request(time, "security", 404, 100, None),
    ];
    service.publish(Stream::Requests, &requests).await;
    let usage = [answered(time, ids::new_id(), "gpt", "answered", Some("0.10"))];
    service.publish(Stream::Usage, &usage).await;
    service
        .publish(Stream::Sync, &[synced(time, ids::new_id(), "succeeded", 5)])
        .await;
    service.reaches("select count(*) from analytics.events", 5).await;
    service
        .reaches(
            "select coalesce(sum(count), 0)::bigint from analytics.requests_monthly",
            3,
        )
        .await;
    service
        .reaches(
            "select coalesce(sum(calls), 0)::bigint from analytics.usage_monthly",
            1,
        )
        .await;

    // By hours, days, weeks and months: through each of the rollups.
    for (from, step) in [
        ("now-24h", "hour"),
        ("now-30d", "day"),
        ("now-150d", "week"),
        ("now-1y", "month"),
    ] {
        let body: Value = client
            .get(&format!("/dashboards/system?from={from}&to=now"))
            .await
            .json();
        assert_eq!(body["time"]["step"], step);
        let panel = |id| find(&body["panels"], "id", id);
        let requests = &panel("requests")["data"];
        assert_eq!(
            requests["totals"],
            json!({"requests": 3, "errors": 1}),
            "{step}: {requests}"
        );
        assert_eq!(
            requests["chart"]["series"][1]["values"]
                .as_array()
                .unwrap()
                .last()
                .unwrap(),
            "1"
        );
        let latency = panel("latency")["data"]["rows"].as_array().unwrap();
        assert_eq!(latency.first().unwrap()["p95_ms"], Value::Null);
        assert!((95..=105).contains(&latency.last().unwrap()["p95_ms"].as_u64().unwrap()));
        let totals = &panel("totals")["data"]["totals"];
        assert_eq!(
            (&totals["requests"], &totals["error_ratio"]),
            (&json!(3), &json!("33.33"))
        );
        let names = panel("traffic")["data"]["chart"]["series"].as_array().unwrap();
        assert_eq!(names.len(), 2);
        assert_eq!(
            panel("sync_freshness")["data"]["rows"][0]["infobase"],
            "Бухгалтерия"
        );
        assert_eq!(
            find(&panel("services")["data"]["rows"], "service", "onec-integration")["up"],
            true
        );
    }
    let body: Value = client.get("/dashboards/ai").await.json();
    let models = &find(&body["panels"], "id", "models")["data"];
    assert_eq!(
        (&models["rows"][0]["cost"], &models["totals"]["cost"]),
        (&json!("0.1"), &json!("0.1"))
    );
    let totals = find(&body["panels"], "id", "totals")["data"]["figures"]
        .as_array()
        .unwrap();
    assert_eq!(totals[0]["value"], "1");
    assert!(service.onec.asked().is_empty());
}

#[tokio::test]
async fn the_business_with_the_period_before() {
    let service = Service::start().await;
    let client = service.client(&[DashboardsRead, OnecRead]);
    let body: Value = client
        .get("/dashboards/director?from=2026-11-01&to=2026-11-20")
        .await
        .json();
    let panel = |id| find(&body["panels"], "id", id);
    let receivables = panel("receivables");
    assert_eq!(receivables["data"]["totals"]["debt"], "1499990.50");
    assert_eq!(receivables["as_of"], json!(as_of()));
    let figure = &panel("revenue")["data"]["figures"][0];
    assert_eq!(
        (&figure["value"], &figure["previous"], &figure["change_percent"]),
        (&json!("100.00"), &json!("100.00"), &json!("0"))
    );
    // Debts by age add up to the debt.
    let ageing = &panel("ageing")["data"]["chart"];
    assert_eq!(ageing["series"][0]["values"][0], "1499980.50");
    // Days without sales are there with nothing.
    let days = &panel("sales_over_time")["data"]["chart"];
    assert_eq!(days["categories"].as_array().unwrap().len(), 20);
    assert_eq!(
        (&days["categories"][0], &days["series"][0]["values"][1]),
        (&json!("01.11"), &json!("0"))
    );
    let debtors = panel("debtors");
    assert_eq!(debtors["drill_down"]["row"]["report"], "statement");
    assert!(
        debtors["drill_down"]["href"]
            .as_str()
            .unwrap()
            .starts_with("/api/1c/reports/receivables?")
    );

    let asked = service.onec.asked();
    let of = |id: &str| -> Vec<ReportQuery> {
        let of_report = asked.iter().filter(|(report, _)| report == id);
        of_report.map(|(_, query)| query.clone()).collect()
    };
    let day = |text: &str| Some(text.parse().unwrap());
    let sales = of("sales");
    let period = |from, to| {
        sales
            .iter()
            .any(|query| query.from == day(from) && query.to == day(to))
    };
    assert!(
        period("2026-11-01", "2026-11-20") && period("2026-10-01", "2026-10-20"),
        "{sales:?}"
    );
    assert!(of("cash").iter().any(|query| query.date == day("2026-11-20")));

    let company = ids::new_id();
    client
        .get(&format!("/dashboards/director?company={company}"))
        .await;
    let asked = service.onec.asked();
    assert!(asked.iter().any(|(_, query)| query.company == Some(company)));
}

#[tokio::test]
async fn answers_are_shown_again_for_a_while_and_to_the_same_rights_only() {
    let service = Service::start().await;
    let grant = Grant::new(&[DashboardsRead, OnecRead]);
    let client = service.client_of(&grant);
    let path = "/dashboards/accountant?from=2026-11-01&to=2026-11-20";
    let first = client.get(path).await;
    let body: Value = first.json();
    assert_eq!(body["cached"], false);
    let asked = service.onec.asked().len();
    let again = client.get(path).await;
    let body: Value = again.json();
    assert_eq!(find(&body["panels"], "id", "cash")["cached"], true);
    assert_eq!(service.onec.asked().len(), asked);
    let tag = again.headers["etag"].to_str().unwrap().to_owned();
    let unchanged = send(
        &client,
        Method::GET,
        path,
        &[("if-none-match", &tag)],
        &json!(null),
    )
    .await;
    assert_eq!((unchanged.status.as_u16(), unchanged.body.len()), (304, 0));

    // Another user of the same rights shares them, one of fewer companies does not.
    service
        .client_of(&Grant::new(&[DashboardsRead, OnecRead]))
        .get(path)
        .await;
    assert_eq!(service.onec.asked().len(), asked);
    let fewer = Grant::new(&[DashboardsRead, OnecRead]).companies([ids::new_id()]);
    service.client_of(&fewer).get(path).await;
    assert!(service.onec.asked().len() > asked);

    // 1C is away: what was known is shown and said to be old.
    service.onec.set(Mood::InfobaseAway);
    eventually("stale figures", async || {
        let body: Value = client.get(&format!("{path}&refresh=true")).await.json();
        body["stale"] == true
    })
    .await;
    let body: Value = client.get(&format!("{path}&refresh=true")).await.json();
    let cash = find(&body["panels"], "id", "cash");
    assert_eq!(
        (
            &cash["stale"],
            &cash["data"]["totals"]["balance"],
            &cash["error"]["code"]
        ),
        (&json!(true), &json!("77.00"), &json!("onec.infobase_unreachable"))
    );
}

#[tokio::test]
async fn a_panel_without_its_source_says_so() {
    let service = Service::start().await;
    let client = service.client(&[DashboardsRead, OnecRead]);
    for (mood, code) in [
        (Mood::InfobaseAway, "onec.infobase_unreachable"),
        (Mood::Garbage, "dependency.unavailable"),
    ] {
        service.onec.set(mood);
        let answer = client.get("/dashboards/overview").await;
        assert_eq!(answer.status, 200);
        let body: Value = answer.json();
        for id in ["revenue", "receivables", "cash", "stock"] {
            let panel = find(&body["panels"], "id", id);
            assert_eq!(
                (&panel["error"]["code"], &panel["data"]),
                (&json!(code), &Value::Null),
                "{panel}"
            );
        }
        let page = client.get("/dashboards/overview?format=html").await;
        assert_eq!(page.status, 200);
    }
    let away = Setting {
        onec_url: Some("http://127.0.0.1:9".to_owned()),
        ..Setting::default()
    };
    let service = Service::with(away).await;
    let client = service.client(&[DashboardsRead, OnecRead]).with_language("en");
    let body: Value = client.get("/dashboards/overview").await.json();
    let panel = find(&body["panels"], "id", "cash");
    assert_eq!(panel["error"]["detail"], "Not answering: onec-integration.");
}

#[tokio::test]
async fn pages_and_pictures() {
    let service = Service::start().await;
    let client = service.client(&[DashboardsRead, OnecRead, AnalyticsRead, SecurityRead]);
    for id in ["overview", "director", "accountant", "ai", "system", "security"] {
        for (format, content_type) in [
            ("html", "text/html; charset=utf-8"),
            ("svg", "image/svg+xml"),
            ("png", "image/png"),
        ] {
            let answer = client
                .get(&format!(
                    "/dashboards/{id}?format={format}&theme=dark&width=400&scale=1"
                ))
                .await;
            assert_eq!(answer.status, 200, "{id}: {}", answer.text());
            assert_eq!(answer.headers["content-type"], content_type);
            if format != "png" {
                let policy = answer.headers["content-security-policy"].to_str().unwrap();
                assert!(policy.starts_with("default-src 'none'"), "{policy}");
                assert!(!answer.text().contains("<script"));
            }
        }
    }
    let panel = client
        .get("/dashboards/director/panels/customers?format=svg&width=360")
        .await;
    assert!(panel.text().contains("Крупнейшие покупатели"), "{}", panel.text());
    let panel: Value = client.get("/dashboards/director/panels/customers").await.json();
    assert_eq!(ids_of(&panel, "panels"), ["customers"]);
    let missing = client.get("/dashboards/director/panels/nothing").await;
    missing.assert_problem(404, "request.not_found");
}

#[tokio::test]
async fn a_user_makes_changes_shares_and_removes_a_dashboard() {
    let service = Service::start().await;
    let mut grant = Grant::new(&[DashboardsRead, DashboardsEdit, OnecRead]);
    grant.role = "director".to_owned();
    let owner = service.client_of(&grant);
    let body = own("Мои продажи");
    let made = send(
        &owner,
        Method::POST,
        "/dashboards",
        &[("idempotency-key", "k1")],
        &body,
    )
    .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let saved: Value = made.json();
    let id = saved["id"].as_str().unwrap().to_owned();
    assert_eq!(
        made.headers["location"],
        format!("/api/analytics/dashboards/{id}")
    );
    let again = send(
        &owner,
        Method::POST,
        "/dashboards",
        &[("idempotency-key", "k1")],
        &body,
    )
    .await;
    assert_eq!(again.json::<Value>()["id"], id.as_str());
    let other = send(
        &owner,
        Method::POST,
        "/dashboards",
        &[("idempotency-key", "k1")],
        &own("Другая"),
    )
    .await;
    other.assert_problem(422, "request.idempotency_key_reused");

    let path = format!("/dashboards/{id}");
    let shown: Value = owner.get(&format!("{path}?var.group=item")).await.json();
    assert_eq!(ids_of(&shown, "panels"), ["sales", "days", "requests"]);
    assert_eq!(shown["variables"][0]["value"], "item");
    let asked = service.onec.asked();
    assert!(
        asked
            .iter()
            .any(|(_, query)| query.group_by == Some(common::contract::onec::GroupBy::Item))
    );
    // Sharing gives nobody rights: this panel is not even for its maker.
    assert_eq!(
        find(&shown["panels"], "id", "requests")["error"]["code"],
        "auth.permission_denied"
    );
    let wrong = owner.get(&format!("{path}?var.group=secrets")).await;
    wrong.assert_problem(422, "request.validation_failed");
    let wrong = owner.get(&format!("{path}?var.other=1")).await;
    wrong.assert_problem(422, "request.validation_failed");

    // Nobody else sees it, until it is shared with their role.
    let mut accountant = Grant::new(&[DashboardsRead, DashboardsEdit, OnecRead]);
    accountant.role = "accountant".to_owned();
    let accountant = service.client_of(&accountant);
    accountant
        .get(&path)
        .await
        .assert_problem(404, "request.not_found");
    let mut changed = own("Продажи для бухгалтерии");
    changed["shared_with"] = json!(["accountant"]);
    let stale = send(&owner, Method::PUT, &path, &[("if-match", "\"7\"")], &changed).await;
    stale.assert_problem(412, "request.version_mismatch");
    let second = send(&owner, Method::PUT, &path, &[("if-match", "\"1\"")], &changed).await;
    assert_eq!(second.json::<Value>()["version"], 2);
    assert_eq!(second.headers["etag"], "\"2\"");
    let seen: Value = accountant.get("/dashboards").await.json();
    let listed = find(&seen["items"], "id", &id);
    assert_eq!(
        (&listed["editable"], &listed["title"]),
        (&json!(false), &json!("Продажи для бухгалтерии"))
    );
    assert_eq!(accountant.get(&path).await.status, 200);
    let theirs = send(&accountant, Method::PUT, &path, &[], &changed).await;
    theirs.assert_problem(404, "request.not_found");
    let theirs = send(&accountant, Method::DELETE, &path, &[], &json!({})).await;
    theirs.assert_problem(404, "request.not_found");

    let versions: Value = owner.get(&format!("{path}/versions")).await.json();
    assert_eq!(versions["items"].as_array().unwrap().len(), 2);
    let restore = format!("{path}/restore");
    let restored = send(&owner, Method::POST, &restore, &[], &json!({"version": 1})).await;
    let restored: Value = restored.json();
    assert_eq!(
        (&restored["version"], &restored["definition"]["title"]),
        (&json!(3), &json!("Мои продажи"))
    );
    assert_eq!(restored["shared_with"], json!(["accountant"]));
    let missing = send(&owner, Method::POST, &restore, &[], &json!({"version": 9})).await;
    missing.assert_problem(422, "request.validation_failed");

    // What is exported can be imported, a ready one too.
    let exported: Value = owner.get("/dashboards/director/definition").await.json();
    let copy = json!({"definition": exported["definition"]});
    let imported = send(&owner, Method::POST, "/dashboards", &[], &copy).await;
    assert_eq!(imported.status, 201, "{}", imported.text());
    assert_eq!(imported.json::<Value>()["definition"], exported["definition"]);

    let removed = send(
        &owner,
        Method::DELETE,
        &path,
        &[("if-match", "\"3\"")],
        &json!({}),
    )
    .await;
    assert_eq!(removed.status, 204);
    owner.get(&path).await.assert_problem(404, "request.not_found");
    // Two made, two changed, one deleted.
    let mut redis = service.redis.connect().connection();
    eventually("the audit log is told", async || {
        let told: usize = redis.xlen(Stream::Audit.key()).await.unwrap();
        told == 5
    })
    .await;
}

#[tokio::test]
async fn what_could_not_be_shown_is_refused_with_its_place() {
    let service = Service::start().await;
    let client = service.client(&[DashboardsRead, DashboardsEdit]);
    let cases: [(&str, Value); 10] = [
        ("/title", json!("")),
        ("/refresh_seconds", json!(1)),
        ("/time", json!({"from": "yesterday", "to": "now"})),
        ("/panels", json!([])),
        ("/panels/0/id", json!("Sales 1")),
        ("/panels/1/id", json!("sales")),
        ("/panels/0/grid", json!({"x": 8, "y": 0, "w": 6, "h": 4})),
        ("/panels/0/query/params/sql", json!("select 1")),
        ("/panels/0/query/params/group_by", json!("password")),
        ("/panels/0/query/params/limit", json!(100_000)),
    ];
    for (pointer, value) in cases {
        let mut body = own("x");
        let place = format!("/definition{pointer}");
        match body.pointer_mut(&place) {
            Some(found) => *found = value,
            None => body["definition"]["panels"][0]["query"]["params"]["sql"] = value,
        }
        let problem = client
            .post("/dashboards", &body)
            .await
            .assert_problem(422, "request.validation_failed");
        let named = problem["errors"].as_array().unwrap();
        assert!(
            named.iter().any(|error| error["pointer"] == place.as_str()),
            "{pointer}: {problem}"
        );
    }
    let mut body = own("x");
    body["definition"]["panels"][0]["query"]["id"] = json!("sql.anything");
    client
        .post("/dashboards", &body)
        .await
        .assert_problem(422, "request.validation_failed");
}

#[tokio::test]
async fn wrong_requests() {
    let service = Service::start().await;
    let client = service.client(&[DashboardsRead, OnecRead]);
    for path in [
        "/dashboards/secret",
        "/dashboards/secret/definition",
        "/dashboards/director/versions",
    ] {
        client.get(path).await.assert_problem(404, "request.not_found");
    }
    for query in [
        "range=forever",
        "from=now&to=now-1d",
        "from=2000-01-01&to=now",
        "tz=Mars",
        "company=1",
        "format=pdf",
        "width=1",
        "theme=pink",
        "scale=9",
        "other=1",
        "refresh=maybe",
    ] {
        let answer = client.get(&format!("/dashboards/overview?{query}")).await;
        answer.assert_problem(400, "request.invalid_query");
    }
}
