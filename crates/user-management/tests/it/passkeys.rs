//! Passkeys: adding, logging in with and without a password, and what a device may not say.

use common::events::Stream;
use common::testing::Response;
use http::Method;
use serde_json::{Value, json};

use crate::authenticator::{Algorithm, Device};
use crate::harness::{PASSWORD, Service, Session, service, with_settings};

const EMAIL: &str = "anna@example.com";

pub(crate) async fn add(service: &Service, session: &Session, device: &mut Device) -> Response {
    let begun: Value = session
        .client
        .post("/users/me/passkeys/options", &json!({}))
        .await
        .json();
    let body = json!({
        "challenge": begun["challenge"],
        "name": "Телефон",
        "passkey": device.create(&begun["public_key"]),
    });
    let _ = service;
    session.client.post("/users/me/passkeys", &body).await
}

/// Anna with a passkey.
async fn anna(service: &Service, device: &mut Device) -> Session {
    service.register(EMAIL).await;
    let session = service.login(EMAIL, PASSWORD).await;
    let added = add(service, &session, device).await;
    assert_eq!(added.status, 201, "{}", added.text());
    session
}

async fn login(service: &Service, device: &mut Device) -> Response {
    let begun: Value = service
        .client
        .post("/auth/passkeys/options", &json!({}))
        .await
        .json();
    assert_eq!(begun["public_key"]["allowCredentials"], json!([]));
    let body = json!({
        "challenge": begun["challenge"],
        "passkey": device.get(&begun["public_key"]),
    });
    service.client.post("/auth/passkeys/login", &body).await
}

#[tokio::test]
async fn devices_of_each_kind_log_in_without_a_password() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        let service = service().await;
        let mut device = Device::new(algorithm);
        let enrolled = anna(&service, &mut device).await;
        let session = service.session(&login(&service, &mut device).await);
        assert_eq!(session.id, enrolled.id);
        let identity = service
            .other_service()
            .verify(&session.access_token)
            .await
            .unwrap();
        assert_eq!(identity.methods, ["pop"]);
        let listed: Value = session.client.get("/users/me/second-factors").await.json();
        assert_eq!(listed["passkeys"][0]["name"], "Телефон");
        assert!(listed["passkeys"][0]["last_used_at"].is_string());
        assert_eq!(listed["recovery_codes_left"], 10);
    }
}

#[tokio::test]
async fn a_passkey_is_the_second_factor_of_a_password() {
    let service = service().await;
    let mut device = Device::new(Algorithm::Es256);
    anna(&service, &mut device).await;
    let asked = service.try_login(EMAIL, PASSWORD).await;
    let asked = asked.assert_problem(401, "auth.second_factor_required");
    assert_eq!(asked["methods"], json!(["passkey", "recovery_code"]));
    let options = &asked["public_key"];
    assert_eq!(options["allowCredentials"].as_array().unwrap().len(), 1);
    assert_eq!(options["userVerification"], "required");
    let body = json!({ "challenge": asked["challenge"], "passkey": device.get(options) });
    let done = service.client.post("/auth/login/second-factor", &body).await;
    let session = service.session(&done);
    let identity = service
        .other_service()
        .verify(&session.access_token)
        .await
        .unwrap();
    assert_eq!(identity.methods, ["pwd", "pop"]);
}

#[tokio::test]
async fn what_a_device_says_for_another_site_user_or_challenge_opens_nothing() {
    let service = service().await;
    let mut device = Device::new(Algorithm::Es256);
    anna(&service, &mut device).await;
    let honest = (device.origin.clone(), device.rp_id.clone(), device.user.clone());
    let lies: [fn(&mut Device); 5] = [
        |device| device.origin = "https://localhost.evil.example".to_owned(),
        |device| device.rp_id = "evil.example".to_owned(),
        |device| device.flags = 0b001,
        |device| device.flags = 0b100,
        |device| device.user = vec![7; 16],
    ];
    for lie in lies {
        lie(&mut device);
        let answer = login(&service, &mut device).await;
        answer.assert_problem(401, "auth.second_factor_wrong");
        (device.origin, device.rp_id, device.user) = honest.clone();
        device.flags = 0b101;
    }
    let unknown = login(&service, &mut Device::new(Algorithm::Es256)).await;
    unknown.assert_problem(401, "auth.second_factor_wrong");
    // Another key under the id of hers.
    let mut thief = Device::new(Algorithm::Es256);
    (thief.id, thief.user) = (device.id.clone(), device.user.clone());
    thief.sign_count = 1000;
    login(&service, &mut thief)
        .await
        .assert_problem(401, "auth.second_factor_wrong");

    // A signature for one challenge does not meet another, and none meets its own twice.
    let begun: Value = service
        .client
        .post("/auth/passkeys/options", &json!({}))
        .await
        .json();
    let other: Value = service
        .client
        .post("/auth/passkeys/options", &json!({}))
        .await
        .json();
    let signed = device.get(&begun["public_key"]);
    let meet = async |challenge: &Value| {
        let body = json!({ "challenge": challenge["challenge"], "passkey": signed });
        service.client.post("/auth/passkeys/login", &body).await
    };
    meet(&other).await.assert_problem(401, "auth.second_factor_wrong");
    assert_eq!(meet(&begun).await.status, 200);
    meet(&begun).await.assert_problem(401, "auth.challenge_invalid");
}

#[tokio::test]
async fn a_copied_authenticator_is_noticed() {
    let service = service().await;
    let mut device = Device::new(Algorithm::EdDsa);
    anna(&service, &mut device).await;
    assert_eq!(login(&service, &mut device).await.status, 200);
    device.sign_count -= 1;
    login(&service, &mut device)
        .await
        .assert_problem(401, "auth.second_factor_wrong");
    let failed = service.events(Stream::Auth, "auth.login_failed", 1).await;
    assert_eq!(failed[0].data["reason"], "passkey_copied");
}

#[tokio::test]
async fn a_registration_is_for_the_one_who_began_it() {
    let service = service().await;
    let mut device = Device::new(Algorithm::Es256);
    let anna = anna(&service, &mut device).await;
    service.register("boris@example.com").await;
    let boris = service.login("boris@example.com", PASSWORD).await;
    let owner = device.user.clone();
    let twice = add(&service, &boris, &mut device).await;
    device.user = owner;
    twice.assert_problem(409, "users.passkey_exists");
    let begun: Value = boris
        .client
        .post("/users/me/passkeys/options", &json!({}))
        .await
        .json();
    let mut other = Device::new(Algorithm::Es256);
    let body = json!({
        "challenge": begun["challenge"],
        "name": "x",
        "passkey": other.create(&begun["public_key"]),
    });
    // Anna's token from before her passkey is not enough any more; a login with it is.
    let stale = anna.client.post("/users/me/passkeys", &body).await;
    stale.assert_problem(401, "auth.step_up_required");
    let anna = service.session(&login(&service, &mut device).await);
    let foreign = anna.client.post("/users/me/passkeys", &body).await;
    foreign.assert_problem(401, "auth.challenge_invalid");
    other.origin = "https://evil.example".to_owned();
    let refused = add(&service, &boris, &mut other).await;
    refused.assert_problem(422, "users.passkey_refused");
    let wrong = boris
        .client
        .post("/users/me/passkeys", &json!({ "challenge": "x" }))
        .await;
    wrong.assert_problem(422, "request.validation_failed");
}

#[tokio::test]
async fn a_passkey_is_renamed_and_removed_by_its_owner_only() {
    let service = service().await;
    let mut device = Device::new(Algorithm::Es256);
    anna(&service, &mut device).await;
    let anna = service.session(&login(&service, &mut device).await);
    let listed: Value = anna.client.get("/users/me/second-factors").await.json();
    let path = format!(
        "/users/me/passkeys/{}",
        listed["passkeys"][0]["id"].as_str().unwrap()
    );
    let admin = service.admin().await;
    let name = json!({ "name": "Ноутбук" });
    admin
        .client
        .patch(&path, &name)
        .await
        .assert_problem(404, "request.not_found");
    admin
        .client
        .delete(&path)
        .await
        .assert_problem(404, "request.not_found");
    let empty = anna.client.patch(&path, &json!({ "name": " " })).await;
    empty.assert_problem(422, "request.validation_failed");
    assert_eq!(anna.client.patch(&path, &name).await.status, 204);
    let listed: Value = anna.client.get("/users/me/second-factors").await.json();
    assert_eq!(listed["passkeys"][0]["name"], "Ноутбук");
    assert_eq!(anna.client.delete(&path).await.status, 204);
    assert_eq!(service.count("identity.recovery_codes").await, 0);
    assert_eq!(service.try_login(EMAIL, PASSWORD).await.status, 200);
    service.events(Stream::Audit, "users.passkey_added", 1).await;
    service.events(Stream::Audit, "users.passkey_removed", 1).await;
}

#[tokio::test]
async fn without_a_host_name_there_are_no_passkeys() {
    let service = with_settings(&[("PUBLIC_URL", "http://127.0.0.1:3000")]).await;
    let answer = service.client.post("/auth/passkeys/options", &json!({})).await;
    answer.assert_problem(409, "auth.passkeys_unavailable");
    let admin = service.admin().await;
    for path in ["/users/me/passkeys/options", "/auth/step-up/options"] {
        let answer = admin.client.post(path, &json!({})).await;
        answer.assert_problem(409, "auth.passkeys_unavailable");
    }
}

#[tokio::test]
async fn without_the_database_every_route_of_second_factors_says_so() {
    let service = service().await;
    let mut device = Device::new(Algorithm::Es256);
    let admin = service.admin().await;
    let begun: Value = admin
        .client
        .post("/users/me/passkeys/options", &json!({}))
        .await
        .json();
    let options = &begun["public_key"];
    let created = device.create(options);
    let used = device.get(options);
    service.postgres.cut();
    let own = admin.id;
    for (method, path, body) in [
        (
            Method::POST,
            "/auth/login/second-factor",
            json!({ "challenge": "x", "code": "1" }),
        ),
        (Method::POST, "/auth/passkeys/options", json!({})),
        (
            Method::POST,
            "/auth/passkeys/login",
            json!({ "challenge": "x", "passkey": used }),
        ),
        (Method::POST, "/auth/step-up/options", json!({})),
        (Method::POST, "/auth/step-up", json!({ "password": PASSWORD })),
        (Method::GET, "/users/me/second-factors", json!({})),
        (Method::POST, "/users/me/totp", json!({})),
        (Method::POST, "/users/me/totp/confirm", json!({ "code": "1" })),
        (Method::DELETE, "/users/me/totp", json!({})),
        (Method::POST, "/users/me/recovery-codes", json!({})),
        (Method::POST, "/users/me/passkeys/options", json!({})),
        (
            Method::POST,
            "/users/me/passkeys",
            json!({ "challenge": "x", "name": "x", "passkey": created }),
        ),
        (
            Method::PATCH,
            &format!("/users/me/passkeys/{own}"),
            json!({ "name": "x" }),
        ),
        (Method::DELETE, &format!("/users/me/passkeys/{own}"), json!({})),
        (Method::GET, "/users/me/sessions", json!({})),
        (Method::DELETE, "/users/me/sessions", json!({})),
        (Method::DELETE, &format!("/users/me/sessions/{own}"), json!({})),
        (Method::GET, &format!("/users/{own}/sessions"), json!({})),
        (Method::DELETE, &format!("/users/{own}/sessions"), json!({})),
        (Method::DELETE, &format!("/users/{own}/sessions/{own}"), json!({})),
        (Method::DELETE, &format!("/users/{own}/second-factors"), json!({})),
        (Method::POST, &format!("/users/{own}/unlock"), json!({})),
    ] {
        let request = admin.client.request(method.clone(), path).json(&body);
        let answer = admin.client.send(request).await;
        assert_eq!(answer.status, 503, "{method} {path}: {}", answer.text());
        answer.assert_problem(503, "dependency.unavailable");
    }
}
