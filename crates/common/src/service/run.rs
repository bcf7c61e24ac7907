//! From `main` to the exit code.

use std::fmt::Display;
use std::future::Future;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Check, Context, admin, health, healthcheck, migrate};
use crate::config::{self, Reader};
use crate::db::Schema;
use crate::http::{layers, server};
use crate::telemetry::{self, Chain};
use crate::{BoxError, ids};

/// `EX_USAGE` of sysexits.h.
const EXIT_CONFIGURATION: u8 = 64;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// What never changes about a service.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// Name in logs, metrics and health answers, such as `user-management`.
    pub name: &'static str,
    /// Default API port; the admin port is 1000 above.
    pub port: u16,
    /// Version of the program: `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    /// The schema it owns, for `<service> migrate`.
    pub schema: Option<&'static Schema>,
}

/// A started service.
#[derive(Debug)]
pub struct App {
    /// Its routes, without `/health` and the base layers, which are added to them.
    pub router: Router,
    /// What it depends on.
    pub checks: Vec<Check>,
}

/// How a started service answers requests.
pub enum Api {
    /// By a router, behind the base layers: all services but one.
    Router(App),
    /// By a server of its own, which does for itself what the base layers do: the gateway.
    Own(OwnServer),
}

impl From<App> for Api {
    fn from(app: App) -> Self {
        Self::Router(app)
    }
}

impl From<OwnServer> for Api {
    fn from(own: OwnServer) -> Self {
        Self::Own(own)
    }
}

/// Serves a listener until it is told to end.
pub type Serve = Box<dyn FnOnce(TcpListener, Serving) -> BoxFuture<'static, ()> + Send>;

/// A service that serves by itself.
pub struct OwnServer {
    /// Pages of its own on the admin port, beside those that all services have.
    pub admin: Router,
    /// Takes connections.
    pub serve: Serve,
}

impl std::fmt::Debug for OwnServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnServer").finish_non_exhaustive()
    }
}

/// What a server is told.
#[derive(Debug)]
pub struct Serving {
    /// Limits of the settings that all services have.
    pub limits: layers::Limits,
    /// Cancelled when the end begins.
    pub drain: CancellationToken,
    /// How it ends.
    pub ending: server::Ending,
}

/// Makes aws-lc-rs the process's TLS provider; repeated calls have no effect.
pub fn install_crypto_provider() {
    // It fails only when a provider is installed already, which can only be this one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// The router as it is served: the service's routes, `GET /health`, and the base layers.
pub fn router(definition: Definition, app: App, limits: layers::Limits) -> Router {
    let checks: Arc<[Check]> = app.checks.into();
    let health = move || {
        let checks = checks.clone();
        async move { health::report(definition.name, definition.version, &checks).await }
    };
    layers::apply(app.router.route("/health", get(health)), definition.name, limits)
}

/// Runs a service until SIGTERM or SIGINT: reads the settings with `read`, opens the ports, calls
/// `start`, serves, and ends in order: not ready, kept connections end one by one during the drain
/// delay, no new connections, requests and background tasks finish within the grace time.
///
/// Arguments instead of serving: `healthcheck` asks the running service, `migrate` brings the schema
/// up to date and ends, `--version`.
pub fn run<C, F, Fut, A>(definition: Definition, read: fn(&mut Reader) -> Option<C>, start: F) -> ExitCode
where
    F: FnOnce(C, Context) -> Fut,
    Fut: Future<Output = Result<A, BoxError>>,
    A: Into<Api>,
{
    let mut reader = Reader::from_process(definition.name);
    let http = config::Http::read(&mut reader, definition.port);
    let argument = std::env::args().nth(1);
    match argument.as_deref() {
        Some("healthcheck") => {
            return http.map_or(ExitCode::FAILURE, |http| healthcheck::run(http.admin_address));
        }
        Some("--version" | "-V") => {
            #[expect(clippy::print_stdout, reason = "the answer to --version")]
            {
                println!("{} {}", definition.name, definition.version);
            }
            return ExitCode::SUCCESS;
        }
        Some("migrate") => return migrate::run(definition, reader),
        None => {}
        Some(other) => {
            let mistake = format!(
                "`{other}` is not one of healthcheck, migrate, --version; without an argument it serves"
            );
            return refuse(definition, &mistake);
        }
    }
    let telemetry = config::Telemetry::read(&mut reader);
    let config = read(&mut reader);
    let environment = reader.environment();
    let built = http.zip(telemetry).zip(config);
    let ((http, telemetry), config) = match reader.finish(built) {
        Ok(built) => built,
        Err(errors) => return refuse(definition, &errors),
    };
    telemetry::init(&telemetry, definition.name);
    telemetry::install_recorder();
    layers::describe_metrics(definition.name);
    metrics::gauge!("build_info", "service" => definition.name, "version" => definition.version).set(1.0);
    install_crypto_provider();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(error = %Chain(&error), "the runtime could not be built");
            return ExitCode::FAILURE;
        }
    };
    let context = Context::new(definition.name, instance(&http), environment);
    let shutdown = context.shutdown.clone();
    let ended = runtime.block_on(serve(definition, http, context, config, start));
    // Tasks of a service that could not start end with it, and not as if they had crashed.
    shutdown.cancel();
    // Detached helper threads of the runtime must not delay the end.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            tracing::error!(error = %Chain(error.as_ref()), "{} could not start", definition.name);
            ExitCode::FAILURE
        }
    }
}

/// Tells what is wrong with the call or the settings.
pub(super) fn refuse(definition: Definition, mistake: &dyn Display) -> ExitCode {
    #[expect(clippy::print_stderr, reason = "how to log is not known yet")]
    {
        eprintln!("{}: {mistake}", definition.name);
    }
    ExitCode::from(EXIT_CONFIGURATION)
}

async fn serve<C, F, Fut, A>(
    definition: Definition,
    http: config::Http,
    context: Context,
    config: C,
    start: F,
) -> Result<bool, BoxError>
where
    F: FnOnce(C, Context) -> Fut,
    Fut: Future<Output = Result<A, BoxError>>,
    A: Into<Api>,
{
    // Bound first: a port that is taken is reported before anything else is touched. The API does
    // not listen before it can answer: a balancer that tries it too early is refused at once and
    // goes to another replica.
    let socket = bind(http.address)?;
    let admin_listener = listen(bind(http.admin_address)?, http.admin_address)?;
    let ready = Arc::new(AtomicBool::new(false));
    let own_pages = Arc::new(OnceLock::new());
    let admin_end = CancellationToken::new();
    let admin = server::serve(
        admin_listener,
        admin::router(ready.clone(), own_pages.clone()),
        admin_end.clone(),
        server::Ending::within(Duration::from_secs(1)),
    );
    let admin = context.tasks().spawn(admin);

    let signals = wait_for_signal()?;
    tokio::pin!(signals);
    let app = tokio::select! {
        app = start(config, context.clone()) => app?,
        name = &mut signals => {
            tracing::info!("{name} during the start");
            return Ok(true);
        }
    };
    let limits = layers::Limits {
        max_concurrent: http.max_concurrent,
        max_body_bytes: http.max_body_bytes,
        request_timeout: http.request_timeout,
    };
    let serving = Serving {
        limits,
        drain: CancellationToken::new(),
        ending: server::Ending {
            delay: http.drain_delay,
            grace: http.shutdown_grace,
        },
    };
    let drain = serving.drain.clone();
    let listener = listen(socket, http.address)?;
    let api = match app.into() {
        Api::Router(app) => {
            let router = router(definition, app, limits);
            server::serve(listener, router, serving.drain, serving.ending).boxed()
        }
        Api::Own(own) => {
            // Only this sets them.
            let _ = own_pages.set(own.admin);
            (own.serve)(listener, serving)
        }
    };
    let api = context.tasks().spawn(api);
    context
        .tasks()
        .spawn(telemetry::keep_metrics_small(context.shutdown.clone()));
    ready.store(true, Ordering::SeqCst);
    tracing::info!(
        "{} {} listens on {}",
        definition.name,
        definition.version,
        http.address
    );

    tokio::select! {
        name = &mut signals => tracing::info!("{name}: finishing requests in flight"),
        () = context.shutdown.cancelled() => {}
    }
    ready.store(false, Ordering::SeqCst);
    drain.cancel();
    // Background tasks serve requests in flight, so they end after those.
    let _ = api.await;
    context.shutdown.cancel();
    admin_end.cancel();
    context.tasks().close();
    if tokio::time::timeout(http.shutdown_grace, context.tasks().wait())
        .await
        .is_err()
    {
        tracing::warn!("background tasks did not end within the grace time");
    }
    let _ = admin.await;
    tracing::info!("{} ended", definition.name);
    Ok(!context.has_failed())
}

/// Takes the port; fails when somebody listens there.
fn bind(address: SocketAddr) -> Result<TcpSocket, BoxError> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // The port of a process that has just ended is free.
    socket.set_reuseaddr(true)?;
    match socket.bind(address) {
        Ok(()) => Ok(socket),
        Err(error) => Err(format!("cannot listen on {address}: {error}").into()),
    }
}

fn listen(socket: TcpSocket, address: SocketAddr) -> Result<TcpListener, BoxError> {
    socket
        .listen(BACKLOG)
        .map_err(|error| format!("cannot listen on {address}: {error}").into())
}

/// The handlers are installed at once; the future ends with the name of the first signal.
fn wait_for_signal() -> std::io::Result<impl Future<Output = &'static str>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}

/// Host and port name a replica; a container's host name is its id.
fn instance(http: &config::Http) -> String {
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let host = host.trim();
    let host = if host.is_empty() {
        ids::new_id().to_string()
    } else {
        host.to_owned()
    };
    format!("{host}:{}", http.address.port())
}
