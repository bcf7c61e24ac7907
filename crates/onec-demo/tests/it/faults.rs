//! Troubles and ways of a server: sessions, licences, rights, broken answers.

use onec_demo::{Faults, ReuseSessions, ServerOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{BASE, Client, ROOT};

const LOGIN: (&str, &str) = ("authorization", "Basic b2RhdGE6b2RhdGEtZGVtbw==");

#[tokio::test]
async fn a_client_stays_in_its_session_by_cookie() {
    let client = Client::new();
    client
        .set_faults(r#"{"reuse_sessions":"use","licences":1}"#)
        .await;
    let address = format!("{ROOT}Catalog_Склады/$count");
    let started = client
        .send("GET", &address, &[LOGIN, ("ibsession", "start")], "")
        .await;
    let cookie = started.headers["set-cookie"]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    assert!(cookie.starts_with("ibsession="), "{cookie}");
    let stays = client
        .send("GET", &address, &[LOGIN, ("cookie", &cookie)], "")
        .await;
    assert_eq!(stays.status, 200);
    // The session holds the only licence.
    let other = client.send("GET", &address, &[LOGIN], "").await;
    assert!(other.text.contains("Не обнаружено свободной лицензии"));
    let state = client.send("GET", "/demo/_admin/sessions", &[], "").await.json();
    assert_eq!(state, json!({"named": 1, "idle": 0, "busy": 0}));
    let bye = client
        .send(
            "GET",
            &address,
            &[LOGIN, ("cookie", &cookie), ("ibsession", "finish")],
            "",
        )
        .await;
    assert_eq!(bye.status, 200);
    let lost = client
        .send("GET", &address, &[LOGIN, ("cookie", &cookie)], "")
        .await;
    assert_eq!((lost.status, lost.text.contains("Сеанс не найден")), (400, true));
    assert_eq!(client.send("GET", &address, &[LOGIN], "").await.status, 200);
    // The age of a session: none at all.
    client
        .set_faults(r#"{"reuse_sessions":"use","session_max_age":0}"#)
        .await;
    let started = client
        .send("GET", &address, &[LOGIN, ("ibsession", "start")], "")
        .await;
    let cookie = started.headers["set-cookie"]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(
        client
            .send("GET", &address, &[LOGIN, ("cookie", &cookie)], "")
            .await
            .status,
        400
    );
    // By itself the server keeps sessions, whatever the client says.
    client.set_faults("{}").await;
    let reply = client
        .send("GET", &address, &[LOGIN, ("ibsession", "start")], "")
        .await;
    assert!(!reply.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn bodies_are_spoilt_as_asked() {
    let client = Client::new();
    client.set_faults(r#"{"bom":true}"#).await;
    for path in [
        "Catalog_Склады?$format=json",
        "Catalog_Склады",
        "$metadata",
        "Catalog_Нет",
        "Catalog_Склады/$count",
    ] {
        let text = client.get(path).await.text;
        assert_eq!(text.matches('\u{feff}').count(), 1, "{path}");
        assert!(text.starts_with('\u{feff}'), "{path}");
    }
    client.set_faults(r#"{"malformed_json":true}"#).await;
    let text = client.get("Catalog_Склады?$format=json").await.text;
    assert!(serde_json::from_str::<Value>(&text).is_err());
    client.set_faults(r#"{"max_bytes":100000}"#).await;
    let refusal = client.refused("Document_РеализацияТоваровУслуг").await;
    assert!(
        refusal.0 == 500 && refusal.2.contains("The device is full"),
        "{refusal:?}"
    );
    assert_eq!(
        client.rows("Document_РеализацияТоваровУслуг?$top=5").await.len(),
        5
    );
    client.set_faults(r#"{"device_full":true}"#).await;
    assert_eq!(client.refused("Catalog_Склады?$top=1").await.0, 500);
    client.set_faults(r#"{"english_errors":true}"#).await;
    let reply = client
        .get("Catalog_Склады(guid'11111111-1111-4111-8111-111111111111')?$format=json")
        .await;
    assert_eq!(reply.refusal().2, "Entity instance not found");
    assert_eq!(reply.json()["odata.error"]["message"]["lang"], "ru");
    client.set_faults(r#"{"forbidden":true}"#).await;
    assert_eq!(client.get("Catalog_Склады").await.status, 403);
    client.set_faults(r#"{"wrong_password":true}"#).await;
    assert_eq!(client.get("Catalog_Склады").await.status, 401);
}

#[tokio::test]
async fn addresses_are_taken_as_strictly_as_the_platform_takes_them() {
    let client = Client::new();
    let reply = client
        .send(
            "POST",
            "/Demo/odata/standard.odata/SelectChanges?MessageNo=1",
            &[],
            "",
        )
        .await;
    assert_eq!(reply.status, 301);
    assert_eq!(
        reply.headers["location"],
        "/demo/odata/standard.odata/SelectChanges?MessageNo=1"
    );
    let refusal = client.refused("Catalog_Склады?$filter=Code+eq+'1'").await;
    assert_eq!(refusal.0, 400);
    let refusal = client
        .refused("Catalog_Склады?$filter=Ref_Key gt guid'11111111-1111-4111-8111-111111111111'")
        .await;
    assert_eq!(refusal.0, 500);
}

#[tokio::test]
async fn versions_stand_in_the_low_bytes_in_bases_on_a_server() {
    let client = Client::with(ServerOptions::writable());
    let file = client.json("Catalog_Склады?$top=1").await["value"][0]["DataVersion"]
        .as_str()
        .unwrap()
        .to_owned();
    client.set_faults(r#"{"sql_data_version":true}"#).await;
    let row = client.rows("Catalog_Склады?$top=1").await[0].clone();
    let server = row["DataVersion"].as_str().unwrap();
    assert!(
        file.ends_with("AAAAA=") && server.starts_with("AAAAA"),
        "{file} {server}"
    );
    let path = format!("Catalog_Склады(guid'{}')", row["Ref_Key"].as_str().unwrap());
    let reply = client
        .write_with(
            "PATCH",
            &path,
            &[("if-match", server)],
            r#"{"Description":"По версии"}"#,
        )
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

#[tokio::test]
async fn a_closed_period_cannot_be_changed() {
    let client = Client::with(ServerOptions {
        faults: Faults {
            closed_until: "2026-10-31".parse().ok(),
            ..Faults::default()
        },
        ..ServerOptions::writable()
    });
    let old = client
        .rows("Document_РеализацияТоваровУслуг?$filter=Posted eq true&$top=1")
        .await[0]
        .clone();
    let path = format!(
        "Document_РеализацияТоваровУслуг(guid'{}')",
        old["Ref_Key"].as_str().unwrap()
    );
    for (method, path, body) in [
        ("POST", format!("{path}/Unpost"), json!({})),
        ("POST", format!("{path}/Post"), json!({})),
        ("PATCH", path.clone(), json!({"Комментарий": "задним числом"})),
        ("DELETE", path.clone(), json!({})),
        (
            "POST",
            "Document_РеализацияТоваровУслуг".to_owned(),
            json!({"Date": "2026-10-01T00:00:00"}),
        ),
    ] {
        let refusal = client.write(method, &path, &body).await.refusal();
        assert_eq!((refusal.0, refusal.1.as_str()), (500, "-1"));
        assert!(refusal.2.contains("период закрыт по 31.10.2026"), "{}", refusal.2);
    }
    client.set_faults("{}").await;
    assert_eq!(client.write("DELETE", &path, &json!({})).await.status, 204);
    assert_eq!(
        client.send("POST", "/demo/_admin/reset", &[], "").await.status,
        204
    );
    assert_eq!(client.get(&path).await.status, 200);
}

#[tokio::test]
async fn metadata_can_be_as_long_as_that_of_a_whole_configuration() {
    let client = Client::new();
    client.set_faults(r#"{"metadata_mb":2}"#).await;
    let text = client.get("$metadata").await.text;
    assert!((2_000_000..2_400_000).contains(&text.len()), "{}", text.len());
    let mut reader = quick_xml::Reader::from_str(&text);
    while !matches!(reader.read_event().unwrap(), quick_xml::events::Event::Eof) {}
    assert_eq!(client.refused("Catalog_Справочник1").await.1, "8");
}

#[tokio::test]
async fn connections_break_and_answers_drip() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let options = ServerOptions {
        faults: Faults {
            cut_after: 2000,
            drip_ms: 1,
            cold_start_ms: 1,
            reuse_sessions: ReuseSessions::DontUse,
            ..Faults::default()
        },
        ..ServerOptions::default()
    };
    let server = onec_demo::serve(listener, BASE.clone(), options, std::future::pending());
    let client = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET {ROOT}$metadata HTTP/1.1\r\nHost: {address}\r\n\
             Authorization: Basic b2RhdGE6b2RhdGEtZGVtbw==\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // Whether the end comes as an end or as an error depends on what is left to read.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    let text = tokio::select! {
        text = client => text,
        served = server => panic!("the server ended: {served:?}"),
    };
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(
        text.len() < 3000 && !text.contains("</edmx:Edmx>"),
        "{}",
        text.len()
    );
    assert!(!text.ends_with("0\r\n\r\n"), "the body was not ended");
}
