//! Files and calls that are wrong, by mistake or on purpose: each is refused with words for the user of 1C.

use common::auth::Permission;
use http::Method;
use onec_demo::commerceml::{ExportFile, Site, archive};
use serde_json::Value;

use crate::commerceml::Exchange;
use crate::commerceml_files::document;
use crate::setup::Service;

fn file(name: &str, bytes: impl Into<Vec<u8>>) -> ExportFile {
    ExportFile {
        name: name.to_owned(),
        bytes: bytes.into(),
    }
}

/// Sends a file and asserts what 1C is told when it is to be imported.
async fn assert_refused(site: &Site, sent: &ExportFile, imported: &str, words: &str) {
    site.file(sent, 1_000_000).await.unwrap();
    let error = site.import(imported).await.unwrap_err().to_string();
    assert!(error.contains("failure"), "{error}");
    assert!(error.contains(words), "{imported}: {error}");
}

#[tokio::test]
async fn hostile_and_broken_files_are_refused() {
    let service = Service::start(None).await;
    let exchange = Exchange::add(&service).await;
    let site = exchange.log_in().await;
    let doctype = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>";
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE z [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><z>&b;</z>";
    let deep = format!("{}{}", "<Группы>".repeat(200), "</Группы>".repeat(200));
    let item = format!(
        "<Каталог><Товары><Товар>{}{}</Товар></Товары></Каталог>",
        "<а>".repeat(200),
        "</а>".repeat(200)
    );
    let long = format!("<Каталог><!--{}--></Каталог>", "x".repeat(2_000_000));
    let entity = "<Каталог><Товары><Товар><Ид>&unknown;</Ид></Товар></Товары></Каталог>";
    let mut cut = document("<Каталог></Каталог>");
    cut.truncate(cut.len() - 10);
    let cases: [(&str, Vec<u8>, &str); 12] = [
        ("a1.xml", doctype.into(), "DOCTYPE"),
        ("a2.xml", bomb.into(), "DOCTYPE"),
        ("a3.xml", document(&deep), "слишком большой"),
        ("a4.xml", document(&item), "слишком большой"),
        ("a5.xml", document(&long), "слишком большой"),
        ("a6.xml", document(entity), "повреждён"),
        ("a7.xml", cut, "повреждён"),
        (
            "a8.xml",
            "<html><body>404</body></html>".into(),
            "не файл CommerceML",
        ),
        (
            "a9.xml",
            "<КоммерческаяИнформация ВерсияСхемы=\"3.1\"/>".into(),
            "Версия схемы CommerceML 3.1",
        ),
        (
            "a10.xml",
            "<?xml version=\"1.0\" encoding=\"koi8-r\"?><a/>".into(),
            "Кодировка koi8-r",
        ),
        ("a11.xml", b"\xFF\xFE<\0a\0/\0>\0".to_vec(), "UTF-16"),
        ("a12.xml", b"<\xD0\xFF\xFF/>".to_vec(), "повреждён"),
    ];
    for (name, bytes, words) in cases {
        assert_refused(&site, &file(name, bytes), name, words).await;
    }
    let path = format!("/commerceml/exchanges/{}/imports?limit=50", exchange.id);
    let history: Value = service.admin().get(&path).await.json();
    let imports = history["items"].as_array().unwrap();
    assert_eq!(imports.len(), 12);
    assert!(imports.iter().all(|import| import["state"] == "failed"));
    assert_eq!(imports[11]["error"], "onec.exchange_file_refused");
    // Nothing was imported, and the next exchange is as any other.
    let client = service.client(&[Permission::OnecRead]);
    client
        .get("/reports/stock")
        .await
        .assert_problem(503, "onec.not_synchronised");
    exchange
        .push(&[file("import.xml", document("<Каталог></Каталог>"))], true, None)
        .await;
}

#[tokio::test]
async fn hostile_archives_are_refused() {
    let service = Service::start(None).await;
    let exchange = Exchange::add(&service).await;
    let packed = |name: &str, bytes: Vec<u8>| archive(&[file(name, bytes)]).unwrap();
    let good = document("<Каталог></Каталог>");
    let mut encrypted = packed("import.xml", good.clone());
    let directory = encrypted.windows(4).position(|at| at == b"PK\x01\x02").unwrap();
    encrypted[directory + 8] |= 1;
    let mut torn = packed("import.xml", good.clone());
    torn.truncate(torn.len() - 30);
    let mut changed = packed("import.xml", good.clone());
    // Its sum of control.
    let directory = changed.windows(4).position(|at| at == b"PK\x01\x02").unwrap();
    changed[directory + 16] ^= 1;
    let mut lying = packed("import.xml", vec![b' '; 3_000_000]);
    let directory = lying.windows(4).position(|at| at == b"PK\x01\x02").unwrap();
    lying[directory + 24..directory + 28].copy_from_slice(&1000_u32.to_le_bytes());
    let cases: [(Vec<u8>, &str); 8] = [
        (packed("import.xml", vec![b' '; 30_000_000]), "слишком большое"),
        (lying, "слишком большое"),
        (packed("../import.xml", good.clone()), "недопустимое имя"),
        (packed("/etc/import.xml", good.clone()), "недопустимое имя"),
        (packed("C:\\import.xml", good), "недопустимое имя"),
        (encrypted, "паролем"),
        (torn, "повреждён"),
        (changed, "повреждён"),
    ];
    for (bytes, words) in cases {
        let site = exchange.log_in().await;
        assert_refused(&site, &file("v8_1.zip", bytes), "import.xml", words).await;
    }
}

#[tokio::test]
async fn wrong_calls_are_told() {
    let service = Service::start(None).await;
    let exchange = Exchange::add(&service).await;
    let site = exchange.log_in().await;
    for name in ["../import.xml", "/import.xml", "a/../../b.xml", "C:\\b.xml", ""] {
        let error = site.part(name, b"<a/>").await.unwrap_err().to_string();
        assert!(error.contains("Недопустимое имя файла"), "{name}: {error}");
        let error = site.import(name).await.unwrap_err().to_string();
        assert!(error.contains("Недопустимое имя файла"), "{name}: {error}");
    }
    let error = site.import("import.xml").await.unwrap_err().to_string();
    assert!(error.contains("Файл «import.xml» не был передан"), "{error}");
    let error = site.part("import.xml", b"").await.unwrap_err().to_string();
    assert!(error.contains("не полностью"), "{error}");
    let large = vec![b' '; 4 * 1024 * 1024 + 1];
    let error = site.part("import.xml", &large).await.unwrap_err().to_string();
    assert!(error.contains("больше 2 МБ"), "{error}");
    // A little more than was asked for is taken.
    site.part("import.xml", &large[..3_000_000]).await.unwrap();
    // Pictures are not kept.
    site.part("import_files/1.jpg", b"picture").await.unwrap();
    site.import("import_files/1.jpg").await.unwrap();
    let ask = async |kind: &str, mode: &str| {
        site.ask(Method::GET, &[("type", kind), ("mode", mode)], Vec::new())
            .await
            .unwrap()
    };
    assert!(ask("reference", "init").await.contains("не поддерживается"));
    assert!(ask("catalog", "drop").await.contains("не поддерживается"));
    assert!(ask("catalog", "").await.contains("не поддерживается"));
    // Orders: there are none, and 1C may say what it likes of them.
    assert!(ask("sale", "query").await.contains("<КоммерческаяИнформация"));
    assert_eq!(ask("sale", "success").await, "success\n");
    assert_eq!(ask("catalog", "deactivate").await, "success\n");
    let query = [("type", "sale"), ("mode", "file"), ("filename", "orders.xml")];
    let answer = site.ask(Method::POST, &query, b"<a/>".to_vec()).await.unwrap();
    assert_eq!(answer, "success\n");
}
