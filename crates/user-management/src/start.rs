//! From the settings to a running service.

use std::sync::Arc;

use common::BoxError;
use common::auth::{Authenticator, Revocations};
use common::cache::Redis;
use common::db;
use common::events::Relay;
use common::sealing::Sealer;
use common::service::{App, Check, Context, Definition};

use crate::config::Config;
use crate::cookies::Cookies;
use crate::federation::Federation;
use crate::jobs;
use crate::keys::{self, KeyRing, Schedule};
use crate::mail::{Mailer, Post};
use crate::oauth::Provider;
use crate::password::Passwords;
use crate::revoker::Revoker;
use crate::second_factors::SecondFactors;
use crate::throttle::AddressLimit;
use crate::tokens::Tokens;
use crate::{AppState, SCHEMA, bootstrap, metrics, routes};

/// What never changes about this service.
pub const DEFINITION: Definition = Definition {
    name: "user-management",
    port: 8002,
    version: env!("CARGO_PKG_VERSION"),
    schema: Some(&SCHEMA),
};

/// Starts the service.
///
/// # Errors
/// As [`prepare`].
pub async fn start(config: Config, context: Context) -> Result<App, BoxError> {
    let (state, authenticator, checks) = prepare(config, &context).await?;
    Ok(App {
        router: routes().measured(DEFINITION.name).build(state, authenticator),
        checks,
    })
}

/// Connects, migrates, makes the first keys and the first administrator, and starts what runs
/// beside requests.
///
/// # Errors
/// When the database does not answer in time, or `JWT_SECRET_KEY` does not fit the keys in it.
pub async fn prepare(
    config: Config,
    context: &Context,
) -> Result<(AppState, Authenticator, Vec<Check>), BoxError> {
    metrics::describe();
    let clock = context.clock.clone();
    let redis = Redis::new(&config.redis)?;
    let db = db::connect(&config.database, DEFINITION.name, &SCHEMA, &context.shutdown).await?;
    context.spawn("database pool", db::measure(db.clone(), context.shutdown.clone()));

    let sealer = Arc::new(Sealer::new(
        &config.tokens.secret,
        "user-management signing keys",
    )?);
    let schedule = Schedule::new(
        chrono::Duration::from_std(config.tokens.key_rotation)?,
        chrono::Duration::from_std(config.tokens.access_ttl)?,
    );
    let stored = keys::maintain(&db, &sealer, &schedule, false, clock.now()).await?;
    let ring = KeyRing::new(&stored, &sealer)?;
    let tokens = Tokens::new(&config.tokens, &config.auth, ring.clone())?;
    let public_url = config.cookies.public_url.clone();
    let federation = Federation::new(config.federation, public_url, &config.tokens.secret)?;
    let cookies = Cookies::new(&config.cookies, &config.tokens.secret)?;
    let second_factors = SecondFactors::new(&config.tokens.secret, config.cookies.public_url.as_ref())?;
    let passwords = Passwords::new(&config.passwords)?;
    let base = config
        .cookies
        .public_url
        .as_ref()
        .map_or(config.auth.issuer.as_str(), url::Url::as_str);
    let mailer = Mailer::new(&config.mail, base);
    let setup = bootstrap::Setup {
        token: config.setup_token.as_ref(),
        base,
    };
    bootstrap::first_administrator(&db, &passwords, config.administrator.as_ref(), setup, &clock).await?;
    context.spawn(
        "mails",
        jobs::mails::run(
            jobs::mails::Postman {
                db: db.clone(),
                mailer: mailer.clone(),
                post: Post::new(&config.mail, base)?,
                clock: clock.clone(),
            },
            context.shutdown.clone(),
        ),
    );

    let revocations = Revocations::new();
    let revoker = Revoker::new(db.clone(), redis.clone(), revocations.clone(), clock.clone());
    revoker.reload().await?;
    let authenticator =
        Authenticator::new(&config.auth, ring.verifying(), revocations.clone(), clock.clone());

    let shutdown = &context.shutdown;
    context.spawn(
        "revocations",
        revocations.follow(redis.clone(), clock.clone(), shutdown.clone()),
    );
    context.spawn(
        "publish_revocations",
        jobs::revocations::run(revoker.clone(), shutdown.clone()),
    );
    let keeper = jobs::signing_keys::Keeper {
        db: db.clone(),
        sealer,
        schedule,
        ring,
        clock: clock.clone(),
    };
    let provider = Provider::new(config.provider, &config.tokens.secret, keeper.clone())?;
    context.spawn("signing_keys", jobs::signing_keys::run(keeper, shutdown.clone()));
    context.spawn(
        "sessions",
        jobs::sessions::run(db.clone(), clock.clone(), shutdown.clone()),
    );
    context.spawn(
        "outbox",
        Relay::new(db.clone(), redis.clone(), &SCHEMA).run(shutdown.clone()),
    );

    let checks = vec![Check::postgres(&db), Check::redis(&redis)];
    let state = AppState {
        db,
        clock,
        passwords,
        tokens,
        cookies,
        second_factors,
        mailer,
        revoker,
        address_limit: AddressLimit::new(redis, &config.throttle),
        federation,
        provider,
        registration: config.registration,
    };
    Ok((state, authenticator, checks))
}
