//! Infobases: connected, changed, paused, disconnected.

use common::auth::Permission;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::setup::{Service, Setup, demo, eventually};

async fn only(service: &Service) -> Value {
    let list: Value = service.admin().get("/infobases").await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list}");
    list["items"][0].clone()
}

#[tokio::test]
async fn settings_are_changed_by_a_merge_patch() {
    let demo = demo().await;
    let service = Service::start(None).await;
    let admin = service.admin();
    let new = json!({
        "name": "Торговля", "base_url": format!("{}/demo", demo.url()), "username": "nobody", "password": "s3cret",
        "concurrency": 2, "requests_per_second": 100.5, "session_mode": "use",
        "proxy_url": "http://user:pr0xy@127.0.0.1:9", "http_services": ["mcp/"], "paused": true,
    });
    let added = admin.post("/infobases", &new).await;
    assert_eq!(added.status, 201, "{}", added.text());
    let infobase: Value = added.json();
    let path = format!("/infobases/{}", infobase["id"].as_str().unwrap());
    assert_eq!(infobase["concurrency"], 2);
    assert_eq!(infobase["requests_per_second"], 100.5);
    assert_eq!(infobase["has_proxy"], true);
    for secret in ["s3cret", "pr0xy"] {
        assert!(!added.text().contains(secret), "{}", added.text());
    }
    // Paused: nobody calls it.
    let jobs: Value = admin.get("/sync/jobs").await.json();
    assert_eq!(jobs["items"], json!([]));

    for (patch, pointer) in [
        (json!({"name": ""}), "/name"),
        (json!({"base_url": null}), "/base_url"),
        (json!({"base_url": "http://[fe80::1]/"}), "/base_url"),
        (json!({"concurrency": 0}), "/concurrency"),
        (json!({"concurrency": "many"}), "/concurrency"),
        (json!({"unknown": 1}), "/unknown"),
        (json!({"kind": "commerceml", "base_url": null}), "/kind"),
        (json!({"session_mode": "sometimes"}), "/session_mode"),
    ] {
        let problem = admin
            .patch(&path, &patch)
            .await
            .assert_problem(422, "request.validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    admin
        .patch(&path, &json!([]))
        .await
        .assert_problem(422, "request.validation_failed");
    let changed = admin
        .patch(
            &path,
            &json!({"username": "odata", "password": "odata-demo", "proxy_url": null, "requests_per_second": null,
                    "session_mode": null, "paused": false, "name": "Торг"}),
        )
        .await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let changed: Value = changed.json();
    assert_eq!(changed["name"], "Торг");
    assert_eq!(changed["has_proxy"], false);
    assert_eq!(changed["requests_per_second"], Value::Null);
    assert_eq!(changed["session_mode"], "auto");
    assert_eq!(changed["concurrency"], 2);
    // With the new login, through no proxy.
    assert_eq!(service.job_end().await["state"], "succeeded");
    // A secret that is not named stays.
    let renamed: Value = admin.patch(&path, &json!({"name": "Снова"})).await.json();
    assert_eq!(renamed["reachable"], true);
    service.synchronise(false).await;

    let audited: Vec<Value> = sqlx::query_scalar("select event from onec.outbox order by id")
        .fetch_all(&service.pool)
        .await
        .unwrap();
    assert!(!json!(audited).to_string().contains("odata-demo"));
}

#[tokio::test]
async fn an_infobase_is_disconnected_with_its_mirror() {
    let demo = demo().await;
    let service = Service::start(None).await;
    let admin = service.admin();
    let new = json!({"name": "Торговля", "base_url": format!("{}/demo", demo.url()), "username": "odata",
                     "password": "odata-demo"});
    let added: Value = admin.post("/infobases", &new).await.json();
    assert_eq!(service.job_end().await["state"], "succeeded");
    let path = format!("/infobases/{}", added["id"].as_str().unwrap());
    let deleted = admin.delete(&path).await;
    assert_eq!(deleted.status, 204, "{}", deleted.text());
    for answer in [
        admin.get(&path).await,
        admin.delete(&path).await,
        admin.patch(&path, &json!({})).await,
    ] {
        answer.assert_problem(404, "onec.infobase_not_found");
    }
    admin
        .get("/reports/cash")
        .await
        .assert_problem(409, "onec.no_infobase");
    let companies: Value = admin.get("/companies").await.json();
    assert_eq!(companies["items"], json!([]));
    // Its address is free at once.
    let again = admin.post("/infobases", &new).await;
    assert_eq!(again.status, 201, "{}", again.text());
    eventually("the rows are deleted", async || {
        let left: i64 = sqlx::query_scalar(
            "select (select count(*) from onec.infobases where deleted_at is not null)
                  + (select count(*) from onec.ledger_entries where infobase_id = $1)",
        )
        .bind(added["id"].as_str().unwrap().parse::<Uuid>().unwrap())
        .fetch_one(&service.pool)
        .await
        .unwrap();
        (left == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn others_see_no_settings_and_change_nothing() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let whole = only(&service).await;
    assert_eq!(whole["from_environment"], true);
    let path = format!("/infobases/{}", whole["id"].as_str().unwrap());
    service
        .admin()
        .delete(&path)
        .await
        .assert_problem(409, "onec.infobase_from_environment");
    let reader = service.client(&[Permission::OnecRead, Permission::OnecSync]);
    let brief: Value = reader.get(&path).await.json();
    assert_eq!(brief["name"], "Демо");
    for hidden in [
        "base_url",
        "username",
        "concurrency",
        "last_check",
        "http_services",
    ] {
        assert!(brief.get(hidden).is_none(), "{brief}");
    }
    reader
        .patch(&path, &json!({"name": "x"}))
        .await
        .assert_problem(403, "auth.permission_denied");
    reader
        .delete(&path)
        .await
        .assert_problem(403, "auth.permission_denied");
    // To those with no company of it, it does not exist.
    let stranger = service.client_of([Uuid::nil()]);
    stranger
        .get(&path)
        .await
        .assert_problem(404, "onec.infobase_not_found");
    let (company, _) = service.companies().await[0].clone();
    assert_eq!(service.client_of([company]).get(&path).await.status, 200);
}

#[tokio::test]
async fn infobases_of_a_file_are_connected_and_released() {
    let demo = demo().await;
    let folder = std::env::temp_dir().join(format!("list-{}", common::ids::new_id()));
    std::fs::create_dir(&folder).unwrap();
    let list = folder.join("infobases.toml");
    std::fs::write(
        &list,
        format!(
            "[[infobases]]\nname = 'Из файла'\nbase_url = '{}/demo'\nusername = 'odata'\npassword = 'odata-demo'\n\
             concurrency = 2\n",
            demo.url()
        ),
    )
    .unwrap();
    let mut setup = Setup::new(None).await;
    let plain = setup.clone();
    let list: &'static str = list.to_str().unwrap().to_owned().leak();
    setup.variables.push(("ONEC_INFOBASES_FILE", list));
    let service = setup.start().await;
    assert_eq!(service.job_end().await["state"], "succeeded");
    let infobase = only(&service).await;
    assert_eq!(infobase["concurrency"], 2);
    assert_eq!(infobase["from_environment"], true);
    drop(service);
    // Not named any more: it stays, and is as one added by request.
    let service = plain.start().await;
    assert_eq!(only(&service).await["from_environment"], false);
    std::fs::remove_dir_all(folder).unwrap();
}
