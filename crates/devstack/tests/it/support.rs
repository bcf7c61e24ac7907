//! Starting a stack of one's own and asking the demo base for the truth.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::NaiveDate;
use common::clock::Clock;
use common::testing::eventually_some;
use devstack::client::Gateway;
use devstack::plan::{DEMO_PASSWORD, Plan, Ports, Program};
use devstack::programs::{self, Profile};
use devstack::seed;
use devstack::stack::Stack;
use serde_json::Value;

/// A running stack with its log.
pub(crate) struct TestStack {
    pub(crate) stack: Stack,
    pub(crate) gateway: Gateway,
    demo_arguments: Vec<String>,
    log: Arc<Mutex<Vec<String>>>,
    _folder: tempfile::TempDir,
}

impl TestStack {
    /// Starts all programs on free ports with an empty database; does not wait for data.
    pub(crate) async fn start(demo_arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let demo_arguments: Vec<String> = demo_arguments
            .iter()
            .map(|&argument| argument.to_owned())
            .collect();
        let plan = Plan {
            folder: folder.path().join("stack"),
            ports: Ports::new(Some(free_row())),
            programs: programs::build_missing(Profile::Debug).unwrap(),
            without: Vec::new(),
            demo_arguments: demo_arguments.clone(),
            variables: vec![
                // Dozens of questions in a few seconds are no abuse here.
                ("RATE_LIMIT_ANONYMOUS".to_owned(), "6000".to_owned()),
                ("RATE_LIMIT_CHAT".to_owned(), "6000".to_owned()),
                ("RATE_LIMIT_USER".to_owned(), "6000".to_owned()),
            ],
        };
        let (sender, mut lines) = tokio::sync::mpsc::unbounded_channel();
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = log.clone();
        #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        tokio::spawn(async move {
            while let Some(line) = lines.recv().await {
                kept.lock().unwrap().push(line);
            }
        });
        let started = Stack::start(plan, sender).await;
        let stack = match started {
            Ok(stack) => stack,
            Err(error) => {
                print_log(&log);
                panic!("the stack did not start: {error:#}");
            }
        };
        let gateway = stack.gateway().unwrap();
        Self {
            stack,
            gateway,
            demo_arguments,
            log,
            _folder: folder,
        }
    }

    /// The same with demo users and a finished first synchronisation.
    pub(crate) async fn start_seeded() -> Self {
        let stack = Self::start(&[]).await;
        seed::seed(&stack.gateway, |_| {}).await.unwrap();
        stack
    }

    /// A client of the gateway logged in as a demo user.
    pub(crate) async fn log_in(&self, role: &str) -> Gateway {
        self.gateway
            .log_in(&format!("{role}@demo.local"), DEMO_PASSWORD)
            .await
            .unwrap()
    }

    /// What `onec-demo truth` prints for the base of this stack.
    pub(crate) fn truth(&self, arguments: &[&str]) -> Value {
        let program = self.stack.plan().programs.join(Program::OnecDemo.name());
        let output = Command::new(program)
            .arg("truth")
            .args(arguments)
            .args(&self.demo_arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Ends the stack and asserts that no process is left.
    pub(crate) async fn stop(mut self) {
        let pids: Vec<u32> = Program::ALL
            .iter()
            .filter_map(|program| self.stack.pid(*program))
            .collect();
        assert_eq!(
            pids.len(),
            Program::ALL.len(),
            "all programs still run at the end"
        );
        self.stack.stop().await;
        for pid in pids {
            assert!(!is_running(pid), "process {pid} is left");
        }
    }
}

impl Drop for TestStack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            print_log(&self.log);
        }
    }
}

fn print_log(log: &Mutex<Vec<String>>) {
    let lines = log.lock().unwrap();
    for line in lines.iter().skip(lines.len().saturating_sub(300)) {
        println!("{line}");
    }
}

/// True while a process of that id runs (a zombie does not).
pub(crate) fn is_running(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// The first of a row of free ports. Rows are taken at different places by different tests.
pub(crate) fn free_row() -> u16 {
    static NEXT: Mutex<u16> = Mutex::new(0);
    let mut next = NEXT.lock().unwrap();
    loop {
        let process = u16::try_from(std::process::id() % 200).unwrap();
        let first = 20_000 + process * 60 + *next * Ports::COUNT;
        *next += 1;
        let row = first..first + Ports::COUNT;
        if row
            .clone()
            .all(|port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok())
        {
            return first;
        }
    }
}

/// Today at the company.
pub(crate) fn today() -> NaiveDate {
    Clock::system()
        .now()
        .with_timezone(&chrono_tz::Europe::Moscow)
        .date_naive()
}

/// Repeats a question until its answer is as expected.
pub(crate) async fn eventually<T>(what: &str, value: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_some(what, Duration::from_secs(60), value).await
}
