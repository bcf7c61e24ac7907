//! How many logins a second the service takes, what everybody else notices of them, and how many tokens
//! are refreshed and verified.
//!
//!     cargo build --release -p user-management
//!     cargo run --release -p user-management --example identity_load [SECONDS]
//!
//! The service's own program runs over a new PostgreSQL and Redis with the default settings. Each part
//! takes so many seconds (10). Logins come from as many clients as may wait; meanwhile others ask at a
//! steady pace, and their times are counted from the moment when they should have asked, so that a wait
//! is not left out because nobody asked during it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for people who measure"
)]

use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::auth::Permission;
use common::testing::{self, Client, Issuer, Response};
use serde_json::{Value, json};
use user_management::SCHEMA;

const EMAIL: &str = "admin@example.com";
const PASSWORD: &str = "seven geese cross the yard";
/// Logins at a time.
const CLIENTS: usize = 8;
/// Pause between two requests of a kind that are timed.
const PACE: Duration = Duration::from_millis(20);

/// The service's program; ended with this value.
struct Service {
    child: Child,
    client: Client,
}

impl Service {
    async fn start(database: &str, redis: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let program = program
            .parent()
            .unwrap()
            .parent()
            .unwrap()
            .join("user-management");
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut child = Command::new(program)
            .env("PORT", port.to_string())
            .env("ADMIN_PORT", "0")
            .env("LOG_LEVEL", "warn")
            .env("DATABASE_URL", database)
            .env("REDIS_URL", redis)
            .env("JWT_SECRET_KEY", "a secret for measuring, long enough")
            .env("ADMIN_EMAIL", EMAIL)
            .env("ADMIN_PASSWORD", PASSWORD)
            .spawn()
            .unwrap();
        let base = format!("http://127.0.0.1:{port}");
        while reqwest::get(format!("{base}/health"))
            .await
            .map_or(true, |answer| !answer.status().is_success())
        {
            assert_eq!(child.try_wait().unwrap(), None, "the service has ended");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let client = Client::anonymous(base);
        Self { child, client }
    }

    async fn log_in(&self) -> Response {
        let body = json!({ "email": EMAIL, "password": PASSWORD });
        self.client.post("/auth/login", &body).await
    }

    async fn refresh(&self, token: &Value) -> Response {
        self.client
            .post("/auth/refresh", &json!({ "refresh_token": token }))
            .await
    }

    /// Seconds of processor that the service has used.
    fn processor(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let ticks: u32 = stat
            .rsplit_once(") ")
            .unwrap()
            .1
            .split(' ')
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<u32>().unwrap())
            .sum();
        f64::from(ticks) / 100.0
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap();
    text.split(' ').next().unwrap().to_owned()
}

/// Milliseconds that `part` of the requests took at most.
fn within(times: &mut [Duration], part: f64) -> f64 {
    times.sort();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index of a list"
    )]
    let at = ((times.len() as f64 * part) as usize).min(times.len() - 1);
    times[at].as_secs_f64() * 1000.0
}

/// Asks at a steady pace until the end; the times of the answers from when they were due.
async fn paced(end: Instant, mut ask: impl AsyncFnMut() -> Response) -> Vec<Duration> {
    let mut times = Vec::new();
    let mut due = Instant::now();
    while due < end {
        tokio::time::sleep_until(due.into()).await;
        assert!(ask().await.status.is_success());
        times.push(due.elapsed());
        due += PACE;
    }
    times
}

/// What others notice for a while.
async fn others(service: &Service, what: &str, seconds: Duration) {
    let session: Value = service.log_in().await.json();
    let me = service
        .client
        .with_token(session["access_token"].as_str().unwrap());
    let mut token = session["refresh_token"].clone();
    let end = Instant::now() + seconds;
    let (mut profile, mut keys, mut refreshed) = tokio::join!(
        paced(end, async || me.get("/users/me").await),
        paced(end, async || service.client.get("/.well-known/jwks.json").await),
        paced(end, async || {
            let answer = service.refresh(&token).await;
            token = answer.json::<Value>()["refresh_token"].clone();
            answer
        })
    );
    for (name, times) in [
        ("GET /users/me", &mut profile),
        ("GET /.well-known/jwks.json", &mut keys),
        ("POST /auth/refresh", &mut refreshed),
    ] {
        println!(
            "{what:<14} {name:<27} p50 {:6.2} ms   p99 {:6.2} ms",
            within(times, 0.5),
            within(times, 0.99)
        );
    }
}

/// Calls `ask` from several clients until the end; how many answers were good, how many turned away.
async fn as_fast_as_it_goes(seconds: Duration, ask: impl AsyncFn(usize) -> bool) -> (usize, usize) {
    let (good, shed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let end = Instant::now() + seconds;
    let clients = (0..CLIENTS).map(async |n| {
        while Instant::now() < end {
            let counter = if ask(n).await { &good } else { &shed };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    futures_util::future::join_all(clients).await;
    (good.into_inner(), shed.into_inner())
}

#[expect(clippy::cast_precision_loss, reason = "counts of some thousands")]
fn rate(count: usize, seconds: Duration) -> f64 {
    count as f64 / seconds.as_secs_f64()
}

#[tokio::main]
async fn main() {
    let seconds = std::env::args().nth(1).map_or(10, |text| text.parse().unwrap());
    let seconds = Duration::from_secs(seconds);
    let database = testing::database_url(&SCHEMA).await;
    let redis = testing::redis().await;
    let service = Service::start(&database, redis.url()).await;
    println!("processors {}, load average {}", num_cpus(), load_average());

    others(&service, "nobody else", seconds).await;

    let used = service.processor();
    let ((logins, shed), ()) = tokio::join!(
        as_fast_as_it_goes(seconds, async |_| service.log_in().await.status == 200),
        others(&service, "during logins", seconds)
    );
    println!(
        "logins         {:.1} a second, {shed} turned away, {:.1} ms of processor each; load average {}",
        rate(logins, seconds),
        (service.processor() - used) * 1000.0 / f64::from(u32::try_from(logins.max(1)).unwrap()),
        load_average()
    );

    let mut tokens = Vec::new();
    for _ in 0..CLIENTS {
        let session: Value = service.log_in().await.json();
        tokens.push(tokio::sync::Mutex::new(session["refresh_token"].clone()));
    }
    let used = service.processor();
    let (refreshed, _) = as_fast_as_it_goes(seconds, async |n| {
        let mut token = tokens[n].lock().await;
        *token = service.refresh(&token).await.json::<Value>()["refresh_token"].clone();
        true
    })
    .await;
    println!(
        "refreshes      {:.0} a second, {:.2} ms of processor each; load average {}",
        rate(refreshed, seconds),
        (service.processor() - used) * 1000.0 / f64::from(u32::try_from(refreshed.max(1)).unwrap()),
        load_average()
    );

    let issuer = Issuer::new();
    let (authenticator, token) = (issuer.authenticator(), issuer.token(Permission::ALL));
    let (mut verified, started) = (0_usize, Instant::now());
    while started.elapsed() < seconds {
        for _ in 0..100 {
            authenticator.verify(&token).await.unwrap();
        }
        verified += 100;
    }
    println!(
        "verifications  {:.0} a second on one processor; load average {}",
        rate(verified, started.elapsed()),
        load_average()
    );
}

fn num_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
