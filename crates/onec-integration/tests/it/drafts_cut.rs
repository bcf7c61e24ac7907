//! A process that dies while it carries a draft out: the next to be asked finds out what came of it.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use common::auth::Permission;
use common::testing::{Client, Grant, Proxy, TestServer};
use onec_demo::ServerOptions;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::drafts::{COUNTERPARTIES, confirm, draft, rows};
use crate::setup::{Service, Setup, base, eventually};

/// What becomes of changes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// They are answered.
    Answered,
    /// 1C carries them out and never answers.
    Done,
    /// 1C never gets them.
    Lost,
}

/// A writable demo server, and how many changes wait for an answer.
struct Silent {
    server: TestServer,
    state: Arc<Mutex<(Fate, u32)>>,
}

impl Silent {
    async fn start() -> Self {
        let demo = onec_demo::router(base(), ServerOptions::writable());
        let state = Arc::new(Mutex::new((Fate::Answered, 0)));
        let shared = state.clone();
        let serve =
            Router::new().fallback(move |request: Request| answer(demo.clone(), shared.clone(), request));
        Self {
            server: TestServer::serve(serve).await,
            state,
        }
    }

    fn becomes(&self, fate: Fate) {
        *self.state.lock().unwrap() = (fate, 0);
    }
}

async fn answer(demo: Router, state: Arc<Mutex<(Fate, u32)>>, request: Request) -> Response {
    let fate = state.lock().unwrap().0;
    let is_change = matches!(request.method().as_str(), "POST" | "PATCH");
    if !is_change || fate == Fate::Answered {
        return demo.oneshot(request).await.into_response();
    }
    if fate == Fate::Done {
        let _unheard = demo.oneshot(request).await.into_response();
    }
    state.lock().unwrap().1 += 1;
    std::future::pending().await
}

fn client(service: &Service, grant: &Grant) -> Client {
    Client::anonymous(service.url()).with_token(service.issuer.sign(grant))
}

/// Makes a draft in a process of its own, and kills that while the change is on its way.
fn confirm_and_be_killed(setup: &Setup, silent: &Silent, grant: &Grant, request: &Value) -> Value {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (service, drafted) = runtime.block_on(async {
        let service = setup.clone().start().await;
        let client = client(&service, grant);
        let drafted = draft(&client, request).await;
        let path = path(&drafted, "/confirm");
        let body = json!({"digest": drafted["digest"]});
        tokio::select! {
            answer = client.post(&path, &body) => unreachable!("{}", answer.text()),
            () = eventually("the change is on its way", async || {
                (silent.state.lock().unwrap().1 > 0).then_some(())
            }) => {}
        }
        (service, drafted)
    });
    runtime.shutdown_background();
    drop(service);
    drafted
}

fn path(drafted: &Value, rest: &str) -> String {
    format!("/documents/drafts/{}{rest}", drafted["id"].as_str().unwrap())
}

/// Lets a minute pass for the drafts at work.
async fn a_minute_later(service: &Service) {
    sqlx::query(
        "update onec.drafts set claimed_at = claimed_at - interval '1 minute' where state = 'writing'",
    )
    .execute(&service.pool)
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_process_wrote_is_found_out() {
    let silent = Arc::new(Silent::start().await);
    let proxy = Proxy::start(silent.server.address()).await;
    let setup = Setup::new(Some(&format!("http://{}", proxy.address()))).await;
    let service = setup.clone().start().await;
    service.job_end().await;
    let grant = Grant::new(&[Permission::OnecRead, Permission::OnecWrite]);
    let one = rows(
        &client(&service, &grant),
        COUNTERPARTIES,
        "IsFolder eq false",
        "&limit=1",
    )
    .await;
    let known = one[0]["Ref_Key"].clone();
    drop(service);
    let new = |name: &str| json!({"entity": COUNTERPARTIES, "values": {"Description": name}});
    let change = |kpp: &str| json!({"entity": COUNTERPARTIES, "ref": known, "values": {"КПП": kpp}});
    for (fate, request, state, outcome) in [
        (Fate::Done, new("Дошёл"), "done", Some("written")),
        (Fate::Done, change("770101001"), "done", Some("written")),
        // 1C may keep a new object under another key, so that its absence tells nothing.
        (Fate::Lost, new("Не дошёл"), "failed", Some("unknown")),
        // It may be confirmed again.
        (Fate::Lost, change("770101002"), "pending", None),
    ] {
        silent.becomes(fate);
        let (dying, at, who, what) = (setup.clone(), silent.clone(), grant.clone(), request.clone());
        let killed = tokio::task::spawn_blocking(move || confirm_and_be_killed(&dying, &at, &who, &what));
        let drafted = killed.await.unwrap();
        silent.becomes(Fate::Answered);
        let service = setup.clone().start().await;
        let client = client(&service, &grant);
        let confirmed = async || {
            let body = json!({"digest": drafted["digest"]});
            client.post(&path(&drafted, "/confirm"), &body).await
        };
        let shown = async || client.get(&path(&drafted, "")).await.json::<Value>();
        // For all that is known somebody is at work.
        assert_eq!(shown().await["state"], "writing");
        confirmed().await.assert_problem(409, "onec.draft_used");
        a_minute_later(&service).await;
        // While 1C is away nobody can tell, and nothing is given up.
        proxy.cut();
        assert_eq!(shown().await["state"], "writing");
        confirmed().await.assert_problem(503, "onec.infobase_unreachable");
        proxy.restore();
        let found = shown().await;
        assert_eq!(found["state"], state, "{found}");
        let history: Value = client.get("/documents/writes").await.json();
        let last = history["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|write| write["draft_id"] == drafted["id"]);
        assert_eq!(
            last.and_then(|write| write["outcome"].as_str()),
            outcome,
            "{history}"
        );
        match state {
            "done" => {
                assert_eq!(found["result"]["outcome"], "written", "{found}");
                let again = confirmed().await;
                assert_eq!(again.status, 200, "{}", again.text());
                assert_eq!(again.json::<Value>(), found["result"]);
            }
            "failed" => {
                assert_eq!(found["result"]["code"], "onec.outcome_unknown", "{found}");
                assert_eq!(found["result"]["ref"], drafted["ref"], "{found}");
                confirmed().await.assert_problem(409, "onec.draft_used");
            }
            _ => {
                let written = confirm(&client, &drafted).await;
                assert_eq!(written["outcome"], "written", "{written}");
            }
        }
    }
    let service = setup.start().await;
    let client = client(&service, &grant);
    for (filter, count) in [
        ("Description eq 'Дошёл'", 1),
        ("Description eq 'Не дошёл'", 0),
        ("КПП eq '770101002'", 1),
    ] {
        assert_eq!(
            rows(&client, COUNTERPARTIES, filter, "").await.len(),
            count,
            "{filter}"
        );
    }
}
