//! Every rule finds what it says and passes what it says.

use waf::{Kind, Request, table};

fn reasons(kind: Kind, place: &str, text: &str) -> Vec<&'static str> {
    let encode = |text: &str| {
        text.bytes()
            .map(|byte| format!("%{byte:02x}"))
            .collect::<String>()
    };
    let json = serde_json::json!({ "text": text }).to_string();
    let (mut uri, mut body) = ("/x".to_owned(), Vec::new());
    let mut headers: Vec<(&str, &[u8])> = Vec::new();
    match place {
        "body" => {
            headers.push(("content-type", b"application/json"));
            body = json.into_bytes();
        }
        "path" => uri = text.replace('?', "%3f"),
        "name" => uri = format!("/x?{}=1", encode(text)),
        "agent" => headers.push(("user-agent", text.as_bytes())),
        "file" => headers.push(("x-filename", text.as_bytes())),
        "header" => headers.push(("x-custom", text.as_bytes())),
        "content-type" => headers.push(("content-type", text.as_bytes())),
        "cookie" => {}
        _ => uri = format!("/x?q={}", encode(text)),
    }
    let cookie = format!("{text}=1; a={}", encode(text));
    if place == "cookie" {
        headers.push(("cookie", cookie.as_bytes()));
    }
    let request = Request {
        method: "POST",
        uri: &uri,
        headers: &headers,
        body: &body,
        kind,
    };
    waf::scan(&request)
        .reasons
        .iter()
        .map(|reason| reason.rule)
        .collect()
}

const PLACES: [&str; 8] = [
    "query",
    "path",
    "name",
    "cookie",
    "agent",
    "file",
    "header",
    "content-type",
];

#[test]
fn rules_find_what_they_are_for() {
    let mut wrong = Vec::new();
    for rule in &table().rules {
        let chat = rule.id.starts_with("prompt.") || rule.id.starts_with("secret.");
        let (kind, places) = if chat {
            (Kind::Chat, &["body"][..])
        } else {
            (Kind::Data, &PLACES[..])
        };
        for text in &rule.matches {
            if !places
                .iter()
                .any(|place| reasons(kind, place, text).contains(&rule.id.as_str()))
            {
                wrong.push(format!("{} does not find {text:?}", rule.id));
            }
        }
        for text in &rule.ignores {
            let of_rule: Vec<_> = places
                .iter()
                .filter(|place| reasons(kind, place, text).contains(&rule.id.as_str()))
                .collect();
            if !of_rule.is_empty() {
                wrong.push(format!("{} finds {text:?} in {of_rule:?}", rule.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
