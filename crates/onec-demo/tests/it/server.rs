//! Who is let in, troubles on demand, the listener.

use std::sync::Arc;

use onec_demo::{ServerOptions, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::client::{BASE, Client, ROOT};

#[tokio::test]
async fn strangers_are_asked_for_a_password() {
    let client = Client::new();
    for headers in [
        vec![],
        vec![("authorization", "Basic b2RhdGE6d3Jvbmc=")],
        vec![("authorization", "Bearer x")],
    ] {
        let reply = client
            .send("GET", &format!("{ROOT}Catalog_Склады"), &headers, "")
            .await;
        assert_eq!(reply.status, 401);
    }
    assert_eq!(client.get("Catalog_Склады").await.status, 200);
}

#[tokio::test]
async fn troubles_come_and_go() {
    let client = Client::new();
    assert_eq!(
        client
            .set_faults(r#"{"fail_next":2,"fail_status":503}"#)
            .await
            .status,
        200
    );
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(client.get("Catalog_Склады").await.status);
    }
    assert_eq!(seen, [503, 503, 200]);

    client.set_faults(r#"{"no_licence":true}"#).await;
    let reply = client.get("Catalog_Склады").await;
    assert!(
        reply.content_type.starts_with("text/html")
            && reply.text.contains("Не обнаружено свободной лицензии")
    );

    client.set_faults(r#"{"login_page":true}"#).await;
    let reply = client.get("Catalog_Склады").await;
    assert_eq!(
        (reply.status, reply.content_type.starts_with("text/html")),
        (200, true)
    );

    client.set_faults(r#"{"maintenance":true}"#).await;
    let reply = client.get("Catalog_Склады").await;
    assert_eq!(reply.status, 403);
    assert!(reply.text.starts_with("\u{feff}{") && reply.text.contains("#exception"));

    client.set_faults(r#"{"empty_composition":true}"#).await;
    let refusal = client.refused("Catalog_Склады").await;
    assert_eq!((refusal.0, refusal.1.as_str()), (404, "8"));
    assert!(client.json("").await["value"].as_array().unwrap().is_empty());

    client.set_faults(r#"{"max_rows":10}"#).await;
    let refusal = client.refused("Document_РеализацияТоваровУслуг").await;
    assert_eq!((refusal.0, refusal.1.as_str()), (500, "-1"));
    assert_eq!(
        client.rows("Document_РеализацияТоваровУслуг?$top=10").await.len(),
        10
    );

    assert_eq!(client.set_faults(r#"{"нечто":1}"#).await.status, 400);
    assert_eq!(client.set_faults("{}").await.status, 200);
    assert_eq!(client.get("Catalog_Склады").await.status, 200);
    let state = client.send("GET", "/demo/_faults", &[], "").await.json();
    assert_eq!(state["maintenance"], false);
}

#[tokio::test]
async fn a_hidden_row_fails_the_query_unless_only_what_is_allowed_is_asked_for() {
    let client = Client::new();
    let all = client
        .rows("Document_РеализацияТоваровУслуг?$select=Организация_Key")
        .await
        .len();
    client.set_faults(r#"{"rls":true}"#).await;
    let refusal = client.refused("Document_РеализацияТоваровУслуг").await;
    assert_eq!((refusal.0, refusal.1.as_str()), (401, "20"));
    let allowed = client
        .rows("Document_РеализацияТоваровУслуг?allowedOnly=true&$select=Организация_Key")
        .await;
    assert!(!allowed.is_empty() && allowed.len() < all);
    assert_eq!(client.rows("Catalog_Организации?allowedOnly=true").await.len(), 2);
    assert_eq!(client.rows("Catalog_Номенклатура?$top=5").await.len(), 5);
    let refusal = client.refused("AccountingRegister_Хозрасчетный/Balance()").await;
    assert_eq!((refusal.0, refusal.1.as_str()), (401, "20"));
}

#[tokio::test]
async fn a_listener_serves_and_stops() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = serve(
        listener,
        Arc::clone(&BASE),
        ServerOptions::default(),
        async move {
            let _ = stopped.await;
        },
    );
    let client = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET {ROOT}Catalog_%D0%A1%D0%BA%D0%BB%D0%B0%D0%B4%D1%8B/$count HTTP/1.1\r\nHost: {address}\r\n\
             Authorization: Basic b2RhdGE6b2RhdGEtZGVtbw==\r\nIBSession: start\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(
            answer.to_lowercase().contains("dataserviceversion: 3.0"),
            "{answer}"
        );
        assert!(answer.ends_with("\u{feff}4"), "{answer}");
        stop.send(()).unwrap();
    };
    let (served, ()) = tokio::join!(server, client);
    served.unwrap();
}

#[tokio::test]
async fn the_program_prints_its_address_and_stops_when_told_to() {
    use tokio::io::{AsyncBufReadExt as _, BufReader};
    use tokio::process::Command;

    let mut program = Command::new(env!("CARGO_BIN_EXE_onec-demo"))
        .args(["--listen", "127.0.0.1:0", "--until", "2024-11-05"])
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let address = lines.next_line().await.unwrap().unwrap();
    assert!(
        address.starts_with("http://127.0.0.1:") && address.ends_with("/demo/odata/standard.odata/"),
        "{address}"
    );
    let host = address
        .strip_prefix("http://")
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    // An idle connection must not hold the program back.
    let _idle = TcpStream::connect(host).await.unwrap();
    let number = program.id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &number])
            .status()
            .await
            .unwrap()
            .success()
    );
    let status = tokio::time::timeout(std::time::Duration::from_secs(20), program.wait())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(status.code(), Some(0));
}
