//! What is measured: nginx with nothing but `proxy_pass`, nginx with what it can do of a gateway's work,
//! and the gateway with everything on.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::process::Program;
use crate::replica::KEYS_PATH;

/// How long a target may take to take connections.
const PATIENCE: Duration = Duration::from_secs(20);

/// Programs and what they are to use.
#[derive(Debug)]
pub(crate) struct Programs<'a> {
    pub(crate) gateway: &'a Path,
    pub(crate) nginx: &'a Path,
    pub(crate) pin: bool,
    pub(crate) redis: &'a str,
    pub(crate) replicas: &'a [SocketAddr],
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) process: u32,
    admin: Option<SocketAddr>,
}

impl Target {
    /// Calls of Redis for rate limits so far.
    pub(crate) fn limit_calls(&self) -> Result<u64> {
        self.counter("gateway_rate_limit_redis_calls_total")
    }

    /// Requests whose limit was counted by this gateway alone so far.
    pub(crate) fn counted_alone(&self) -> Result<u64> {
        self.counter("gateway_rate_limit_fallback_total")
    }

    fn counter(&self, name: &str) -> Result<u64> {
        let Some(admin) = self.admin else { return Ok(0) };
        let mut stream = TcpStream::connect(admin)?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(value.and_then(|value| value.parse().ok()).unwrap_or(0))
    }
}

/// All of them; they end with this value.
#[derive(Debug)]
pub(crate) struct Targets {
    all: Vec<Target>,
    _programs: Vec<Program>,
    _folder: TempDir,
}

impl Targets {
    /// Starts everything and waits until it takes connections.
    pub(crate) fn start(programs: &Programs<'_>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut all = Vec::new();
        let mut running = Vec::new();
        for (name, full) in [("nginx", false), ("nginx-full", true)] {
            let address = free_address()?;
            let program = nginx(programs, folder.path(), name, address, full)?;
            all.push(Target {
                name,
                address,
                process: program.id(),
                admin: None,
            });
            running.push(program);
        }
        let (address, admin) = (free_address()?, free_address()?);
        let log = std::fs::File::create(folder.path().join("gateway.log"))?;
        let program = gateway(programs, address, admin, log.into(), &[])?;
        all.push(Target {
            name: "gateway",
            address,
            process: program.id(),
            admin: Some(admin),
        });
        running.push(program);
        for target in &all {
            wait_for(target.address).with_context(|| format!("{} does not listen", target.name))?;
        }
        Ok(Self {
            all,
            _programs: running,
            _folder: folder,
        })
    }

    pub(crate) fn all(&self) -> &[Target] {
        &self.all
    }
}

/// A gateway alone.
#[derive(Debug)]
pub(crate) struct Alone {
    pub(crate) target: Target,
    _program: Program,
    _folder: TempDir,
}

impl Alone {
    /// Starts it and waits until it takes connections.
    pub(crate) fn start(programs: &Programs<'_>) -> Result<Self> {
        Self::start_with(programs, &[])
    }

    /// The same with further settings.
    pub(crate) fn start_with(programs: &Programs<'_>, settings: &[(&'static str, String)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (address, admin) = (free_address()?, free_address()?);
        let log = std::fs::File::create(folder.path().join("gateway.log"))?;
        let program = gateway(programs, address, admin, log.into(), settings)?;
        wait_for(address).context("the gateway does not listen")?;
        let target = Target {
            name: "gateway",
            address,
            process: program.id(),
            admin: Some(admin),
        };
        Ok(Self {
            target,
            _program: program,
            _folder: folder,
        })
    }
}

/// nginx, HAProxy and the gateway in front of one service, for requests of which only the answers count.
#[derive(Debug)]
pub(crate) struct Doors {
    all: Vec<(&'static str, SocketAddr)>,
    _programs: Vec<Program>,
    _folder: TempDir,
}

impl Doors {
    /// Starts them and waits until they take connections. `haproxy` may be missing.
    pub(crate) fn start(programs: &Programs<'_>, haproxy: Option<&Path>) -> Result<Self> {
        let [service, ..] = programs.replicas else {
            bail!("there is no service");
        };
        let folder = tempfile::tempdir()?;
        let mut all = Vec::new();
        let mut running = Vec::new();

        let address = free_address()?;
        let configuration = format!(
            "daemon off;\nworker_processes 1;\npid nginx.pid;\nerror_log error.log crit;\n\
             events {{ worker_connections 256; }}\n\
             http {{\nclient_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\n\
             uwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\naccess_log off;\nserver_tokens off;\n\
             server {{ listen {address};\nlocation / {{ return 404; }}\n\
             location /api/users/oauth2/ {{\nproxy_pass http://{service}/oauth2/;\nproxy_http_version 1.1;\n\
             proxy_set_header Connection \"\";\nproxy_request_buffering off;\n}} }} }}\n"
        );
        running.push(nginx_with(programs, folder.path(), "nginx", &configuration)?);
        all.push(("nginx", address));

        if let Some(haproxy) = haproxy {
            let address = free_address()?;
            let configuration = format!(
                "defaults\n  mode http\n  timeout connect 1s\n  timeout client 10s\n  timeout server 10s\n\
                 frontend odd\n  bind {address}\n  default_backend service\n\
                 backend service\n  http-request return status 404 unless {{ path_beg /api/users/oauth2/ }}\n  \
                 http-request replace-path ^/api/users/oauth2(.*) /oauth2\\1\n  server one {service}\n"
            );
            let file = folder.path().join("haproxy.cfg");
            std::fs::write(&file, configuration)?;
            let arguments = [OsStr::new("-db"), OsStr::new("-f"), file.as_os_str()];
            running.push(Program::start(haproxy, &arguments, &[], Stdio::null(), false)?);
            all.push(("HAProxy", address));
        }

        let (address, admin) = (free_address()?, free_address()?);
        let variables = [
            ("USER_MANAGEMENT_URL", format!("http://{service}")),
            ("JWKS_URL", format!("http://{service}{KEYS_PATH}")),
            ("REDIS_URL", programs.redis.to_owned()),
            ("PORT", address.port().to_string()),
            ("ADMIN_PORT", admin.port().to_string()),
            ("GATEWAY_THREADS", "1".to_owned()),
            ("UPSTREAM_CHECK_INTERVAL", "0s".to_owned()),
            ("LOG_LEVEL", "error".to_owned()),
            ("SHUTDOWN_GRACE", "1s".to_owned()),
        ];
        running.push(Program::start(
            programs.gateway,
            &[],
            &variables,
            Stdio::null(),
            false,
        )?);
        all.push(("gateway", address));
        for (name, address) in &all {
            wait_for(*address).with_context(|| format!("{name} does not listen"))?;
        }
        Ok(Self {
            all,
            _programs: running,
            _folder: folder,
        })
    }

    pub(crate) fn all(&self) -> &[(&'static str, SocketAddr)] {
        &self.all
    }
}

fn nginx(
    programs: &Programs<'_>,
    folder: &Path,
    name: &str,
    address: SocketAddr,
    full: bool,
) -> Result<Program> {
    let servers: String = programs
        .replicas
        .iter()
        .take(if full { usize::MAX } else { 1 })
        .map(|replica| format!("server {replica};\n"))
        .collect();
    let (http, location) = if full { FULL } else { BARE };
    let configuration = format!(
        "daemon off;\nworker_processes 1;\npid nginx.pid;\nerror_log error.log warn;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\nclient_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\n\
         uwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\nkeepalive_requests 1000000000;\nserver_tokens off;\n\
         upstream service {{ {servers} keepalive 256; keepalive_requests 1000000000; }}\n{http}\n\
         server {{ listen {address};\nlocation /api/analytics/ {{\nproxy_pass http://service/;\n\
         proxy_http_version 1.1;\nproxy_set_header Connection \"\";\n{location}\n}} }} }}\n"
    );
    nginx_with(programs, folder, name, &configuration)
}

fn nginx_with(programs: &Programs<'_>, folder: &Path, name: &str, configuration: &str) -> Result<Program> {
    let prefix = folder.join(name);
    std::fs::create_dir_all(&prefix)?;
    let file = prefix.join("nginx.conf");
    std::fs::write(&file, configuration)?;
    let mut folder_argument = prefix.into_os_string();
    folder_argument.push("/");
    let arguments = [
        OsStr::new("-p"),
        folder_argument.as_os_str(),
        OsStr::new("-c"),
        file.as_os_str(),
    ];
    Program::start(programs.nginx, &arguments, &[], Stdio::inherit(), programs.pin)
}

const BARE: (&str, &str) = ("access_log off;", "");
/// A line per request, a limit by address, headers, two replicas: without tokens, breaker and checks.
const FULL: (&str, &str) = (
    "log_format json escape=json '{\"@timestamp\":\"$time_iso8601\",\"http.request.id\":\"$request_id\",\
     \"http.request.method\":\"$request_method\",\"http.response.status_code\":$status,\
     \"event.duration\":$request_time,\"url.path\":\"$uri\",\"upstream\":\"$upstream_addr\"}';\n\
     access_log access.log json buffer=64k flush=1s;\n\
     limit_req_zone $binary_remote_addr zone=address:10m rate=1000000r/s;",
    "limit_req zone=address burst=1000000 nodelay;\n\
     proxy_set_header X-Request-Id $request_id;\nproxy_set_header X-Forwarded-For $remote_addr;\n\
     proxy_set_header X-Forwarded-Proto $scheme;\nproxy_set_header X-Forwarded-Host $host;\n\
     proxy_next_upstream error timeout;\nadd_header X-Request-Id $request_id always;\n\
     add_header X-Content-Type-Options nosniff always;\nadd_header Referrer-Policy no-referrer always;\n\
     add_header Content-Security-Policy \"frame-ancestors 'none'\" always;",
);

fn gateway(
    programs: &Programs<'_>,
    address: SocketAddr,
    admin: SocketAddr,
    log: Stdio,
    settings: &[(&'static str, String)],
) -> Result<Program> {
    let list = |addresses: &[SocketAddr]| {
        let urls: Vec<String> = addresses
            .iter()
            .map(|address| format!("http://{address}"))
            .collect();
        urls.join(",")
    };
    let Some(first) = programs.replicas.first() else {
        bail!("there are no replicas");
    };
    let many = u32::MAX.to_string();
    let variables = [
        ("ANALYTICS_URL", list(programs.replicas)),
        ("JWKS_URL", format!("http://{first}{KEYS_PATH}")),
        ("REDIS_URL", programs.redis.to_owned()),
        ("PORT", address.port().to_string()),
        ("ADMIN_PORT", admin.port().to_string()),
        // On, but never reached by a client that asks as fast as it can.
        ("RATE_LIMIT_ADDRESS", many),
        ("RATE_LIMIT_USER", "6000000".to_owned()),
        ("GATEWAY_THREADS", "1".to_owned()),
        ("LOG_FORMAT", "json".to_owned()),
        ("SHUTDOWN_GRACE", "1s".to_owned()),
    ];
    let variables: Vec<(&str, String)> = variables.into_iter().chain(settings.iter().cloned()).collect();
    Program::start(programs.gateway, &[], &variables, log, programs.pin)
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

fn wait_for(address: SocketAddr) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        match TcpStream::connect(address) {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > until => return Err(error.into()),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}
