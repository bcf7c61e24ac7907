//! The demo 1C server from the command line.

mod push;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{Datelike, NaiveDate};
use clap::{Args, Parser, Subcommand, ValueEnum};
use onec_demo::truth::{self, By, Report, Scope};
use onec_demo::{BASE_PATH, Base, Configuration, Faults, Options, ReuseSessions, ServerOptions};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// As `println!`; a reader that has seen enough, such as `head`, is no error.
macro_rules! print_line {
    ($($text:tt)*) => {
        let _ = writeln!(std::io::stdout(), $($text)*);
    };
}

/// A demo 1C server: a trading company behind the real OData protocol.
#[derive(Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
struct Command {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum What {
    /// Serve the base over HTTP (the default).
    Serve(Serve),
    /// Ask a running server whether it answers, for containers that have no curl.
    Healthcheck(Healthcheck),
    /// Print how much of everything the base has.
    Summary(Company),
    /// Print a right answer, worked out from the documents.
    Truth(Question),
    /// Send goods, prices and stocks to a site, as 1C does (CommerceML).
    Push(push::Push),
}

/// Which company to grow.
#[derive(Args, Clone)]
struct Company {
    /// The same seed gives the same company.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many times more documents than the ordinary company has.
    #[arg(long, default_value_t = 1)]
    scale: u32,
    /// The configuration of 1C that the base is seen as.
    #[arg(long, env = "ONEC_DEMO_CONFIGURATION", default_value = "accounting")]
    configuration: Configuration,
    /// First day that is not generated; today in Moscow by default.
    #[arg(long)]
    until: Option<NaiveDate>,
}

impl Company {
    fn options(&self) -> Options {
        let default = Options::default();
        Options {
            seed: self.seed,
            scale: self.scale,
            configuration: self.configuration,
            until: self.until.unwrap_or(default.until),
        }
    }
}

#[derive(Args, Clone)]
struct Serve {
    #[command(flatten)]
    company: Company,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// User of the base.
    #[arg(long, default_value = "odata")]
    user: String,
    /// The user's password.
    #[arg(
        long,
        env = "ONEC_DEMO_PASSWORD",
        default_value = "odata-demo",
        hide_env_values = true
    )]
    password: String,
    /// Milliseconds before each answer, from the start.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// The user may not change data.
    #[arg(long)]
    read_only: bool,
    /// Troubles and ways of the server from the start, as JSON like that of /demo/_faults.
    #[arg(long, default_value = "{}", value_parser = faults)]
    faults: Faults,
    /// What becomes of sessions.
    #[arg(long)]
    reuse_sessions: Option<ReuseSessions>,
    /// How long a session lives without requests, seconds.
    #[arg(long)]
    session_max_age: Option<u64>,
    /// How many sessions there may be at a time.
    #[arg(long)]
    licences: Option<usize>,
    /// Milliseconds before the first answer after a pause.
    #[arg(long)]
    cold_start_ms: Option<u64>,
    /// Documents up to this day cannot be written or posted.
    #[arg(long)]
    closed_until: Option<NaiveDate>,
    /// `DataVersion` as in bases on a database server.
    #[arg(long)]
    sql_data_version: bool,
    /// Whether `If-Match` is looked at.
    #[arg(long, default_value = "enforce")]
    if_match: IfMatch,
    /// Fill `$metadata` up to so many megabytes.
    #[arg(long)]
    metadata_mb: Option<usize>,
}

/// What is done with `If-Match`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum IfMatch {
    Enforce,
    Ignore,
}

fn faults(text: &str) -> Result<Faults, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

impl Serve {
    /// The switches: those given as JSON, then those given one by one.
    fn switches(&self) -> Faults {
        let given = self.faults.clone();
        Faults {
            latency_ms: given.latency_ms.max(self.latency_ms),
            reuse_sessions: self.reuse_sessions.unwrap_or(given.reuse_sessions),
            session_max_age: self.session_max_age.unwrap_or(given.session_max_age),
            licences: self.licences.unwrap_or(given.licences),
            cold_start_ms: self.cold_start_ms.unwrap_or(given.cold_start_ms),
            closed_until: self.closed_until.or(given.closed_until),
            sql_data_version: self.sql_data_version || given.sql_data_version,
            ignore_if_match: self.if_match == IfMatch::Ignore || given.ignore_if_match,
            metadata_mb: self.metadata_mb.unwrap_or(given.metadata_mb),
            ..given
        }
    }
}

#[derive(Args, Clone)]
struct Healthcheck {
    /// Address of the server.
    #[arg(long, default_value = "127.0.0.1:8090")]
    address: SocketAddr,
}

impl Healthcheck {
    /// Any answer will do: without a login it is 401, which a server that grows its company does
    /// not give yet.
    fn ask(&self) -> anyhow::Result<()> {
        let patience = Duration::from_secs(5);
        let mut stream = TcpStream::connect_timeout(&self.address, patience)?;
        stream.set_read_timeout(Some(patience))?;
        stream.write_all(b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = [0_u8; 9];
        stream.read_exact(&mut answer)?;
        anyhow::ensure!(&answer == b"HTTP/1.1 ", "it does not speak HTTP");
        Ok(())
    }
}

/// Reports there are answers for.
#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Name {
    Receivables,
    Payables,
    Stock,
    Sales,
    Cash,
    CashFlow,
    Taxes,
    TrialBalance,
    Statement,
    Documents,
    Postings,
}

/// What sales are grouped by.
#[derive(Clone, Copy, ValueEnum)]
enum Grouping {
    Counterparty,
    Manager,
    Item,
    Day,
    Month,
    Warehouse,
}

#[derive(Args, Clone)]
struct Question {
    /// The report.
    report: Name,
    #[command(flatten)]
    company: Company,
    /// Day the report is for (its end); the last generated day by default.
    #[arg(long)]
    date: Option<NaiveDate>,
    /// First day of the period; the first of the month of `--to` by default.
    #[arg(long)]
    from: Option<NaiveDate>,
    /// Last day of the period; the last generated day by default.
    #[arg(long)]
    to: Option<NaiveDate>,
    /// What sales are grouped by.
    #[arg(long, default_value = "counterparty")]
    by: Grouping,
    /// Part of an organisation's name.
    #[arg(long)]
    organization: Option<String>,
    /// Part of a warehouse's name.
    #[arg(long)]
    warehouse: Option<String>,
    /// Part of an item's name.
    #[arg(long)]
    item: Option<String>,
    /// Part of a counterparty's name.
    #[arg(long)]
    counterparty: Option<String>,
    /// Code the accounts begin with.
    #[arg(long, default_value = "")]
    account: String,
    /// Number of a document.
    #[arg(long)]
    number: Option<String>,
    /// Only documents that are not posted.
    #[arg(long)]
    unposted: bool,
    /// How many of the last documents.
    #[arg(long, default_value_t = 20)]
    last: usize,
}

impl Question {
    fn answer(&self, base: &Base) -> anyhow::Result<Report> {
        let yesterday = self
            .company
            .options()
            .until
            .pred_opt()
            .context("no day before --until")?;
        let date = self.date.unwrap_or(yesterday);
        let to = self.to.unwrap_or(yesterday);
        let from = self.from.or_else(|| to.with_day(1)).unwrap_or(to);
        let scope = match &self.organization {
            None => Scope::ALL,
            Some(name) => {
                Scope::organization(base, name).with_context(|| format!("no organisation is named {name}"))?
            }
        };
        Ok(match self.report {
            Name::Receivables => truth::receivables(base, scope, date),
            Name::Payables => truth::payables(base, scope, date),
            Name::Stock => truth::stock(base, scope, date, self.warehouse.as_deref(), self.item.as_deref()),
            Name::Sales => truth::sales(base, scope, from, to, self.by.into()),
            Name::Cash => truth::cash(base, scope, date),
            Name::CashFlow => truth::cash_flow(base, scope, from, to),
            Name::Taxes => truth::taxes(base, scope, from, to),
            Name::TrialBalance => truth::trial_balance(base, scope, from, to, &self.account),
            Name::Statement => {
                let name = self.counterparty.as_deref().context("--counterparty is needed")?;
                truth::statement(base, scope, name, from, to)
            }
            Name::Documents if self.unposted => truth::documents(base),
            Name::Documents => truth::last_documents(base, self.last),
            Name::Postings => truth::postings(base, self.number.as_deref().context("--number is needed")?),
        })
    }
}

impl From<Grouping> for By {
    fn from(grouping: Grouping) -> Self {
        match grouping {
            Grouping::Counterparty => Self::Counterparty,
            Grouping::Manager => Self::Manager,
            Grouping::Item => Self::Item,
            Grouping::Day => Self::Day,
            Grouping::Month => Self::Month,
            Grouping::Warehouse => Self::Warehouse,
        }
    }
}

fn main() -> anyhow::Result<()> {
    let command = Command::parse();
    match command.what.unwrap_or(What::Serve(command.serve)) {
        What::Serve(settings) => run(settings),
        What::Healthcheck(healthcheck) => healthcheck.ask(),
        What::Summary(company) => {
            let summary = Base::generate(&company.options()).summary();
            print_line!("{}", serde_json::to_string_pretty(&summary)?);
            Ok(())
        }
        What::Push(push) => {
            for sent in push.run()? {
                print_line!("{sent}");
            }
            Ok(())
        }
        What::Truth(question) => {
            let base = Base::generate(&question.company.options());
            print_line!("{}", serde_json::to_string_pretty(&question.answer(&base)?)?);
            Ok(())
        }
    }
}

#[tokio::main]
async fn run(settings: Serve) -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let base = Arc::new(Base::generate(&settings.company.options()));
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("listening on {}", settings.listen))?;
    let address = listener.local_addr().context("reading the address")?;
    let faults = settings.switches();
    let options = ServerOptions {
        user: settings.user,
        password: settings.password,
        faults,
        writable: !settings.read_only,
    };
    // Before the address is told: whoever reads it may send the signal at once.
    let mut terminated = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    print_line!("http://{address}{BASE_PATH}/odata/standard.odata/");
    let stop = async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    onec_demo::serve(listener, base, options, stop)
        .await
        .context("serving")
}
