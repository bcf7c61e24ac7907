//! Many requests at once, on a real database.

use common::testing;
use futures_util::future::join_all;
use sqlx::postgres::PgPoolOptions;

use super::*;
use crate::budget::{EACH, Limit, Period, Scope};
use crate::store::SCHEMA;

const ROLE: &str = "accountant";

struct Bench {
    replicas: Vec<PgPool>,
    clock: Clock,
    user: Uuid,
}

impl Bench {
    async fn new() -> Self {
        let url = testing::database_url(&SCHEMA).await;
        let mut replicas = Vec::new();
        for _ in 0..2 {
            let pool = PgPoolOptions::new().max_connections(5).connect(&url);
            replicas.push(pool.await.unwrap());
        }
        Self {
            replicas,
            clock: Clock::fixed("2026-11-24T10:00:00Z".parse().unwrap()),
            user: ids::new_id(),
        }
    }

    async fn limit(&self, scope: Scope, subject: &str, hard_tokens: Option<u64>, hard_usd: Option<&str>) {
        let limit = Limit {
            id: ids::new_id(),
            scope,
            subject: subject.to_owned(),
            period: Period::Day,
            time_zone: None,
            soft_tokens: None,
            hard_tokens,
            soft_usd: None,
            hard_usd: hard_usd.map(|usd| usd.parse().unwrap()),
            updated_at: self.clock.now(),
        };
        let mut db = self.replicas[0].acquire().await.unwrap();
        budgets::limit_put(&mut db, &limit, self.user).await.unwrap();
    }

    fn reservation(&self, replica: usize) -> Reservation {
        Reservation {
            db: self.replicas[replica].clone(),
            clock: self.clock.clone(),
            zone: chrono_tz::Europe::Moscow,
            refuse_unpriced: true,
            patience: GRACE,
            payer: Payer {
                user: self.user,
                role: ROLE.to_owned(),
                company: None,
                companies: Some(Vec::new()),
            },
            held: Mutex::default(),
        }
    }

    /// Spent and held tokens of each counter.
    async fn counters(&self) -> Vec<(String, i64, i64)> {
        sqlx::query_as("select scope, tokens, held_tokens from assistant.budget_counters order by scope")
            .fetch_all(&self.replicas[0])
            .await
            .unwrap()
    }
}

fn wanted(tokens: u64, usd: Option<&str>) -> Wanted {
    Wanted {
        tokens,
        usd: usd.map(|usd| usd.parse().unwrap()),
        paid: true,
    }
}

impl Reservation {
    fn used_up(&self, tokens: u64) {
        let mut held = self.lock();
        if let Some(id) = held.open.take() {
            held.done.push((id, tokens, Some(Decimal::ZERO)));
        }
    }

    async fn settled(&self) {
        let mut db = self.db.acquire().await.unwrap();
        self.settle(&mut db).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_requests_through_two_replicas_never_pass_the_cap() {
    let bench = Bench::new().await;
    bench.limit(Scope::User, EACH, Some(5000), None).await;
    bench.limit(Scope::Role, ROLE, Some(4000), None).await;
    bench.limit(Scope::All, EACH, Some(100_000), None).await;
    let attempts: Vec<Reservation> = (0..200).map(|number| bench.reservation(number % 2)).collect();
    let outcomes = join_all(attempts.iter().map(|one| one.hold(wanted(100, Some("0.1"))))).await;
    let held = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(held, 40, "the role's limit is the narrowest");
    for outcome in outcomes {
        if let Err(refusal) = outcome {
            let Refusal::Exhausted { standing, .. } = &refusal else {
                panic!("{refusal}");
            };
            assert_eq!(standing.scope, Scope::Role);
            // The next midnight in Moscow.
            assert_eq!(standing.renews, Some("2026-11-24T21:00:00Z".parse().unwrap()));
        }
    }
    let all = |tokens, held| ["all", "role", "user"].map(|scope| (scope.to_owned(), tokens, held));
    assert_eq!(bench.counters().await, all(0, 4000));
    // They use less than they held; what is left is for others.
    for one in &attempts {
        one.used_up(60);
    }
    join_all(attempts.iter().map(Reservation::settled)).await;
    assert_eq!(bench.counters().await, all(2400, 0));
    let others: Vec<Reservation> = (0..200).map(|number| bench.reservation(number % 2)).collect();
    let outcomes = join_all(others.iter().map(|one| one.hold(wanted(100, Some("0.1"))))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 16);
    assert_eq!(bench.counters().await, all(2400, 1600));
}

#[tokio::test]
async fn what_a_dead_replica_held_is_given_back_when_it_is_needed() {
    let bench = Bench::new().await;
    bench.limit(Scope::User, EACH, Some(100), None).await;
    let dead = bench.reservation(0);
    dead.hold(wanted(100, Some("0"))).await.unwrap();
    let other = bench.reservation(1);
    assert!(other.hold(wanted(100, Some("0"))).await.is_err());
    bench.clock.advance(GRACE + TimeDelta::seconds(1));
    other.hold(wanted(100, Some("0"))).await.unwrap();
    // It was not dead: what it used counts all the same.
    dead.used_up(30);
    dead.settled().await;
    assert_eq!(bench.counters().await, [("user".to_owned(), 30, 100)]);
}

#[tokio::test]
async fn each_attempt_of_a_request_is_settled_before_the_next() {
    let bench = Bench::new().await;
    bench.limit(Scope::User, EACH, Some(250), None).await;
    let request = bench.reservation(0);
    for used in [100, 100] {
        request.hold(wanted(100, Some("0"))).await.unwrap();
        request.used_up(used);
    }
    assert!(request.hold(wanted(100, Some("0"))).await.is_err());
    request.hold(wanted(50, Some("0"))).await.unwrap();
    // Nobody tells of the last one: it was cancelled before it was sent.
    request.settled().await;
    assert_eq!(bench.counters().await, [("user".to_owned(), 200, 0)]);
}

#[tokio::test]
async fn money_is_limited_and_an_unknown_price_is_no_zero() {
    let bench = Bench::new().await;
    bench.limit(Scope::User, EACH, None, Some("1")).await;
    let request = bench.reservation(0);
    request.hold(wanted(1_000_000, Some("0.75"))).await.unwrap();
    let other = bench.reservation(1);
    let refused = other.hold(wanted(1, Some("0.26"))).await.unwrap_err();
    assert!(matches!(refused, Refusal::Exhausted { .. }), "{refused}");
    let refused = other.hold(wanted(1, None)).await.unwrap_err();
    assert!(matches!(refused, Refusal::PriceUnknown), "{refused}");
    // A model of one's own costs nothing that anybody could tell.
    let own = Wanted {
        paid: false,
        ..wanted(1, None)
    };
    other.hold(own).await.unwrap();
    let id = other.lock().open.take().unwrap();
    other.lock().done.push((id, 7, None));
    other.settled().await;
    let (usd, unpriced): (Decimal, i64) =
        sqlx::query_as("select usd, unpriced from assistant.budget_counters")
            .fetch_one(&bench.replicas[0])
            .await
            .unwrap();
    assert_eq!((usd, unpriced), (Decimal::ZERO, 1));
}
