//! `cargo dev`: the whole system on one machine.

#![expect(clippy::print_stderr, reason = "a command-line tool talks to its user")]

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use devstack::client::Gateway;
use devstack::control::{self, Command, Reply};
use devstack::plan::{DEMO_PASSWORD, LOGINS, Plan, Ports, Program};
use devstack::programs::{self, Profile};
use devstack::stack::{Stack, Status};
use devstack::{report, seed, sqlx};
use tokio::sync::mpsc;

/// As `println!`; a reader that has seen enough, such as `head`, is no error.
macro_rules! print_line {
    ($($text:tt)*) => {
        let _ = writeln!(std::io::stdout(), $($text)*);
    };
}

/// The question whose answer ends the start.
const FIRST_QUESTION: &str = "Кто нам должен больше всего и сколько просрочено?";
/// How long a detached stack may take, the build not included.
const DETACHED_WITHIN: Duration = Duration::from_secs(400);

/// Runs the whole system without Docker: private PostgreSQL and Redis, a demo 1C server, all six
/// services, demo users and data.
#[derive(Debug, Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev", version)]
struct Cli {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Clone, Args)]
struct Options {
    /// Optimised programs.
    #[arg(long, global = true)]
    release: bool,
    /// Take 20 ports in a row from N instead of the usual ones; a second stack runs beside the first.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1024..=65515))]
    ports_from: Option<u16>,
    /// Leave a service out, to run it by hand with `cargo run -p SERVICE`. May be repeated.
    #[arg(long, global = true, value_name = "SERVICE", value_parser = program)]
    without: Vec<Program>,
    /// Run the programs as they were built last.
    #[arg(long, global = true)]
    no_build: bool,
    /// Multiply the data of the demo 1C server.
    #[arg(long, global = true, value_name = "N")]
    scale: Option<u32>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start (the default).
    Up {
        /// Return when everything is ready, and go on in the background.
        #[arg(long)]
        detach: bool,
    },
    /// Stop the stack that runs in the background.
    Down,
    /// Addresses, logins and states.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Stop one program of a running stack.
    Stop {
        /// Its name.
        #[arg(value_parser = program)]
        service: Program,
    },
    /// Start one program of a running stack again.
    Start {
        /// Its name.
        #[arg(value_parser = program)]
        service: Program,
    },
    /// Delete the data of a stack that does not run.
    Reset,
    /// Ask the assistant a question through the gateway.
    Ask {
        /// The question.
        question: String,
        /// The role of the demo user who asks.
        #[arg(long, default_value = "accountant")]
        r#as: String,
        /// Print the whole answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make the query data of SQLx (`.sqlx`) after a change of SQL.
    Prepare {
        /// Only tell whether it is up to date.
        #[arg(long)]
        check: bool,
    },
}

fn program(name: &str) -> Result<Program, String> {
    let names: Vec<&str> = Program::ALL.iter().map(|program| program.name()).collect();
    Program::from_name(name).ok_or_else(|| format!("there are: {}", names.join(", ")))
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo dev: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let plan = plan(&cli.options)?;
    if let Some(Action::Prepare { check }) = &cli.action {
        return sqlx::prepare(*check);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match &cli.action {
            None | Some(Action::Up { detach: false }) => up(cli, plan).await,
            Some(Action::Up { detach: true }) => up_detached(cli, &plan).await,
            Some(Action::Down) => down(&plan).await,
            Some(Action::Status { json }) => status(&plan, *json).await,
            Some(Action::Stop { service }) => order(&plan, &Command::Stop(service.name().to_owned())).await,
            Some(Action::Start { service }) => order(&plan, &Command::Start(service.name().to_owned())).await,
            Some(Action::Reset) => reset(&plan).await,
            Some(Action::Ask { question, r#as, json }) => ask(&plan, question, r#as, *json).await,
            Some(Action::Prepare { .. }) => Ok(()),
        }
    })
}

fn plan(options: &Options) -> Result<Plan> {
    let base = programs::repository().join(".dev");
    let folder = options
        .ports_from
        .map_or_else(|| base.join("stack"), |port| base.join(format!("stack-{port}")));
    Ok(Plan {
        folder,
        ports: Ports::new(options.ports_from),
        programs: programs::folder(profile(options))?,
        without: options.without.clone(),
        demo_arguments: options
            .scale
            .map(|scale| vec!["--scale".to_owned(), scale.to_string()])
            .unwrap_or_default(),
        variables: Vec::new(),
    })
}

fn profile(options: &Options) -> Profile {
    if options.release {
        Profile::Release
    } else {
        Profile::Debug
    }
}

fn build(options: &Options) -> Result<()> {
    if options.no_build {
        return Ok(());
    }
    eprintln!("building the services");
    programs::build(profile(options), &Program::ALL)
}

async fn up(cli: &Cli, plan: Plan) -> Result<()> {
    let socket = plan.control_socket();
    if control::is_running(&socket).await {
        bail!("it runs already; see: cargo dev status");
    }
    build(&cli.options)?;
    let started = Instant::now();
    let (log, mut lines) = mpsc::unbounded_channel::<String>();
    #[expect(clippy::disallowed_methods, reason = "ends with the program")]
    tokio::spawn(async move {
        while let Some(line) = lines.recv().await {
            eprintln!("{line}");
        }
    });
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    eprintln!("starting PostgreSQL, Redis, the demo 1C server and the services");
    let starting = async {
        let stack = Stack::start(plan, log).await?;
        let gateway = stack.gateway()?;
        // With a part left out there may be nobody to ask yet.
        let answer = if cli.options.without.is_empty() {
            seed::seed(&gateway, |line| eprintln!("{line}")).await?;
            let asking = gateway.log_in(seed::ASKING, DEMO_PASSWORD).await?;
            Some(asking.ask(FIRST_QUESTION).await?)
        } else {
            None
        };
        anyhow::Ok((stack, answer))
    };
    let (mut stack, answer) = tokio::select! {
        started = starting => started?,
        _ = interrupt.recv() => bail!("interrupted during the start"),
        _ = terminate.recv() => bail!("terminated during the start"),
    };
    let (sender, mut orders) = mpsc::channel(8);
    control::listen(&socket, sender)?;
    print_line!("{}", report::table(&stack.status().await));
    if let Some(answer) = answer {
        print_line!("{}", report::answer(FIRST_QUESTION, &answer));
    }
    print_line!(
        "  Ready in {:.1} s. Ctrl-C ends it.",
        started.elapsed().as_secs_f64()
    );
    let mut look = tokio::time::interval(Duration::from_millis(500));
    let reply = loop {
        tokio::select! {
            _ = interrupt.recv() => break None,
            _ = terminate.recv() => break None,
            Some((command, reply)) = orders.recv() => match command {
                Command::Down => break Some(reply),
                // The receiver is gone when the caller is; nobody waits then.
                command => { let _ = reply.send(obey(&mut stack, command).await); }
            },
            _ = look.tick() => {
                for (program, how) in stack.notice_endings() {
                    let name = program.name();
                    eprintln!("{name} ended: {how}. Start it again with: cargo dev start {name}");
                }
            }
        }
    };
    eprintln!("stopping");
    stack.stop().await;
    // Left behind it would only look like a running stack to a person.
    let _ = std::fs::remove_file(&socket);
    if let Some(reply) = reply {
        let _ = reply.send(Reply::Done);
        // The caller reads the reply from a task that ends with this program.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

async fn obey(stack: &mut Stack, command: Command) -> Reply {
    let done = match command {
        Command::Status => return Reply::Status(Box::new(stack.status().await)),
        Command::Start(name) => match Program::from_name(&name) {
            Some(program) => stack.start_program(program).await,
            None => Err(anyhow::anyhow!("there is no {name}")),
        },
        Command::Stop(name) => match Program::from_name(&name) {
            Some(program) => stack.stop_program(program).await,
            None => Err(anyhow::anyhow!("there is no {name}")),
        },
        Command::Down => Ok(()),
    };
    match done {
        Ok(()) => Reply::Done,
        Err(error) => Reply::Refused(format!("{error:#}")),
    }
}

/// Starts this program again in a session of its own and waits until that one is ready.
async fn up_detached(cli: &Cli, plan: &Plan) -> Result<()> {
    let socket = plan.control_socket();
    if control::is_running(&socket).await {
        bail!("it runs already; see: cargo dev status");
    }
    build(&cli.options)?;
    std::fs::create_dir_all(&plan.folder)?;
    let log_file = plan.log_file();
    let log = std::fs::File::create(&log_file).with_context(|| format!("create {}", log_file.display()))?;
    let arguments = std::env::args_os()
        .skip(1)
        .filter(|argument| argument != "--detach");
    let mut child = std::process::Command::new(std::env::current_exe()?)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()
        .context("start in the background")?;
    let deadline = Instant::now() + DETACHED_WITHIN;
    while !control::is_running(&socket).await {
        if let Some(status) = child.try_wait()? {
            let text = std::fs::read_to_string(&log_file).unwrap_or_default();
            bail!("the start failed ({status}):\n{text}");
        }
        if Instant::now() > deadline {
            bail!(
                "not ready after {} s; see {}",
                DETACHED_WITHIN.as_secs(),
                log_file.display()
            );
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    print_line!("{}", report::table(&ask_status(&socket).await?));
    print_line!(
        "  It goes on in the background; its log is {}. End it with: cargo dev down",
        log_file.display()
    );
    Ok(())
}

async fn down(plan: &Plan) -> Result<()> {
    order(plan, &Command::Down).await
}

async fn order(plan: &Plan, command: &Command) -> Result<()> {
    control::send(&plan.control_socket(), command).await.map(|_| ())
}

async fn ask_status(socket: &Path) -> Result<Status> {
    match control::send(socket, &Command::Status).await? {
        Reply::Status(status) => Ok(*status),
        Reply::Done | Reply::Refused(_) => bail!("the stack gave no status"),
    }
}

async fn status(plan: &Plan, json: bool) -> Result<()> {
    let status = ask_status(&plan.control_socket()).await?;
    if json {
        print_line!("{}", serde_json::to_string_pretty(&status)?);
    } else {
        print_line!("{}", report::table(&status));
    }
    Ok(())
}

async fn reset(plan: &Plan) -> Result<()> {
    if control::is_running(&plan.control_socket()).await {
        bail!("it runs; end it first with: cargo dev down");
    }
    for folder in [plan.postgres_folder(), plan.folder.clone()] {
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| format!("delete {}", folder.display()))?;
        }
    }
    Ok(())
}

async fn ask(plan: &Plan, question: &str, role: &str, json: bool) -> Result<()> {
    let Some(login) = LOGINS.iter().find(|login| login.role == role) else {
        bail!("there is no demo user with the role {role}");
    };
    let gateway = Gateway::new(plan.ports.url(Program::Gateway))?;
    let answer = gateway
        .log_in(login.email, DEMO_PASSWORD)
        .await?
        .ask(question)
        .await?;
    if json {
        print_line!("{}", serde_json::to_string_pretty(&answer)?);
    } else {
        print_line!("{}", report::answer(question, &answer));
    }
    Ok(())
}
