//! What happens when several things happen at once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::Duration;
use common::clock::Clock;
use common::config::Auth;
use common::testing::{self, Client, TestServer};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use user_management::{DEFINITION, start};

use crate::harness::{
    ADMIN_EMAIL, ADMIN_PASSWORD, Options, PASSWORD, Service, config, context, eventually, service, with,
};
use crate::post_office::PostOffice;

/// How many requests wait for a row.
async fn waiting(service: &Service) -> i64 {
    service
        .count("pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")
        .await
}

#[tokio::test]
async fn replicas_that_refresh_one_token_at_once_give_one_successor() {
    let one = service().await;
    let two = with(Options {
        database_url: Some(one.database_url.clone()),
        ..Options::default()
    })
    .await;
    let mut session = one.admin().await;
    let generation = async || -> i32 {
        sqlx::query_scalar("select generation from identity.sessions where ended_at is null")
            .fetch_one(&one.db)
            .await
            .unwrap()
    };
    let before = generation().await;
    for _ in 0..10 {
        let at = |n: usize| if n.is_multiple_of(2) { &one } else { &two };
        let token = &session.refresh_token;
        let answers = futures_util::future::join_all((0..6).map(|n| at(n).refresh(token))).await;
        let successors: BTreeSet<String> = answers
            .iter()
            .map(|answer| one.session(answer).refresh_token)
            .collect();
        assert_eq!(successors.len(), 1);
        session = one.session(&answers[5]);
        assert_eq!(session.client.get("/users/me").await.status, 200);
    }
    assert_eq!(
        generation().await - before,
        10,
        "sixty requests were ten rotations"
    );
}

#[tokio::test]
async fn a_refresh_beside_a_logout_leaves_nothing_that_works() {
    let service = service().await;
    for _ in 0..8 {
        let session = service.admin().await;
        let empty = json!({});
        let (logout, refreshed) = tokio::join!(
            session.client.post("/auth/logout", &empty),
            service.refresh(&session.refresh_token)
        );
        assert_eq!(logout.status, 204);
        if refreshed.status == 200 {
            let late = service.session(&refreshed);
            let me = late.client.get("/users/me").await;
            me.assert_problem(401, "auth.session_revoked");
            let again = service.refresh(&late.refresh_token).await;
            again.assert_problem(401, "auth.refresh_invalid");
        } else {
            refreshed.assert_problem(401, "auth.refresh_invalid");
        }
    }
}

#[tokio::test]
async fn a_refresh_beside_a_change_of_role_never_keeps_the_former_rights() {
    let service = service().await;
    let id = service.register("anna@example.com").await;
    let admin = service.admin().await;
    let other = service.other_service();
    for role in ["manager", "accountant", "director", "user", "security"] {
        let session = service.login("anna@example.com", PASSWORD).await;
        let (path, body) = (format!("/users/{id}/role"), json!({ "role": role }));
        let (change, refreshed) = tokio::join!(
            admin.client.put(&path, &body),
            service.refresh(&session.refresh_token)
        );
        assert_eq!(change.status, 200);
        if refreshed.status != 200 {
            refreshed.assert_problem(401, "auth.refresh_invalid");
            continue;
        }
        // Either it came first and has ended with the others, or it came later and has the new role.
        let late = service.session(&refreshed);
        eventually("nobody accepts the former role", async || {
            other
                .verify(&late.access_token)
                .await
                .map_or(true, |identity| identity.role == role)
        })
        .await;
    }
}

#[tokio::test]
async fn of_changes_of_one_role_made_at_once_one_that_was_seen_wins() {
    let service = service().await;
    let id = service.register("anna@example.com").await;
    let admin = service.admin().await;
    let path = format!("/users/{id}");
    let seen = admin.client.get(&path).await;
    let tag = seen.headers["etag"].to_str().unwrap().to_owned();
    let changes = ["manager", "accountant", "director", "security"].map(|role| {
        let request = admin.client.request(http::Method::PUT, &format!("{path}/role"));
        let request = request.header("if-match", &tag).json(&json!({ "role": role }));
        admin.client.send(request)
    });
    let answers = futures_util::future::join_all(changes).await;
    let won: Vec<&testing::Response> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(won.len(), 1);
    assert!(
        answers
            .iter()
            .all(|answer| [200, 412].contains(&answer.status.as_u16()))
    );
    let now: Value = admin.client.get(&path).await.json();
    assert_eq!(now["role"], won[0].json::<Value>()["role"]);
}

#[tokio::test]
async fn a_login_beside_a_reset_of_the_password_waits_and_does_not_lock_up() {
    let office = PostOffice::open().await;
    let url = office.url();
    let settings = [("SMTP_URL", url.as_str()), ("SMTP_FROM", "robot@example.org")];
    let service = with(Options {
        settings: &settings,
        ..Options::default()
    })
    .await;
    let forgot = json!({ "email": ADMIN_EMAIL });
    assert_eq!(
        service.client.post("/auth/password/forgot", &forgot).await.status,
        202
    );
    let token = office.letters_to(ADMIN_EMAIL, 1).await.remove(0).token();
    // A failure makes the row that both want; it is held until both are on their way.
    service.try_login(ADMIN_EMAIL, "a wrong guess").await;
    let mut holding = service.db.begin().await.unwrap();
    sqlx::query("select 1 from identity.login_failures for update")
        .execute(&mut *holding)
        .await
        .unwrap();
    let (mut one, mut two) = (None, None);
    let reset = json!({ "token": token, "password": "seven geese cross the yard" });
    tokio::join!(
        async { one = Some(service.try_login(ADMIN_EMAIL, ADMIN_PASSWORD).await) },
        async {
            eventually("the login waits", async || waiting(&service).await == 1).await;
            two = Some(service.client.post("/auth/password/reset", &reset).await);
        },
        async {
            eventually("both wait", async || waiting(&service).await == 2).await;
            holding.rollback().await.unwrap();
        }
    );
    assert_eq!(two.unwrap().status, 204);
    // The password that was right when it was compared opened a session that the reset has ended, or none.
    let login = one.unwrap();
    if login.status == 200 {
        let early = service.session(&login);
        let me = early.client.get("/users/me").await;
        me.assert_problem(401, "auth.session_revoked");
    } else {
        login.assert_problem(401, "auth.invalid_credentials");
    }
    service
        .try_login(ADMIN_EMAIL, ADMIN_PASSWORD)
        .await
        .assert_problem(401, "auth.invalid_credentials");
    service.login(ADMIN_EMAIL, "seven geese cross the yard").await;
}

#[tokio::test]
async fn a_second_factor_does_not_save_a_password_that_was_replaced_meanwhile() {
    let service = service().await;
    let session = service.admin().await;
    let codes = crate::relying_party::second_factor_of(&service, &session).await;
    let begun = service.try_login(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    let problem = begun.assert_problem(401, "auth.second_factor_required");
    let finish = async |code: &str| {
        let body = json!({ "challenge": problem["challenge"], "recovery_code": code });
        service.client.post("/auth/login/second-factor", &body).await
    };
    let change = json!({ "current_password": ADMIN_PASSWORD, "new_password": "seven geese cross the yard" });
    let changed = session.client.post("/users/me/password", &change).await;
    assert_eq!(changed.status, 204, "{}", changed.text());
    finish(&codes[0])
        .await
        .assert_problem(401, "auth.invalid_credentials");
}

/// A replica whose clock is some days ahead, and what ends it.
async fn replica(service: &Service, days: i64) -> (TestServer, CancellationToken, testing::TestRedis) {
    let redis = testing::redis().await;
    let clock = Clock::fixed(service.clock.now() + Duration::days(days));
    let context = context(&clock);
    let app = start(config(&service.database_url, redis.url(), &[]), context.clone())
        .await
        .unwrap();
    (TestServer::start(DEFINITION, app).await, context.shutdown, redis)
}

#[tokio::test]
async fn keys_rotate_under_load_and_no_token_fails_to_verify() {
    let first = service().await;
    let (announcing, announcing_ends, _redis) = replica(&first, 29).await;
    // Another service that asked for the keys before one of them signed, and one that asks again when
    // it meets an id that it does not know.
    let verifier = |server: &str| {
        let auth = Auth {
            jwks_url: format!("{server}/.well-known/jwks.json").parse().unwrap(),
            issuer: Auth::ISSUER.to_owned(),
            audience: Auth::AUDIENCE.to_owned(),
        };
        let keys = common::auth::Keys::remote(auth.jwks_url.clone()).unwrap();
        let revocations = common::auth::Revocations::new();
        common::auth::Authenticator::new(&auth, keys, revocations, first.clock.clone())
    };
    let verifiers = [verifier(&announcing.url()), verifier(&announcing.url())];
    let warm = first.admin().await.access_token;
    verifiers[0].verify(&warm).await.unwrap();

    let stop = CancellationToken::new();
    let (verified, kids) = (AtomicUsize::new(0), std::sync::Mutex::new(BTreeSet::new()));
    let load = async |server: String| {
        let client = Client::anonymous(server);
        let body = json!({ "email": ADMIN_EMAIL, "password": ADMIN_PASSWORD });
        let session: Value = client.post("/auth/login", &body).await.json();
        let mut refresh = session["refresh_token"].clone();
        while !stop.is_cancelled() {
            let body = json!({ "refresh_token": refresh });
            let session: Value = client.post("/auth/refresh", &body).await.json();
            refresh = session["refresh_token"].clone();
            let token = session["access_token"].as_str().unwrap();
            kids.lock()
                .unwrap()
                .insert(jsonwebtoken::decode_header(token).unwrap().kid);
            for verifier in &verifiers {
                let identity = verifier.verify(token).await.unwrap();
                assert_eq!(identity.role, "admin");
                verified.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    let rotate = async {
        eventually("there is load", async || verified.load(Ordering::Relaxed) > 100).await;
        let (rotated, ends, redis) = replica(&first, 30).await;
        let so_far = verified.load(Ordering::Relaxed);
        tokio::join!(load(rotated.url()), load(rotated.url()), async {
            eventually("there is load with both keys", async || {
                verified.load(Ordering::Relaxed) > so_far + 200
            })
            .await;
            stop.cancel();
        });
        ends.cancel();
        drop(redis);
    };
    tokio::join!(
        load(first.url.clone()),
        load(announcing.url()),
        load(first.url.clone()),
        rotate
    );
    assert_eq!(kids.into_inner().unwrap().len(), 2, "both keys have signed");
    // What the retired key signed is good for as long as it was going to be.
    verifiers[1].verify(&warm).await.unwrap();
    let states: Vec<String> =
        sqlx::query_scalar("select state from identity.signing_keys order by created_at")
            .fetch_all(&first.db)
            .await
            .unwrap();
    assert_eq!(states, ["retired", "active"]);
    announcing_ends.cancel();
}
