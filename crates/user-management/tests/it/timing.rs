//! That the time of an answer tells nothing of an account.
//!
//! Times of a busy machine cannot be compared by their means. All kinds are tried in each round, one
//! right after another, and compared in pairs: a kind differs when it is on the same side of the other
//! in nearly all rounds *and* by a good part of what a hash takes. Noise does neither; a hash that is
//! left out does both, which is tried as well.

use std::time::{Duration, Instant};

use common::testing::Response;
use serde_json::{Value, json};

use crate::harness::{ADMIN_EMAIL, Options, PASSWORD, Service, anonymous_body, with, with_settings};
use crate::post_office::PostOffice;

const ROUNDS: usize = 200;
/// A hash takes milliseconds with these, so that one too many or too few stands out.
const COST: [(&str, &str); 2] = [
    ("PASSWORD_HASH_MEMORY_KIB", "8192"),
    ("PASSWORD_HASH_ITERATIONS", "1"),
];

/// How one kind of request compares with another.
#[derive(Debug)]
struct Comparison {
    /// Part of the rounds in which it took longer.
    slower: f64,
    /// Median of the differences, in seconds.
    difference: f64,
}

impl Comparison {
    fn new(times: &[Duration], others: &[Duration]) -> Self {
        let mut differences: Vec<f64> = times
            .iter()
            .zip(others)
            .map(|(one, other)| one.as_secs_f64() - other.as_secs_f64())
            .collect();
        let slower = differences.iter().filter(|difference| **difference > 0.0).count();
        differences.sort_by(f64::total_cmp);
        Self {
            slower: f64::from(u32::try_from(slower).unwrap())
                / f64::from(u32::try_from(times.len()).unwrap()),
            difference: differences[differences.len() / 2],
        }
    }

    /// True when somebody who measures learns something.
    fn tells(&self, noticeable: f64) -> bool {
        !(0.15..=0.85).contains(&self.slower) && self.difference.abs() > noticeable
    }
}

/// Times of each kind, in turns that begin with another one each round.
async fn measure<const N: usize>(
    mut forget: impl AsyncFnMut(),
    mut ask: impl AsyncFnMut(usize, usize) -> Response,
    mut check: impl FnMut(usize, &Response),
) -> [Vec<Duration>; N] {
    let mut times = std::array::from_fn(|_| Vec::with_capacity(ROUNDS));
    for round in 0..ROUNDS {
        forget().await;
        for turn in 0..N {
            let kind = (round + turn) % N;
            let started = Instant::now();
            let answer = ask(round, kind).await;
            times[kind].push(started.elapsed());
            check(kind, &answer);
        }
    }
    times
}

/// Accounts of every condition.
async fn inhabited() -> Service {
    let service = with_settings(&COST).await;
    for name in ["known", "locked", "disabled", "unverified", "federated"] {
        service.register(&format!("{name}@example.com")).await;
    }
    for statement in [
        "update identity.users set state = 'disabled' where email = 'disabled@example.com'",
        "update identity.users set state = 'unverified' where email = 'unverified@example.com'",
        "update identity.users set password_hash = null where email = 'federated@example.com'",
    ] {
        sqlx::query(statement).execute(&service.db).await.unwrap();
    }
    for _ in 0..5 {
        service.try_login("locked@example.com", "a wrong guess").await;
    }
    service
}

#[tokio::test]
async fn logins_that_fail_take_the_same_time_whatever_the_reason() {
    let service = inhabited().await;
    let attempts = [
        ("known@example.com", "a wrong guess"),
        ("nobody@example.com", PASSWORD),
        ("known@example.com", ""),
        ("locked@example.com", PASSWORD),
        ("disabled@example.com", PASSWORD),
        ("unverified@example.com", PASSWORD),
        ("federated@example.com", PASSWORD),
        // Refused without a hash: what a leak looks like.
        ("control", ""),
    ];
    let incomplete = json!({ "email": ADMIN_EMAIL });
    let mut bodies: Vec<Value> = Vec::new();
    let times: [Vec<Duration>; 8] = measure(
        // Of a round's guesses none locks what another tries.
        async || {
            sqlx::query("delete from identity.login_failures where locked_until is null")
                .execute(&service.db)
                .await
                .unwrap();
        },
        async |_, kind| match attempts[kind] {
            ("control", _) => service.client.post("/auth/login", &incomplete).await,
            (email, password) => service.try_login(email, password).await,
        },
        |kind, answer| {
            if attempts[kind].0 != "control" {
                assert_eq!(answer.status, 401, "{:?}", attempts[kind]);
                bodies.push(anonymous_body(answer));
            }
        },
    )
    .await;
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "one answer to all");
    let (known, control) = (&times[0], &times[7]);
    let hash = Comparison::new(known, control);
    assert!(hash.tells(0.0005), "a hash that is left out is noticed: {hash:?}");
    for (attempt, times) in attempts.iter().zip(&times).take(7) {
        let comparison = Comparison::new(times, known);
        assert!(
            !comparison.tells(hash.difference / 4.0),
            "{attempt:?} can be told from a wrong password: {comparison:?}, a hash is {hash:?}"
        );
    }
}

#[tokio::test]
async fn forgetting_and_registering_take_the_same_time_for_everybody() {
    let office = PostOffice::open().await;
    let url = office.url();
    let mut settings = vec![("SMTP_URL", url.as_str()), ("SMTP_FROM", "robot@example.org")];
    settings.extend(COST);
    let service = with(Options {
        settings: &settings,
        ..Options::default()
    })
    .await;
    // Somebody else in each round: letters to one address are limited.
    sqlx::query(
        "insert into identity.users (id, email, name, search, role, all_companies, companies, state, created_at, updated_at)
         select gen_random_uuid(), 'known' || n || '@example.com', 'Анна', '', 'user', false, '{}', 'active', now(), now()
         from generate_series(0, 199) n",
    )
    .execute(&service.db)
    .await
    .unwrap();
    let times: [Vec<Duration>; 4] = measure(
        // Letters of one client are limited, too.
        async || {
            sqlx::query("delete from identity.mails")
                .execute(&service.db)
                .await
                .unwrap();
        },
        async |round, kind| {
            let name = if kind.is_multiple_of(2) { "known" } else { "nobody" };
            // Whoever has registered is known to the next request.
            let suffix = if kind == 1 { "x" } else { "" };
            let email = format!("{name}{round}{suffix}@example.com");
            if kind < 2 {
                let body = json!({ "email": email });
                service.client.post("/auth/password/forgot", &body).await
            } else {
                let body = json!({ "email": email, "password": PASSWORD, "name": "Анна" });
                service.client.post("/auth/register", &body).await
            }
        },
        |kind, answer| assert_eq!(answer.status, 202, "{kind}: {}", answer.text()),
    )
    .await;
    let hash = Comparison::new(&times[2], &times[0]);
    assert!(
        hash.tells(0.0005),
        "registering hashes and forgetting does not: {hash:?}"
    );
    for (what, one, other) in [("forgetting", 0, 1), ("registering", 2, 3)] {
        let comparison = Comparison::new(&times[one], &times[other]);
        assert!(
            !comparison.tells(hash.difference / 4.0),
            "{what} tells who has an account: {comparison:?}, a hash is {hash:?}"
        );
    }
}
