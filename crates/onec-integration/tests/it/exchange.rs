//! Changes that 1C registers at a node of an exchange plan.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use common::testing::{Client, TestServer};
use http::StatusCode;
use onec_demo::ServerOptions;
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use crate::resume::contents;
use crate::setup::{Service, base, demo, eventually};

const NODE: &str = "a9bc23c5-0000-4000-8000-000000000001";
const LEDGER: &str = "AccountingRegister_Хозрасчетный";
const SALE: &str = "Document_РеализацияТоваровУслуг";

/// What 1C keeps for the node.
#[derive(Default)]
struct Registered {
    codes: Vec<&'static str>,
    received: u64,
    /// Entries of a feed, each with the message that it was handed out in.
    changes: Vec<(Option<u64>, String)>,
    /// What was asked, in order.
    log: Vec<String>,
    /// The acknowledgement fails.
    deaf: bool,
    /// The feed breaks off.
    cut: bool,
}

/// A demo server that registers changes.
struct Registering {
    server: TestServer,
    demo: Router,
    state: Arc<Mutex<Registered>>,
}

impl Registering {
    async fn start(codes: &[&'static str]) -> Self {
        let demo = onec_demo::router(base(), ServerOptions::default());
        let state = Arc::new(Mutex::new(Registered {
            codes: codes.to_vec(),
            ..Registered::default()
        }));
        let (router, shared) = (demo.clone(), state.clone());
        let serve =
            Router::new().fallback(move |request: Request| answer(router.clone(), shared.clone(), request));
        Self {
            server: TestServer::serve(serve).await,
            demo,
            state,
        }
    }

    fn register(&self, entry: String) {
        self.state.lock().unwrap().changes.push((None, entry));
    }

    fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().log)
    }

    /// An object as the base has it.
    async fn object(&self, set: &str, id: Uuid) -> Value {
        let filter = percent_encoding::percent_encode(
            format!("Ref_Key eq guid'{id}'").as_bytes(),
            percent_encoding::NON_ALPHANUMERIC,
        )
        .to_string();
        let set = percent_encoding::percent_encode(set.as_bytes(), percent_encoding::NON_ALPHANUMERIC);
        let request = Request::get(format!(
            "/demo/odata/standard.odata/{set}?$format=json&$filter={filter}"
        ))
        .header("authorization", "Basic b2RhdGE6b2RhdGEtZGVtbw==")
        .body(axum::body::Body::empty())
        .unwrap();
        let response = self.demo.clone().oneshot(request).await.into_response();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body: Value =
            serde_json::from_slice(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&body)).unwrap();
        body["value"][0].clone()
    }
}

async fn answer(demo: Router, state: Arc<Mutex<Registered>>, request: Request) -> Response {
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    let path = decode(request.uri().path());
    let query = decode(request.uri().query().unwrap_or_default());
    let own = own(&mut state.lock().unwrap(), &path, &query);
    match own {
        Some(response) => response,
        None => demo.oneshot(request).await.into_response(),
    }
}

/// The answer when it is about registered changes.
fn own(state: &mut Registered, path: &str, query: &str) -> Option<Response> {
    let message = || query.rsplit("MessageNo=").next().unwrap().parse::<u64>().unwrap();
    let is_point = query.contains(&format!("/ExchangePlan_ИИАссистент(guid'{NODE}')'"));
    if path.ends_with("/ExchangePlan_ИИАссистент") {
        if state.codes.is_empty() {
            let error = json!({"odata.error": {"code": "8", "message": {"lang": "ru", "value": "нет"}}});
            return Some((StatusCode::NOT_FOUND, axum::Json(error)).into_response());
        }
        let received = state.received.to_string();
        let node = |at: usize, code: &str| {
            let id = Uuid::from_u128(Uuid::parse_str(NODE).unwrap().as_u128() + at as u128);
            json!({"Ref_Key": id, "Code": code, "DeletionMark": false, "SentNo": received, "ReceivedNo": received})
        };
        let mut nodes = vec![node(9, "   ")];
        nodes.extend(state.codes.iter().enumerate().map(|(at, code)| node(at, code)));
        return Some(axum::Json(json!({"value": nodes})).into_response());
    }
    if path.ends_with("/SelectChanges") && is_point {
        let message = message();
        assert_eq!(message, state.received + 1);
        state.log.push(format!("select {message}"));
        for (handed_out, _) in &mut state.changes {
            handed_out.get_or_insert(message);
        }
        let entries: String = state.changes.iter().map(|(_, entry)| entry.as_str()).collect();
        let end = if state.cut { "" } else { "</feed>" };
        let feed = format!(
            "\u{feff}<feed xmlns=\"http://www.w3.org/2005/Atom\" xmlns:at=\"http://purl.org/atompub/tombstones/1.0\" \
             xmlns:d=\"d\" xmlns:m=\"m\">{entries}{end}"
        );
        let kind = [("content-type", "application/atom+xml;type=feed;charset=utf-8")];
        return Some((kind, feed).into_response());
    }
    if path.ends_with("/NotifyChangesReceived") && is_point {
        let message = message();
        state.log.push(format!("notify {message}"));
        if state.deaf {
            return Some(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        }
        state.received = message;
        state
            .changes
            .retain(|(handed_out, _)| handed_out.is_none_or(|at| at > message));
        return Some(StatusCode::OK.into_response());
    }
    if !path.ends_with("/$count") {
        state.log.push("read".to_owned());
    }
    None
}

/// An entry of a feed.
fn entry(set: &str, object: &Value) -> String {
    let mut properties = String::new();
    for (name, value) in object.as_object().unwrap() {
        property(&mut properties, name, value);
    }
    format!(
        "<entry><category term=\"StandardODATA.{set}\"/><content type=\"application/xml\">\
         <m:properties>{properties}</m:properties></content></entry>"
    )
}

fn property(xml: &mut String, name: &str, value: &Value) {
    if name.contains('@') {
        return;
    }
    match value {
        Value::Null => write!(xml, "<d:{name} m:null=\"true\"/>").unwrap(),
        Value::Array(rows) => {
            write!(xml, "<d:{name} m:type=\"Collection(StandardODATA.X_RowType)\">").unwrap();
            for row in rows {
                xml.push_str("<d:element m:type=\"StandardODATA.X_RowType\">");
                for (name, value) in row.as_object().unwrap() {
                    property(xml, name, value);
                }
                xml.push_str("</d:element>");
            }
            write!(xml, "</d:{name}>").unwrap();
        }
        Value::String(text) => {
            let text = text
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('"', "&quot;");
            write!(xml, "<d:{name}>{text}</d:{name}>").unwrap();
        }
        value => write!(xml, "<d:{name}>{value}</d:{name}>").unwrap(),
    }
}

fn tombstone(set: &str, id: Uuid) -> String {
    format!(
        "<at:deleted-entry ref=\"http://1c/demo/odata/standard.odata/{set}(guid'{id}')\" when=\"2026-01-01T00:00:00\"/>"
    )
}

fn records(recorder: Uuid, rows: &Value) -> String {
    let set =
        json!({"Recorder": recorder, "Recorder_Type": format!("StandardODATA.{SALE}"), "RecordSet": rows});
    entry(LEDGER, &set)
}

async fn with_plan(registering: &Registering) -> Service {
    let service = Service::synchronised_with(&registering.server).await;
    sqlx::query("update onec.infobases set exchange_plan = 'ExchangePlan_ИИАссистент'")
        .execute(&service.pool)
        .await
        .unwrap();
    registering.log();
    service
}

async fn sales(service: &Service) -> Vec<Uuid> {
    sqlx::query_scalar(
        "select ref from onec.documents where entity = 'sale' and posted
         and exists (select 1 from onec.ledger_entries where recorder = documents.ref) order by date limit 4",
    )
    .fetch_all(&service.pool)
    .await
    .unwrap()
}

async fn number(service: &Service, statement: &'static str, id: Uuid) -> i64 {
    sqlx::query_scalar(statement)
        .bind(id)
        .fetch_one(&service.pool)
        .await
        .unwrap()
}

const ENTRIES: &str = "select count(*) from onec.ledger_entries where recorder = $1";

#[tokio::test]
async fn registered_changes_are_taken_over_and_then_acknowledged() {
    let registering = Registering::start(&["ASSISTANT"]).await;
    let service = with_plan(&registering).await;
    // What the node has registered before the mirror was whole with it is not enough.
    let job = service.run_job(&json!({"mode": "incremental"})).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    let log = registering.log();
    let selected = log.iter().position(|entry| entry == "select 1").unwrap();
    assert!(selected > 10, "everything is compared first: {log:?}");
    assert_eq!(log.last().unwrap(), "notify 1");

    let refs = sales(&service).await;
    let (edited, unposted, deleted, rewritten) = (refs[0], refs[1], refs[2], refs[3]);
    let mut sale = registering.object(SALE, edited).await;
    sale["Комментарий"] = "Новый & <комментарий>".into();
    sale["DataVersion"] = "AAAAAAAAAAk=".into();
    registering.register(entry(SALE, &sale));
    let mut sale = registering.object(SALE, unposted).await;
    sale["Posted"] = false.into();
    registering.register(entry(SALE, &sale));
    registering.register(records(unposted, &json!([])));
    registering.register(tombstone(SALE, deleted));
    registering.register(records(deleted, &json!([])));
    // A set replaces all that there was.
    registering.register(records(
        rewritten,
        &json!([{"Period": "2025-01-15T12:00:00", "LineNumber": "1", "Active": true, "Сумма": 12.5,
                 "AccountDr_Key": Uuid::nil(), "AccountCr_Key": Uuid::nil(), "Содержание": "Вручную"}]),
    ));
    registering.register(entry("Catalog_Чужой", &json!({"Ref_Key": Uuid::max()})));
    registering.register(entry(
        "Catalog_Контрагенты",
        &json!({"Ref_Key": Uuid::max(), "DeletionMark": "oops"}),
    ));

    let job = service.run_job(&json!({"mode": "incremental"})).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    assert_eq!(
        registering.log(),
        ["select 2", "notify 2"],
        "nothing else is asked for"
    );
    assert_eq!(job["done"], 8, "{job}");
    assert_eq!(job["dead_objects"], 1, "{job}");
    let comment = "select count(*) from onec.documents where ref = $1 and comment = 'Новый & <комментарий>'
                   and exists (select 1 from onec.document_rows where document = ref)";
    assert_eq!(number(&service, comment, edited).await, 1);
    assert!(number(&service, ENTRIES, edited).await > 0);
    let posted = "select count(*) from onec.documents where ref = $1 and posted";
    assert_eq!(number(&service, posted, unposted).await, 0);
    assert_eq!(number(&service, ENTRIES, unposted).await, 0);
    let document = "select count(*) from onec.documents where ref = $1";
    assert_eq!(number(&service, document, deleted).await, 0);
    assert_eq!(number(&service, ENTRIES, deleted).await, 0);
    let manual = "select count(*) from onec.ledger_entries where recorder = $1 and amount = 12.5 and content = 'Вручную'";
    assert_eq!(number(&service, manual, rewritten).await, 1);
    assert_eq!(number(&service, ENTRIES, rewritten).await, 1);
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again_and_changes_nothing_twice() {
    let registering = Registering::start(&["ASSISTANT"]).await;
    let service = with_plan(&registering).await;
    service.run_job(&json!({"mode": "full"})).await;
    let log = registering.log();
    let selected = log.iter().position(|entry| entry == "select 1").unwrap();
    assert_eq!(log[selected..], ["select 1", "notify 1"], "after all was read");
    let refs = sales(&service).await;

    // A feed that breaks off leaves nothing behind.
    registering.register(tombstone(SALE, refs[0]));
    registering.state.lock().unwrap().cut = true;
    let job = service.run_job(&json!({})).await;
    assert_eq!(job["error"], "onec.unexpected_data", "{job}");
    let document = "select count(*) from onec.documents where ref = $1";
    assert_eq!(number(&service, document, refs[0]).await, 1);
    registering.state.lock().unwrap().cut = false;

    // The acknowledgement is lost, and meanwhile more is registered.
    registering.state.lock().unwrap().deaf = true;
    let job = service.run_job(&json!({})).await;
    assert_eq!(job["error"], "onec.infobase_failed", "{job}");
    assert_eq!(
        number(&service, document, refs[0]).await,
        0,
        "the changes are in the mirror"
    );
    registering.register(tombstone(SALE, refs[1]));
    registering.state.lock().unwrap().deaf = false;
    registering.log();
    let job = service.run_job(&json!({})).await;
    assert_eq!(
        (&job["state"], &job["done"]),
        (&json!("succeeded"), &json!(2)),
        "{job}"
    );
    assert_eq!(registering.log(), ["select 2", "notify 2"]);
    assert_eq!(number(&service, document, refs[1]).await, 0);
    let job = service.run_job(&json!({})).await;
    assert_eq!((&job["done"], &job["rows"]), (&json!(0), &json!(0)), "{job}");
}

#[tokio::test]
async fn a_plan_that_is_not_ready_is_named() {
    for (codes, node, code) in [
        (vec![], None, "onec.exchange_plan_not_published"),
        (vec!["A", "B"], None, "onec.exchange_node_ambiguous"),
        (vec!["A", "B"], Some("C"), "onec.exchange_node_missing"),
    ] {
        let registering = Registering::start(&codes).await;
        let service = with_plan(&registering).await;
        sqlx::query("update onec.infobases set exchange_node = $1")
            .bind(node)
            .execute(&service.pool)
            .await
            .unwrap();
        let job = service.run_job(&json!({})).await;
        assert_eq!(job["error"], code, "{job}");
        let infobases: Value = service.admin().get("/infobases").await.json();
        assert_eq!(infobases["items"][0]["error"], code);
        // Once it is ready, the next job goes on by itself.
        registering.state.lock().unwrap().codes = vec!["C"];
        let job = eventually("a job succeeds", async || {
            let job = service.run_job(&json!({})).await;
            (job["state"] == "succeeded").then_some(job)
        })
        .await;
        assert_eq!(job["mode"], "incremental");
    }
}

#[tokio::test]
async fn a_base_at_work_is_followed_by_what_it_registers() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    sqlx::query("update onec.infobases set exchange_plan = 'ExchangePlan_ИИАссистент'")
        .execute(&service.pool)
        .await
        .unwrap();
    let job = service.run_job(&json!({"mode": "reconcile"})).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    let client = Client::anonymous(demo.url());
    for _ in 0..3 {
        let changed = client
            .post("/demo/_admin/changes", &json!({"documents": 40}))
            .await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        let job = service.run_job(&json!({"mode": "incremental"})).await;
        assert_eq!(job["state"], "succeeded", "{job}");
        assert_eq!(job["dead_objects"], 0, "{job}");
        assert_eq!(job["entities"].as_array().unwrap().len(), 1, "{job}");
        assert!(job["done"].as_i64().unwrap() >= 40, "{job}");
    }
    // A mirror that is made anew comes to the same.
    let anew = Service::synchronised_with(&demo).await;
    assert_eq!(contents(&service.pool).await, contents(&anew.pool).await);
    // Object by object, as a page of JSON has them.
    let kept = payloads(&service).await;
    assert!(kept.len() > 1000, "{}", kept.len());
    for (ours, theirs) in kept.iter().zip(payloads(&anew).await) {
        assert_eq!(*ours, theirs);
    }
}

async fn payloads(service: &Service) -> Vec<(String, Uuid, Value)> {
    sqlx::query_as("select object_set, ref, payload from onec.objects order by object_set, ref")
        .fetch_all(&service.pool)
        .await
        .unwrap()
}
