//! A provider of another make; tests/external/federation.sh starts them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::browser::{Browser, OUTSIDE, page};
use super::provider::{CLIENT_ID, CLIENT_SECRET};
use super::settings_file;
use crate::harness::with_settings;

/// A browser at the provider: follows redirects, keeps cookies, fills in forms, until it is sent back.
struct AtProvider(reqwest::Client);

impl AtProvider {
    fn new() -> Self {
        let client = common::http::client::builder()
            .cookie_store(true)
            .build()
            .unwrap();
        Self(client)
    }

    async fn sent_back(&self, url: &str) -> String {
        let mut at: url::Url = url.parse().unwrap();
        let mut request = self.0.get(at.clone());
        for _ in 0..20 {
            let answer = common::http::client::send(request.header("accept", "text/html"))
                .await
                .unwrap();
            if answer.status().is_redirection() {
                let location = answer.headers()["location"].to_str().unwrap();
                if let Some(path) = location.strip_prefix(OUTSIDE) {
                    return path.to_owned();
                }
                at = at.join(location).unwrap();
                request = self.0.get(at.clone());
                continue;
            }
            let html = answer.text().await.unwrap();
            let (action, fields) = form(&html);
            at = at.join(&action).unwrap();
            let body = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(fields)
                .finish();
            let form = "application/x-www-form-urlencoded";
            request = self.0.post(at.clone()).header("content-type", form).body(body);
        }
        unreachable!("the provider never sent the browser back")
    }
}

/// Where the first form goes, and its fields as Anna fills them in.
fn form(html: &str) -> (String, BTreeMap<String, String>) {
    let start = html
        .find("<form")
        .unwrap_or_else(|| unreachable!("no form in {html}"));
    let form = html[start..].split("</form>").next().unwrap();
    let tag = form.split('>').next().unwrap();
    let mut fields = BTreeMap::new();
    for input in form
        .split("<input")
        .skip(1)
        .map(|rest| rest.split('>').next().unwrap())
    {
        let (Some(name), kind) = (attribute(input, "name"), attribute(input, "type")) else {
            continue;
        };
        let value = attribute(input, "value").unwrap_or_default();
        let value = if kind.as_deref() == Some("hidden") {
            value
        } else {
            "anna".to_owned()
        };
        fields.insert(name, value);
    }
    (attribute(tag, "action").unwrap_or_default(), fields)
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    Some(rest.split('"').next().unwrap().replace("&amp;", "&"))
}

#[tokio::test]
#[ignore = "needs a provider of another make, whose issuer is in OIDC_EXTERNAL_ISSUER"]
async fn a_person_logs_in_at_a_provider_of_another_make() {
    let issuer = std::env::var_os("OIDC_EXTERNAL_ISSUER")
        .unwrap()
        .into_string()
        .unwrap();
    let settings = format!(
        "[[providers]]\nid = \"test\"\nissuer = \"{issuer}\"\nclient_id = \"{CLIENT_ID}\"\n\
         client_secret = \"{CLIENT_SECRET}\"\n[[providers.users.roles]]\nclaim = \"groups\"\nvalue = \"buh\"\n\
         role = \"accountant\"\ncompanies = [\"*\"]\n"
    );
    let file = settings_file(&settings);
    let service = with_settings(&[("OIDC_PROVIDERS_FILE", file.path().to_str().unwrap())]).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let mut browser = Browser::new(&service);
        let url = browser.start("?return_to=/reports").await;
        let back = AtProvider::new().sent_back(&url).await;
        let (path, fragment) = page(&browser.get(&back).await);
        assert_eq!(path, "/reports");
        assert!(fragment.contains_key("oidc_code"), "{fragment:?}");
        let answer = browser.complete(&fragment["oidc_code"]).await;
        let user = answer.json::<Value>()["user"].clone();
        assert_eq!(user["email"], "anna@example.com");
        assert_eq!(user["name"], "Анна Петрова");
        assert_eq!(
            (user["role"].as_str(), &user["companies"]),
            (Some("accountant"), &json!(["*"]))
        );
        let session = service.session(&answer);
        assert_eq!(session.client.get("/users/me").await.status, 200);
        ids.push(session.id);

        // The code has been used at the provider: whoever kept the address gets nothing.
        let (_, fragment) = page(&browser.get(&back).await);
        assert_eq!(fragment["oidc_error"], "federation.state_invalid");
    }
    assert_eq!(ids[0], ids[1], "one person, one account");
}
