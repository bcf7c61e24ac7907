//! Names of the catalogues.

use common::auth::Permission;
use serde_json::{Value, json};

use crate::setup::{Service, demo};

#[tokio::test]
async fn all_names_are_listed_in_pieces_and_within_the_callers_rights() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let client = service.client(&[Permission::OnecRead]);
    let whole: Value = client.get("/names?kind=counterparty").await.json();
    let names = whole["items"].as_array().unwrap();
    assert!(names.len() > 3, "{whole}");
    assert!(whole.get("next_cursor").is_none());
    let mut pieces: Vec<Value> = Vec::new();
    let mut cursor = String::new();
    loop {
        let piece: Value = client
            .get(&format!("/names?kind=counterparty&limit=2{cursor}"))
            .await
            .json();
        pieces.extend(piece["items"].as_array().unwrap().iter().cloned());
        match piece["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(&pieces, names);
    let managers: Value = client.get("/names?kind=manager").await.json();
    assert!(
        managers["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|named| named["person"] == true && named["kind"] == "manager"),
        "{managers}"
    );
    let (company, name) = service.companies().await.remove(0);
    let restricted = service.client_of([company]);
    let own: Value = restricted.get("/names?kind=company").await.json();
    assert_eq!(own["items"].as_array().unwrap().len(), 1);
    assert_eq!(own["items"][0]["name"], name);
    for kind in ["counterparty", "item", "warehouse", "manager", "company"] {
        let nothing: Value = service
            .client_of([])
            .get(&format!("/names?kind={kind}"))
            .await
            .json();
        assert_eq!(nothing["items"], json!([]), "{kind}");
    }
}

#[tokio::test]
async fn wrong_queries_are_refused() {
    let service = Service::start(None).await;
    let client = service.client(&[Permission::OnecRead]);
    for path in ["/names", "/names?kind=planet", "/names?kind=item&colour=red"] {
        client
            .get(path)
            .await
            .assert_problem(400, "request.invalid_query");
    }
    client
        .get("/names?kind=item&cursor=!")
        .await
        .assert_problem(400, "request.invalid");
    client
        .get("/names?kind=item&limit=5001")
        .await
        .assert_problem(422, "request.validation_failed");
}
