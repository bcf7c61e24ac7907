//! A synchronisation that is killed in the middle.

use std::process::Command;

use devstack::plan::{DEMO_PASSWORD, LOGINS, Program};

use crate::compare::decimal;
use crate::support::{TestStack, eventually, today};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_synchronisation_resumes_and_ends_with_the_same_rows() {
    let mut stack = TestStack::start(&["--scale", "3"]).await;
    let admin = stack
        .gateway
        .log_in(LOGINS[0].email, DEMO_PASSWORD)
        .await
        .unwrap();
    let jobs = async || admin.get("/api/1c/sync/jobs?limit=20").await.ok();
    let seen = eventually("rows begin to arrive", async || {
        let rows = jobs().await?["items"][0]["rows"].as_u64()?;
        (rows > 2000).then_some(rows)
    })
    .await;
    let pid = stack.stack.pid(Program::OnecIntegration).unwrap();
    assert!(
        Command::new("kill")
            .args(["-9", &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
    eventually("the service is gone", async || {
        stack
            .stack
            .notice_endings()
            .iter()
            .any(|(program, _)| *program == Program::OnecIntegration)
            .then_some(())
    })
    .await;
    stack.stack.start_program(Program::OnecIntegration).await.unwrap();
    let job = eventually("the synchronisation ends", async || {
        let jobs = jobs().await?;
        jobs["items"]
            .as_array()?
            .iter()
            .find(|job| job["state"] == "succeeded")
            .cloned()
    })
    .await;
    assert!(job["rows"].as_u64().unwrap() > seen, "{job}");

    let day = today().to_string();
    for (report, totals) in [
        ("receivables", ["debt", "overdue", "advance"].as_slice()),
        ("payables", &["debt", "overdue", "advance"]),
        ("stock", &["quantity", "cost"]),
        ("cash", &["balance"]),
    ] {
        let truth = stack.truth(&[report, "--date", &day]);
        let mirror = admin
            .get(&format!("/api/1c/reports/{report}?date={day}"))
            .await
            .unwrap();
        for total in totals {
            assert_eq!(
                decimal(&mirror["totals"][total]),
                decimal(&truth["totals"][total]),
                "{report} {total}"
            );
        }
    }
    stack.stop().await;
}
