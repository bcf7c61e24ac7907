//! Registering by letter, resetting and changing passwords, states of accounts, invites, import.

use common::events::Stream;
use serde_json::{Value, json};

use crate::harness::{ADMIN_EMAIL, Options, PASSWORD, Service, anonymous_body, eventually, service, with};
use crate::post_office::PostOffice;

pub(crate) const NEW_PASSWORD: &str = "seven geese cross the yard";

pub(crate) async fn with_mail() -> (Service, PostOffice) {
    with_mail_and(&[]).await
}

/// The same with other settings beside.
pub(crate) async fn with_mail_and(settings: &[(&str, &str)]) -> (Service, PostOffice) {
    let office = PostOffice::open().await;
    let url = office.url();
    let mut settings = settings.to_vec();
    settings.extend([("SMTP_URL", url.as_str()), ("SMTP_FROM", "robot@example.org")]);
    let service = with(Options {
        settings: &settings,
        ..Options::default()
    })
    .await;
    (service, office)
}

fn registration(email: &str) -> Value {
    json!({ "email": email, "password": PASSWORD, "name": "Анна" })
}

/// An account whose address has been confirmed.
pub(crate) async fn confirmed(service: &Service, office: &PostOffice, email: &str) {
    let answer = service.client.post("/auth/register", &registration(email)).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let letter = office.letters_to(email, 1).await.remove(0);
    let body = json!({ "token": letter.token() });
    let answer = service.client.post("/auth/verify-email", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn whoever_registers_has_an_account_once_the_letter_has_come() {
    let (service, office) = with_mail().await;
    let answer = service
        .client
        .post("/auth/register", &registration("anna@example.com"))
        .await;
    assert_eq!(answer.status, 202);
    assert_eq!(service.try_login("anna@example.com", PASSWORD).await.status, 401);
    let letter = office.letters_to("anna@example.com", 1).await.remove(0);
    let body = json!({ "token": letter.token() });
    let user: Value = service.client.post("/auth/verify-email", &body).await.json();
    assert_eq!(user["user"]["email_verified"], true);
    assert_eq!(user["user"]["role"], "user");
    service.login("anna@example.com", PASSWORD).await;
    let again = service.client.post("/auth/verify-email", &body).await;
    again.assert_problem(400, "auth.link_invalid");
    service.events(Stream::Audit, "auth.registered", 1).await;
}

#[tokio::test]
async fn nobody_learns_by_registering_or_forgetting_which_addresses_have_accounts() {
    let (service, office) = with_mail().await;
    confirmed(&service, &office, "anna@example.com").await;
    for (path, taken, free) in [
        (
            "/auth/register",
            registration("anna@example.com"),
            registration("boris@example.com"),
        ),
        (
            "/auth/password/forgot",
            json!({ "email": "anna@example.com" }),
            json!({ "email": "nobody@example.com" }),
        ),
        (
            "/auth/verify-email/resend",
            json!({ "email": "anna@example.com" }),
            json!({ "email": "nobody@example.com" }),
        ),
    ] {
        let (taken, free) = (
            service.client.post(path, &taken).await,
            service.client.post(path, &free).await,
        );
        assert_eq!(
            (taken.status, free.status),
            (http::StatusCode::ACCEPTED, http::StatusCode::ACCEPTED)
        );
        assert_eq!(anonymous_body(&taken), anonymous_body(&free));
    }
    // The owner is told; the password is as it was.
    let letters = office.letters_to("anna@example.com", 3).await;
    assert!(letters[1].text.contains("уже есть"), "{}", letters[1].text);
    assert!(
        !office
            .letters()
            .iter()
            .any(|letter| letter.to == "nobody@example.com")
    );
    service.login("anna@example.com", PASSWORD).await;
}

#[tokio::test]
async fn a_forgotten_password_is_reset_once_and_everybody_is_logged_out() {
    let (service, office) = with_mail().await;
    confirmed(&service, &office, "anna@example.com").await;
    let before = service.login("anna@example.com", PASSWORD).await;
    service
        .client
        .post("/auth/password/forgot", &json!({ "email": "Anna@example.com" }))
        .await;
    let token = office.letters_to("anna@example.com", 2).await.remove(1).token();
    let reset = async |password: &str| {
        let body = json!({ "token": token, "password": password });
        service.client.post("/auth/password/reset", &body).await
    };
    reset("short")
        .await
        .assert_problem(422, "request.validation_failed");
    assert_eq!(reset(NEW_PASSWORD).await.status, 204);
    reset(NEW_PASSWORD).await.assert_problem(400, "auth.link_invalid");
    before
        .client
        .get("/users/me")
        .await
        .assert_problem(401, "auth.session_revoked");
    assert_eq!(service.try_login("anna@example.com", PASSWORD).await.status, 401);
    service.login("anna@example.com", NEW_PASSWORD).await;
    let notice = office.letters_to("anna@example.com", 3).await.remove(2);
    assert!(notice.text.contains("изменён"), "{}", notice.text);

    service
        .client
        .post("/auth/password/forgot", &json!({ "email": "anna@example.com" }))
        .await;
    let late = office.letters_to("anna@example.com", 4).await.remove(3).token();
    service.clock.advance(chrono::Duration::minutes(31));
    let body = json!({ "token": late, "password": NEW_PASSWORD });
    let answer = service.client.post("/auth/password/reset", &body).await;
    answer.assert_problem(400, "auth.link_invalid");
}

#[tokio::test]
async fn a_mail_server_that_is_down_delays_letters_and_loses_none() {
    let (service, office) = with_mail().await;
    office.refuse(Some("451 not now"));
    let answer = service
        .client
        .post("/auth/register", &registration("anna@example.com"))
        .await;
    assert_eq!(answer.status, 202);
    eventually("an attempt", async || office.refused() == 1).await;
    office.refuse(None);
    eventually("the attempt is noted", async || {
        service.count("identity.mails where attempts = 1").await == 1
    })
    .await;
    service.clock.advance(chrono::Duration::seconds(31));
    office.letters_to("anna@example.com", 1).await;
    office.refuse(Some("550 no such mailbox"));
    service
        .client
        .post("/auth/register", &registration("none@example.com"))
        .await;
    eventually("it is given up", async || {
        service.count("identity.mails where outcome = 'failed'").await == 1
    })
    .await;
}

#[tokio::test]
async fn strangers_cannot_flood_a_mailbox() {
    let (service, office) = with_mail().await;
    let body = json!({ "email": ADMIN_EMAIL });
    for _ in 0..7 {
        assert_eq!(
            service.client.post("/auth/password/forgot", &body).await.status,
            202
        );
    }
    office.letters_to(ADMIN_EMAIL, 5).await;
    for n in 0..15 {
        let body = json!({ "email": format!("n{n}@example.com") });
        service.client.post("/auth/password/forgot", &body).await;
    }
    let answer = service.client.post("/auth/password/forgot", &body).await;
    answer.assert_problem(429, "auth.too_many_mails");
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it() {
    let service = service().await;
    service.register("anna@example.com").await;
    let (anna, other) = (
        service.login("anna@example.com", PASSWORD).await,
        service.login("anna@example.com", PASSWORD).await,
    );
    let change = async |current: &str, new: &str| {
        let body = json!({ "current_password": current, "new_password": new });
        anna.client.post("/users/me/password", &body).await
    };
    change("wrong", NEW_PASSWORD)
        .await
        .assert_problem(403, "auth.current_password_wrong");
    let refused = change(PASSWORD, "short").await;
    refused.assert_problem(422, "request.validation_failed");
    assert_eq!(change(PASSWORD, NEW_PASSWORD).await.status, 204);
    assert_eq!(anna.client.get("/users/me").await.status, 200);
    other
        .client
        .get("/users/me")
        .await
        .assert_problem(401, "auth.session_revoked");
    service.login("anna@example.com", NEW_PASSWORD).await;
    let body = json!({ "email": "anna@example.com" });
    let forgot = service.client.post("/auth/password/forgot", &body).await;
    forgot.assert_problem(503, "auth.mail_not_configured");
}

#[tokio::test]
async fn a_new_address_counts_once_a_letter_has_reached_it() {
    let (service, office) = with_mail().await;
    confirmed(&service, &office, "anna@example.com").await;
    let anna = service.login("anna@example.com", PASSWORD).await;
    let body = json!({ "email": "anna@new.example" });
    assert_eq!(anna.client.post("/users/me/email", &body).await.status, 202);
    let token = office.letters_to("anna@new.example", 1).await.remove(0).token();
    office.letters_to("anna@example.com", 2).await;
    service.login("anna@example.com", PASSWORD).await;
    let body = json!({ "token": token });
    let user: Value = service.client.post("/auth/verify-email", &body).await.json();
    assert_eq!(user["user"]["email"], "anna@new.example");
    office.letters_to("anna@example.com", 3).await;
    service.login("anna@new.example", PASSWORD).await;
    assert_eq!(service.try_login("anna@example.com", PASSWORD).await.status, 401);
    service.clock.advance(chrono::Duration::minutes(11));
    let body = json!({ "email": "other@new.example" });
    let stale = anna.client.post("/users/me/email", &body).await;
    stale.assert_problem(401, "auth.step_up_required");
}

#[tokio::test]
async fn a_shut_account_opens_nothing_until_it_is_opened_again() {
    let service = service().await;
    let id = service.register("anna@example.com").await;
    let anna = service.login("anna@example.com", PASSWORD).await;
    let admin = service.admin().await;
    let shut = admin
        .client
        .post(&format!("/users/{id}/deactivate"), &json!({}))
        .await;
    assert_eq!(shut.json::<Value>()["state"], "disabled");
    anna.client
        .get("/users/me")
        .await
        .assert_problem(401, "auth.session_revoked");
    service
        .refresh(&anna.refresh_token)
        .await
        .assert_problem(401, "auth.refresh_invalid");
    let refused = service.try_login("anna@example.com", PASSWORD).await;
    let wrong = service.try_login("nobody@example.com", PASSWORD).await;
    assert_eq!(anonymous_body(&refused), anonymous_body(&wrong));
    let listed: Value = admin.client.get("/users?state=disabled").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let opened = admin
        .client
        .post(&format!("/users/{id}/reactivate"), &json!({}))
        .await;
    assert_eq!(opened.status, 200);
    service.login("anna@example.com", PASSWORD).await;

    let myself = format!("/users/{}/deactivate", admin.id);
    let last = admin.client.post(&myself, &json!({})).await;
    last.assert_problem(409, "users.last_administrator");
}

#[tokio::test]
async fn of_a_deleted_account_nothing_personal_stays() {
    let service = service().await;
    let id = service.register("anna@example.com").await;
    let anna = service.login("anna@example.com", PASSWORD).await;
    let admin = service.admin().await;
    let path = format!("/users/{id}");
    assert_eq!(admin.client.delete(&path).await.status, 204);
    anna.client
        .get("/users/me")
        .await
        .assert_problem(401, "auth.session_revoked");
    admin
        .client
        .get(&path)
        .await
        .assert_problem(404, "request.not_found");
    admin
        .client
        .delete(&path)
        .await
        .assert_problem(404, "request.not_found");
    let row: String = sqlx::query_scalar("select u::text from identity.users u where id = $1")
        .bind(id)
        .fetch_one(&service.db)
        .await
        .unwrap();
    assert!(
        !row.contains("anna") && !row.contains("Анна") && !row.contains("argon2"),
        "{row}"
    );
    service.events(Stream::Audit, "users.deleted", 1).await;
    service.register("anna@example.com").await;
}

#[tokio::test]
async fn profiles_are_changed_by_their_owner_and_by_administrators() {
    let service = service().await;
    let id = service.register("anna@example.com").await;
    let other = service.register("boris@example.com").await;
    let anna = service.login("anna@example.com", PASSWORD).await;
    let path = format!("/users/{id}");
    let body = json!({ "name": "Анна Иванова", "locale": "en" });
    let user: Value = anna.client.patch(&path, &body).await.json();
    assert_eq!(
        (user["name"].as_str(), user["locale"].as_str()),
        (Some("Анна Иванова"), Some("en"))
    );
    let stranger = anna.client.patch(&format!("/users/{other}"), &body).await;
    stranger.assert_problem(404, "request.not_found");
    for body in [
        json!({ "locale": "de" }),
        json!({}),
        json!({ "role": "admin" }),
        json!({ "must_change_password": false, "state": "active" }),
    ] {
        let answer = anna.client.patch(&path, &body).await;
        answer.assert_problem(422, "request.validation_failed");
    }
    let own = anna
        .client
        .patch(&path, &json!({ "must_change_password": true }))
        .await;
    own.assert_problem(403, "auth.permission_denied");
    let admin = service.admin().await;
    let must = admin
        .client
        .patch(&path, &json!({ "must_change_password": true }))
        .await;
    assert_eq!(must.status, 200, "{}", must.text());
    let anna = service.login("anna@example.com", PASSWORD).await;
    let token = service.other_service().verify(&anna.access_token).await.unwrap();
    assert!(
        !token.may(common::auth::Permission::Chat),
        "nothing but a new password"
    );
    let body = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    assert_eq!(anna.client.post("/users/me/password", &body).await.status, 204);
    let refreshed = service.session(&service.refresh(&anna.refresh_token).await);
    let token = service
        .other_service()
        .verify(&refreshed.access_token)
        .await
        .unwrap();
    assert!(token.may(common::auth::Permission::Chat));
}

#[tokio::test]
async fn an_invite_makes_one_account_with_its_role() {
    let (service, office) = with_mail().await;
    let admin = service.admin().await;
    let body = json!({ "email": "anna@example.com", "role": "accountant", "companies": ["*"] });
    let invite = admin.client.post("/invites", &body).await;
    assert_eq!(invite.status, 201, "{}", invite.text());
    assert!(invite.json::<Value>().get("token").is_none());
    let token = office.letters_to("anna@example.com", 1).await.remove(0).token();
    let accept = json!({ "token": token, "name": "Анна", "password": PASSWORD });
    let user: Value = service.client.post("/auth/invites/accept", &accept).await.json();
    assert_eq!(user["user"]["role"], "accountant");
    assert_eq!(user["user"]["email_verified"], true);
    let again = service.client.post("/auth/invites/accept", &accept).await;
    again.assert_problem(400, "auth.link_invalid");
    let anna = service.login("anna@example.com", PASSWORD).await;
    let denied = anna.client.post("/invites", &body).await;
    denied.assert_problem(403, "auth.permission_denied");
    let taken = admin.client.post("/invites", &body).await;
    taken.assert_problem(409, "users.email_taken");
    let wrong = json!({ "email": "x", "role": "king", "companies": ["acme"] });
    let wrong = admin.client.post("/invites", &wrong).await;
    let wrong = wrong.assert_problem(422, "request.validation_failed");
    assert_eq!(wrong["errors"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn an_invite_can_be_taken_back_and_is_handed_over_where_there_is_no_mail() {
    let service = service().await;
    let admin = service.admin().await;
    let body = json!({ "email": "anna@example.com", "role": "user", "companies": [] });
    let invite: Value = admin.client.post("/invites", &body).await.json();
    let listed: Value = admin.client.get("/invites").await.json();
    assert_eq!(listed["items"][0]["id"], invite["id"]);
    assert!(listed["items"][0].get("token").is_none());
    let path = format!("/invites/{}", invite["id"].as_str().unwrap());
    assert_eq!(admin.client.delete(&path).await.status, 204);
    admin
        .client
        .delete(&path)
        .await
        .assert_problem(404, "request.not_found");
    let accept = json!({ "token": invite["token"], "name": "Анна", "password": PASSWORD });
    let answer = service.client.post("/auth/invites/accept", &accept).await;
    answer.assert_problem(400, "auth.link_invalid");
}

#[tokio::test]
async fn accounts_of_another_system_log_in_with_their_old_passwords() {
    let service = service().await;
    let admin = service.admin().await;
    let person = |email: &str, hash: &str| json!({ "email": email, "name": "Анна", "role": "user", "companies": [], "password_hash": hash, "email_verified": true });
    let bcrypt = "$2b$04$abcdefghijklmnopqrstuuM3Q7zqm9FwHBToMlMEzGwiZiCtFOqfq";
    let django = "pbkdf2_sha256$1000$saltsaltsalt$jjlF6yjJMTMiPalmPn+TX2WkVXrDHrJ9zVCNAQE6wxY=";
    let body = json!({ "users": [person("anna@example.com", bcrypt), person("b@example.com", django)] });
    let done: Value = admin.client.post("/users/import", &body).await.json();
    assert_eq!(done, json!({ "created": 2, "skipped": [] }));
    for email in ["anna@example.com", "b@example.com"] {
        assert_eq!(service.try_login(email, PASSWORD).await.status, 401);
        service.login(email, "gentle otters sing").await;
    }
    let ours = service
        .count("identity.users where password_hash like '$argon2id$%'")
        .await;
    assert_eq!(ours, 3, "each is hashed anew at its first login");
    service.login("anna@example.com", "gentle otters sing").await;
    let done: Value = admin.client.post("/users/import", &body).await.json();
    assert_eq!(done["created"], 0);
    let wrong = json!({ "users": [person("c@example.com", "md5"), person("d", bcrypt)] });
    let wrong = admin.client.post("/users/import", &wrong).await;
    let wrong = wrong.assert_problem(422, "request.validation_failed");
    assert_eq!(wrong["errors"][0]["pointer"], "/users/0/password_hash");
    assert_eq!(wrong["errors"][1]["pointer"], "/users/1/email");
}

#[tokio::test]
async fn the_first_administrator_can_be_made_by_a_secret() {
    let secret = "a secret for the first start";
    let service = with(Options {
        settings: &[
            ("ADMIN_EMAIL", ""),
            ("ADMIN_PASSWORD", ""),
            ("SETUP_TOKEN", secret),
        ],
        ..Options::default()
    })
    .await;
    let setup = async |token: &str| {
        let body = json!({ "token": token, "email": ADMIN_EMAIL, "password": PASSWORD, "name": "Анна" });
        service.client.post("/auth/setup", &body).await
    };
    setup("another").await.assert_problem(400, "auth.link_invalid");
    let made = setup(secret).await;
    assert_eq!(made.status, 201, "{}", made.text());
    setup(secret).await.assert_problem(400, "auth.link_invalid");
    let admin = service.login(ADMIN_EMAIL, PASSWORD).await;
    assert_eq!(admin.client.get("/users").await.status, 200);
}

#[tokio::test]
async fn without_the_database_all_of_it_says_so() {
    let (service, _office) = with_mail().await;
    let admin = service.admin().await;
    service.postgres.cut();
    let id = admin.id;
    let token = json!({ "token": "x", "password": PASSWORD, "name": "Анна", "email": "a@example.com" });
    for (path, body) in [
        ("/auth/register", registration("anna@example.com")),
        ("/auth/verify-email", token.clone()),
        ("/auth/verify-email/resend", token.clone()),
        ("/auth/password/forgot", token.clone()),
        ("/auth/password/reset", token.clone()),
        ("/auth/invites/accept", token.clone()),
        ("/auth/setup", token.clone()),
        (
            "/users/me/password",
            json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD }),
        ),
        ("/users/me/email", token),
        (&format!("/users/{id}/deactivate"), json!({})),
        (&format!("/users/{id}/reactivate"), json!({})),
        ("/users/import", json!({ "users": [] })),
        (
            "/invites",
            json!({ "email": "a@example.com", "role": "user", "companies": [] }),
        ),
    ] {
        let answer = admin.client.post(path, &body).await;
        answer.assert_problem(503, "dependency.unavailable");
    }
}
