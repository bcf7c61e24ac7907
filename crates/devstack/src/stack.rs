//! All programs of the system together.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use common::http::client;
use private_servers::{Postgres, PostgresOptions, Redis, RedisOptions};
use serde::{Deserialize, Serialize};

use crate::client::Gateway;
use crate::plan::{DEMO_PASSWORD, LOGINS, Plan, Program};
use crate::process::{LogSink, Process, Recipe};

/// How long a program may take until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long a program may take to end in order.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// A running stack. Dropping it ends everything that it started.
#[derive(Debug)]
pub struct Stack {
    plan: Plan,
    log: LogSink,
    http: reqwest::Client,
    processes: HashMap<Program, Process>,
    endings: HashMap<Program, String>,
    redis: Option<Redis>,
    postgres: Option<Postgres>,
}

/// One program in the status of a stack.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Name of the service.
    pub name: String,
    /// Base URL of its API.
    pub address: String,
    /// Base URL of its admin port.
    pub admin_address: Option<String>,
    /// Process id while it runs.
    pub pid: Option<u32>,
    /// `ready`, `starting`, `stopped`, `left out`, or how it ended.
    pub state: String,
}

/// A login in the status of a stack.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoginStatus {
    /// E-mail address.
    pub email: String,
    /// Password.
    pub password: String,
    /// Role.
    pub role: String,
}

/// What `cargo dev status --json` prints.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// Base URL of the gateway.
    pub gateway: String,
    /// The demo logins.
    pub logins: Vec<LoginStatus>,
    /// The programs.
    pub services: Vec<ServiceStatus>,
    /// Connection URL of the private PostgreSQL, without a database.
    pub postgres: String,
    /// Connection URL of the private Redis.
    pub redis: String,
}

impl Stack {
    /// Starts the private servers and all programs, and waits until they are ready.
    ///
    /// # Errors
    /// When a port is taken, a server cannot be had or a program does not become ready.
    pub async fn start(plan: Plan, log: LogSink) -> Result<Self> {
        std::fs::create_dir_all(&plan.folder).with_context(|| format!("create {}", plan.folder.display()))?;
        check_ports(&plan)?;
        let (postgres, redis) = start_servers(&plan).await?;
        let http = client::builder().timeout(Duration::from_secs(3)).build()?;
        let mut stack = Self {
            plan,
            log,
            http,
            processes: HashMap::new(),
            endings: HashMap::new(),
            redis: Some(redis),
            postgres: Some(postgres),
        };
        for program in Program::ALL {
            if stack.plan.without.contains(&program) {
                stack.leave_settings(program)?;
            } else {
                stack.launch(program)?;
            }
        }
        stack.wait_until_ready().await?;
        Ok(stack)
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Runs one statement in a private database and returns its unaligned output.
    ///
    /// # Errors
    /// With what PostgreSQL answered.
    pub fn psql(&self, database: &str, statement: &str) -> Result<String> {
        let postgres = self.postgres.as_ref().context("PostgreSQL has been stopped")?;
        Ok(postgres.psql(database, statement)?)
    }

    /// A client of the gateway.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn gateway(&self) -> Result<Gateway> {
        Gateway::new(self.plan.ports.url(Program::Gateway))
    }

    fn launch(&mut self, program: Program) -> Result<()> {
        let recipe = self.recipe(program);
        let process = Process::start(&recipe, &self.log)?;
        self.endings.remove(&program);
        self.processes.insert(program, process);
        Ok(())
    }

    /// Starts a program that does not run and waits until it is ready.
    ///
    /// # Errors
    /// When it runs already or does not become ready.
    pub async fn start_program(&mut self, program: Program) -> Result<()> {
        self.notice_endings();
        if self.processes.contains_key(&program) {
            bail!("{} runs already", program.name());
        }
        self.launch(program)?;
        self.wait_until_ready().await
    }

    /// Ends one program in order.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn stop_program(&mut self, program: Program) -> Result<()> {
        let Some(mut process) = self.processes.remove(&program) else {
            bail!("{} does not run", program.name());
        };
        process.stop(STOP_WITHIN).await;
        self.endings.insert(program, "stopped".to_owned());
        Ok(())
    }

    /// Process id of a program.
    #[must_use]
    pub fn pid(&self, program: Program) -> Option<u32> {
        self.processes.get(&program).and_then(Process::pid)
    }

    /// Ends everything in order: the gateway first, so that nothing new comes in.
    pub async fn stop(&mut self) {
        for program in Program::ALL.into_iter().rev() {
            if let Some(mut process) = self.processes.remove(&program) {
                process.stop(STOP_WITHIN).await;
            }
        }
        let servers = (self.redis.take(), self.postgres.take());
        // Waiting for the servers blocks.
        let _ = tokio::task::spawn_blocking(move || drop(servers)).await;
    }

    /// Looks which programs have ended by themselves since the last call, and returns them with
    /// how they ended.
    pub fn notice_endings(&mut self) -> Vec<(Program, String)> {
        let mut ended = Vec::new();
        for (program, process) in &mut self.processes {
            if let Some(how) = process.ended() {
                ended.push((*program, how));
            }
        }
        for (program, how) in &ended {
            self.processes.remove(program);
            self.endings.insert(*program, how.clone());
        }
        ended
    }

    /// The status of all programs.
    pub async fn status(&mut self) -> Status {
        self.notice_endings();
        let mut services = Vec::new();
        for program in Program::ALL {
            let state = if self.plan.without.contains(&program) && !self.processes.contains_key(&program) {
                "left out".to_owned()
            } else if !self.processes.contains_key(&program) {
                self.endings
                    .get(&program)
                    .cloned()
                    .unwrap_or_else(|| "stopped".to_owned())
            } else if self.is_ready(program).await {
                "ready".to_owned()
            } else {
                "starting".to_owned()
            };
            services.push(ServiceStatus {
                name: program.name().to_owned(),
                address: self.plan.ports.url(program),
                admin_address: self
                    .plan
                    .ports
                    .admin(program)
                    .map(|port| format!("http://127.0.0.1:{port}")),
                pid: self.pid(program),
                state,
            });
        }
        Status {
            gateway: self.plan.ports.url(Program::Gateway),
            logins: LOGINS
                .iter()
                .map(|login| LoginStatus {
                    email: login.email.to_owned(),
                    password: DEMO_PASSWORD.to_owned(),
                    role: login.role.to_owned(),
                })
                .collect(),
            services,
            postgres: format!("postgres://postgres@127.0.0.1:{}", self.plan.ports.postgres()),
            redis: self.redis_url(),
        }
    }

    async fn is_ready(&self, program: Program) -> bool {
        let address = match self.plan.ports.admin(program) {
            Some(port) => format!("http://127.0.0.1:{port}/ready"),
            // Any answer, even 401, is a sign that the demo server listens.
            None => self.plan.ports.url(program),
        };
        match client::send(self.http.get(address)).await {
            Ok(response) => program == Program::OnecDemo || response.status().is_success(),
            Err(_) => false,
        }
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        let mut waiting: Vec<Program> = self.processes.keys().copied().collect();
        while !waiting.is_empty() {
            if let Some((program, how)) = self.notice_endings().first() {
                bail!(
                    "{} ended during the start: {how}; its log is above",
                    program.name()
                );
            }
            let mut still = Vec::new();
            for program in waiting {
                if !self.is_ready(program).await {
                    still.push(program);
                }
            }
            waiting = still;
            if waiting.is_empty() {
                break;
            }
            if Instant::now() > deadline {
                let names: Vec<&str> = waiting.iter().map(|program| program.name()).collect();
                bail!(
                    "not ready after {} s: {}",
                    READY_WITHIN.as_secs(),
                    names.join(", ")
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    fn redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.plan.ports.redis())
    }

    fn recipe(&self, program: Program) -> Recipe {
        let file = self.plan.programs.join(program.name());
        if program == Program::OnecDemo {
            let listen = format!("127.0.0.1:{}", self.plan.ports.api(program));
            let mut arguments = vec!["serve".to_owned(), "--listen".to_owned(), listen];
            arguments.extend(self.plan.demo_arguments.clone());
            return Recipe {
                name: program.name(),
                file,
                arguments,
                variables: Vec::new(),
            };
        }
        Recipe {
            name: program.name(),
            file,
            arguments: Vec::new(),
            variables: self.variables(program),
        }
    }

    /// The variables of a service.
    fn variables(&self, program: Program) -> Vec<(String, String)> {
        let ports = self.plan.ports;
        let url = |program| ports.url(program);
        let mut variables = vec![
            ("ENVIRONMENT", "development".to_owned()),
            ("LISTEN_HOST", "127.0.0.1".to_owned()),
            ("LOG_FORMAT", "pretty".to_owned()),
            ("PORT", ports.api(program).to_string()),
            ("ADMIN_PORT", ports.admin(program).unwrap_or_default().to_string()),
            ("REDIS_URL", self.redis_url()),
            (
                "JWKS_URL",
                format!("{}/.well-known/jwks.json", url(Program::UserManagement)),
            ),
            ("JWT_ISSUER", url(Program::Gateway)),
            ("GATEWAY_URL", url(Program::Gateway)),
            ("AI_ASSISTANT_URL", url(Program::AiAssistant)),
            ("ONEC_INTEGRATION_URL", url(Program::OnecIntegration)),
            ("USER_MANAGEMENT_URL", url(Program::UserManagement)),
            ("ANALYTICS_URL", url(Program::Analytics)),
            ("SECURITY_URL", url(Program::Security)),
            ("UPSTREAM_CHECK_PORT_OFFSET", ports.admin_offset().to_string()),
        ];
        if let Some(database) = program.database() {
            let port = ports.postgres();
            variables.push((
                "DATABASE_URL",
                format!("postgres://postgres@127.0.0.1:{port}/{database}"),
            ));
        }
        match program {
            Program::UserManagement => variables.extend([
                ("ADMIN_EMAIL", LOGINS[0].email.to_owned()),
                ("ADMIN_PASSWORD", DEMO_PASSWORD.to_owned()),
                ("PASSWORD_MIN_LENGTH", "8".to_owned()),
                ("MAIL_DIR", "target/mail".to_owned()),
                ("PUBLIC_URL", ports.public_url()),
            ]),
            Program::Analytics => variables.extend([
                ("MAIL_DIR", "target/mail".to_owned()),
                ("PUBLIC_URL", ports.public_url()),
            ]),
            Program::OnecIntegration => variables.extend([
                ("ONEC_NAME", "Демо-база".to_owned()),
                (
                    "ONEC_SERVER_URL",
                    format!("{}/demo/odata/standard.odata/", url(Program::OnecDemo)),
                ),
                ("ONEC_USERNAME", "odata".to_owned()),
                ("ONEC_PASSWORD", "odata-demo".to_owned()),
                ("ONEC_TIME_ZONE", "Europe/Moscow".to_owned()),
            ]),
            _ => {}
        }
        let own = variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        own.chain(self.plan.variables.iter().cloned()).collect()
    }

    /// Writes `.dev/<service>.toml`, from which a service started by hand takes its settings.
    fn leave_settings(&self, program: Program) -> Result<()> {
        let text: String = self
            .variables(program)
            .iter()
            .filter(|(name, _)| name != "ENVIRONMENT")
            .map(|(name, value)| format!("{} = {value:?}\n", name.to_lowercase()))
            .collect();
        let folder = crate::programs::repository().join(".dev");
        let file = folder.join(format!("{}.toml", program.name()));
        std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        std::fs::write(&file, text).with_context(|| format!("write {}", file.display()))
    }
}

fn check_ports(plan: &Plan) -> Result<()> {
    let left_out: Vec<u16> = plan
        .without
        .iter()
        .flat_map(|program| [Some(plan.ports.api(*program)), plan.ports.admin(*program)])
        .flatten()
        .collect();
    let taken: Vec<String> = plan
        .ports
        .all()
        .into_iter()
        .filter(|(port, _)| !left_out.contains(port))
        .filter(|(port, _)| std::net::TcpListener::bind(("127.0.0.1", *port)).is_err())
        .map(|(port, name)| format!("{port} ({name})"))
        .collect();
    if !taken.is_empty() {
        bail!(
            "these ports are taken: {}; choose others with --ports-from N",
            taken.join(", ")
        );
    }
    Ok(())
}

async fn start_servers(plan: &Plan) -> Result<(Postgres, Redis)> {
    let postgres = PostgresOptions {
        folder: Some(plan.postgres_folder()),
        port: Some(plan.ports.postgres()),
        durable: true,
    };
    let redis = RedisOptions {
        folder: Some(plan.folder.join("redis")),
        port: Some(plan.ports.redis()),
    };
    // Starting servers blocks; the two wait for each other's processes, not for each other.
    let postgres = tokio::task::spawn_blocking(move || -> Result<Postgres> {
        let postgres = Postgres::start(&postgres)?;
        for program in Program::ALL {
            if let Some(database) = program.database() {
                postgres.create_database(database)?;
            }
        }
        Ok(postgres)
    });
    let redis = tokio::task::spawn_blocking(move || Redis::start(&redis));
    let postgres = postgres.await.context("start PostgreSQL")??;
    let redis = redis.await.context("start Redis")??;
    Ok((postgres, redis))
}
