//! Clients of other makes. `tests/external/doors.sh` runs these.

use std::process::Stdio;

use common::auth::Permission;
use common::config::Reader;
use tokio::process::Command;

use crate::setup::Service;

async fn run(script: &str, service: &Service, more: &[(&str, &str)]) {
    let mut settings = Reader::from_process("doors");
    let python: String = settings.required("DOORS_PYTHON").unwrap();
    let scripts: String = settings.required("DOORS_SCRIPTS").unwrap();
    let permissions = [Permission::Chat, Permission::OnecRead];
    let status = Command::new(python)
        .arg(format!("{scripts}/{script}"))
        .env("DOORS_URL", service.url())
        .env("DOORS_TOKEN", service.issuer.token(&permissions))
        .envs(more.iter().copied())
        .stdin(Stdio::null())
        .status()
        .await
        .unwrap();
    assert!(status.success(), "{script} ended with {status}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the SDKs; tests/external/doors.sh runs it"]
async fn official_sdks_work_unchanged() {
    for dialect in ["chat", "openai", "anthropic"] {
        let service = Service::with_provider(dialect).await;
        run("sdks.py", &service, &[("DOORS_DIALECT", dialect)]).await;
    }
    let service = Service::start().await;
    run(
        "mcp_client.py",
        &service,
        &[("DOORS_BIN", env!("CARGO_BIN_EXE_ai-assistant"))],
    )
    .await;
}
