//! Who may use some infobases only sees nothing of the others, on any route.

use std::collections::BTreeMap;

use common::auth::{Infobases, Permission};
use common::http::routes::Access;
use common::ids;
use common::testing::{Client, Grant, Response, TestServer};
use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::drafts::{COUNTERPARTIES, confirm, draft, writable};
use crate::reports::encode;
use crate::setup::{Service, eventually};

/// How an infobase that is not the caller's is asked for.
enum Attempt {
    /// It is named, and does not exist for the caller.
    Named(String, Value),
    /// All that there is of a kind; nothing is.
    Listed(String),
    /// The caller cannot have another one.
    Refused(&'static str, Value),
    /// Nothing of an infobase is asked for.
    Harmless,
}

use Attempt::{Harmless, Listed, Named, Refused};

/// A service with an infobase, an exchange, and one user's draft and change.
struct Filled {
    demo: TestServer,
    service: Service,
    grant: Grant,
    infobase: Uuid,
    /// An infobase that pushes.
    exchange: String,
    company: Uuid,
    item: String,
    job: String,
    draft: Value,
    write: String,
}

impl Filled {
    async fn start() -> Self {
        let demo = writable().await;
        let service = Service::synchronised_with(&demo).await;
        let grant = Grant::new(Permission::ALL);
        let all = Client::anonymous(service.url()).with_token(service.issuer.sign(&grant));
        let id = |value: &Value| value.as_str().unwrap().to_owned();
        let infobases: Value = all.get("/infobases").await.json();
        let jobs: Value = all.get("/sync/jobs").await.json();
        let items: Value = all.get("/search?kind=item&q=%D0%B0&limit=1").await.json();
        let new = |name: &str| json!({"entity": COUNTERPARTIES, "values": {"Description": name}});
        let written = confirm(&all, &draft(&all, &new("Записанный")).await).await;
        let exchange = all
            .post("/commerceml/exchanges", &json!({"name": "Обмен с сайтом"}))
            .await;
        Self {
            infobase: id(&infobases["items"][0]["id"]).parse().unwrap(),
            exchange: id(&exchange.json::<Value>()["id"]),
            company: service.companies().await[0].0,
            item: id(&items["items"][0]["id"]),
            job: id(&jobs["items"][0]["id"]),
            draft: draft(&all, &new("Задуманный")).await,
            write: id(&written["write_id"]),
            demo,
            service,
            grant,
        }
    }

    /// The same user, limited to an infobase: as after a change of rights, or by an API key.
    fn limited_to(&self, infobases: impl IntoIterator<Item = Uuid>) -> Client {
        let grant = self.grant.clone().infobases(infobases);
        Client::anonymous(self.service.url()).with_token(self.service.issuer.sign(&grant))
    }

    /// An attempt for every route: a new one has to be added here.
    fn attempts(&self) -> BTreeMap<(&'static str, &'static str), Attempt> {
        let id = self.infobase;
        let (job, exchange) = (&self.job, &self.exchange);
        let drafted = self.draft["id"].as_str().unwrap();
        let none = Value::Null;
        let named = |path: String| Named(path, none.clone());
        let at = |path: &str| named(format!("{path}?infobase={id}"));
        let sent = |path: &str, mut body: Value| {
            body["infobase_id"] = json!(id);
            Named(path.to_owned(), body)
        };
        let listed = |path: &str| Listed(path.to_owned());
        let set = encode(COUNTERPARTIES);
        let peer = json!({"exchange_plan": "ДемоОбмен", "peer_code": "ИИ"});
        let operation = "/soap/services/InterfaceVersion/operations/GetVersions";
        let connected = json!({
            "name": "Ещё одна", "base_url": "http://127.0.0.1:9/x", "username": "a", "password": "b",
            "time_zone": "Europe/Moscow",
        });
        let through = |method| {
            (
                ("/hs/{*path}", method),
                named(format!("/hs/assistant/health?infobase_id={id}")),
            )
        };
        let (get, post) = ("GET", "POST");
        let attempts = [
            (("/companies", get), listed("/companies")),
            (("/infobases", get), listed("/infobases")),
            (("/infobases", post), Refused("/infobases", connected)),
            // All that is called is in the request itself.
            (("/infobases/check", post), Harmless),
            (("/infobases/{id}", get), named(format!("/infobases/{id}"))),
            (
                ("/infobases/{id}", "PATCH"),
                Named(format!("/infobases/{id}"), json!({"paused": true})),
            ),
            (("/infobases/{id}", "DELETE"), named(format!("/infobases/{id}"))),
            (
                ("/infobases/{id}/check", post),
                named(format!("/infobases/{id}/check")),
            ),
            (
                ("/infobases/{id}/metadata/refresh", post),
                named(format!("/infobases/{id}/metadata/refresh")),
            ),
            (("/sync/data", post), sent("/sync/data", json!({}))),
            (("/sync/jobs", get), Listed(format!("/sync/jobs?infobase={id}"))),
            (("/sync/jobs/{id}", get), named(format!("/sync/jobs/{job}"))),
            (
                ("/sync/jobs/{id}/events", get),
                named(format!("/sync/jobs/{job}/events")),
            ),
            (
                ("/sync/jobs/{id}/dead-objects", get),
                named(format!("/sync/jobs/{job}/dead-objects")),
            ),
            (
                ("/sync/jobs/{id}/cancel", post),
                named(format!("/sync/jobs/{job}/cancel")),
            ),
            // What reports there are.
            (("/reports", get), Harmless),
            (("/reports/{id}", get), at("/reports/cash")),
            (
                ("/names", get),
                Listed(format!("/names?kind=counterparty&infobase={id}")),
            ),
            (
                ("/search", get),
                Listed(format!("/search?q=%D0%B0&infobase={id}")),
            ),
            (("/soap/services", get), at("/soap/services")),
            (
                ("/soap/services/{name}", get),
                at("/soap/services/InterfaceVersion"),
            ),
            (
                ("/soap/services/{name}/operations/{operation}", post),
                sent(operation, json!({"arguments": {}})),
            ),
            (
                ("/soap/enterprise-data/test", post),
                sent("/soap/enterprise-data/test", peer.clone()),
            ),
            (
                ("/soap/enterprise-data/fetch", post),
                sent("/soap/enterprise-data/fetch", peer),
            ),
            (
                ("/soap/enterprise-data/put", post),
                named(format!(
                    "/soap/enterprise-data/put?exchange_plan=%D0%94&peer_code=%D0%98&infobase={id}"
                )),
            ),
            (
                ("/soap/enterprise-data/put-result", post),
                sent("/soap/enterprise-data/put-result", json!({"operation_id": id})),
            ),
            through(get),
            through(post),
            through("PUT"),
            through("PATCH"),
            through("DELETE"),
            (("/entities", get), at("/entities")),
            (("/entities/{name}", get), at(&format!("/entities/{set}"))),
            (
                ("/entities/{name}/rows", get),
                at(&format!("/entities/{set}/rows")),
            ),
            (
                ("/entities/{name}/object", get),
                named(format!("/entities/{set}/object?infobase={id}&Ref_Key={id}")),
            ),
            (
                ("/entities/{name}/tables/{table}", get),
                at(&format!("/entities/{set}/tables/Balance")),
            ),
            (
                ("/documents/drafts", post),
                sent(
                    "/documents/drafts",
                    json!({"entity": COUNTERPARTIES, "values": {"Description": "Х"}}),
                ),
            ),
            (
                ("/documents/drafts/{id}", get),
                named(format!("/documents/drafts/{drafted}")),
            ),
            (
                ("/documents/drafts/{id}", "DELETE"),
                named(format!("/documents/drafts/{drafted}")),
            ),
            (
                ("/documents/drafts/{id}/confirm", post),
                Named(
                    format!("/documents/drafts/{drafted}/confirm"),
                    json!({"digest": self.draft["digest"]}),
                ),
            ),
            (("/documents/writes", get), listed("/documents/writes")),
            (
                ("/documents/writes/{id}/undo", post),
                named(format!("/documents/writes/{}/undo", self.write)),
            ),
            (("/prices", get), named(format!("/prices?item={}", self.item))),
            (("/commerceml/exchanges", get), listed("/commerceml/exchanges")),
            (
                ("/commerceml/exchanges", post),
                Refused("/commerceml/exchanges", json!({"name": "Х"})),
            ),
            (
                ("/commerceml/exchanges/{id}/password", post),
                named(format!("/commerceml/exchanges/{exchange}/password")),
            ),
            (
                ("/commerceml/exchanges/{id}", "DELETE"),
                named(format!("/commerceml/exchanges/{exchange}")),
            ),
            (
                ("/commerceml/exchanges/{id}/imports", get),
                named(format!("/commerceml/exchanges/{exchange}/imports")),
            ),
        ];
        attempts
            .into_iter()
            .map(|((path, method), attempt)| ((method, path), attempt))
            .collect()
    }
}

async fn call(client: &Client, method: &Method, path: &str, body: &Value) -> Response {
    let request = client.request(method.clone(), path);
    let request = if body.is_null() {
        // The only bodies that are not JSON are archives.
        request.header("content-type", "application/zip")
    } else {
        request.json(body)
    };
    client.send(request).await
}

#[tokio::test]
async fn another_infobase_is_invisible_on_every_route() {
    let filled = Filled::start().await;
    // An id that no infobase has: as one of the caller's that is not connected any more.
    let stranger = filled.limited_to([ids::new_id()]);
    let attempts = filled.attempts();
    for spec in onec_integration::routes().specs() {
        if spec.access == Access::Public {
            continue;
        }
        let (method, template) = (spec.method.as_str(), spec.path);
        let attempt = attempts
            .get(&(method, template))
            .unwrap_or_else(|| panic!("{method} {template} is not tried"));
        match attempt {
            Named(path, body) => {
                let answer = call(&stranger, &spec.method, path, body).await;
                assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
                let problem: Value = serde_json::from_slice(&answer.body).unwrap();
                let code = problem["code"].as_str().unwrap();
                assert!(code.ends_with("_not_found"), "{method} {path}: {code}");
                assert!(
                    !answer.text().contains("Демо"),
                    "{method} {path}: {}",
                    answer.text()
                );
            }
            Listed(path) => {
                let answer = call(&stranger, &spec.method, path, &Value::Null).await;
                assert_eq!(answer.json::<Value>()["items"], json!([]), "{method} {path}");
            }
            Refused(path, body) => {
                let answer = call(&stranger, &spec.method, path, body).await;
                answer.assert_problem(403, "onec.infobases_limited");
            }
            Harmless => {}
        }
    }
    // Whoever has the infobases finds all of it, as it was.
    let exchange: Uuid = filled.exchange.parse().unwrap();
    let owner = filled.limited_to([filled.infobase, exchange]);
    for ((method, template), attempt) in &attempts {
        // Prices are of bases that push, the demo publishes no services, and no object has such a key.
        let fails_anyway = [
            "/prices",
            "/hs/{*path}",
            "/entities/{name}/object",
            "/entities/{name}/tables/{table}",
        ];
        if *method != "GET" || fails_anyway.contains(template) || template.starts_with("/soap") {
            continue;
        }
        match attempt {
            Named(path, _) => {
                let answer = owner.get(path).await;
                assert!(answer.status.is_success(), "{path}: {}", answer.text());
            }
            Listed(path) => {
                let items: Value = owner.get(path).await.json();
                assert_ne!(items["items"], json!([]), "{path}");
            }
            Refused(..) | Harmless => {}
        }
    }
    let shown: Value = owner.get(&format!("/infobases/{}", filled.infobase)).await.json();
    assert_eq!(shown["paused"], false, "nothing was changed on the way");
    assert!(shown["last_check"].is_null(), "{shown}");
    let shown: Value = owner
        .get(&format!(
            "/documents/drafts/{}",
            filled.draft["id"].as_str().unwrap()
        ))
        .await
        .json();
    assert_eq!(shown["state"], "pending");
}

#[tokio::test]
async fn an_infobase_left_out_is_neither_guessed_nor_found_by_its_company() {
    let filled = Filled::start().await;
    let all = filled.service.admin();
    // The same 1C under another address is another infobase.
    let second = json!({
        "name": "Вторая", "base_url": format!("{}/demo", filled.demo.url().replace("127.0.0.1", "localhost")),
        "username": "odata", "password": "odata-demo", "time_zone": "Europe/Moscow",
    });
    let second = all.post("/infobases", &second).await;
    assert_eq!(second.status, 201, "{}", second.text());
    let second: Uuid = second.json::<Value>()["id"].as_str().unwrap().parse().unwrap();
    eventually("the second one is read", async || {
        let shown: Value = all.get(&format!("/infobases/{second}")).await.json();
        shown["as_of"].is_string().then_some(())
    })
    .await;
    all.get("/reports/cash")
        .await
        .assert_problem(422, "request.validation_failed");
    // With one of the two nobody has to say which.
    for own in [filled.infobase, second] {
        let report: Value = filled.limited_to([own]).get("/reports/cash").await.json();
        assert_eq!(report["parameters"]["infobase"], json!(own), "{report}");
    }
    let stranger = filled.limited_to([second]);
    let path = format!("/reports/cash?company={}", filled.company);
    stranger
        .get(&path)
        .await
        .assert_problem(404, "onec.company_not_found");
    let found: Value = stranger.get("/search?q=%D0%B0&limit=100").await.json();
    let companies: Value = stranger.get("/companies").await.json();
    let all_found: Value = all.get("/search?q=%D0%B0&limit=100").await.json();
    assert!(!found["items"].as_array().unwrap().is_empty());
    assert_ne!(found, all_found);
    for company in companies["items"].as_array().unwrap() {
        assert_eq!(company["infobase_id"], json!(second));
    }
    // Nobody's list of infobases is not everybody's.
    assert_ne!(Infobases::Some([].into()), Infobases::All);
    let nobody = filled.limited_to([]);
    let none: Value = nobody.get("/infobases").await.json();
    assert_eq!(none["items"], json!([]));
    nobody
        .get("/reports/cash")
        .await
        .assert_problem(404, "onec.infobase_not_found");
}
