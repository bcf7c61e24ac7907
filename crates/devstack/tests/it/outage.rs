//! 1C goes away and comes back.

use devstack::plan::Program;
use reqwest::Method;

use crate::compare::decimal;
use crate::support::{TestStack, eventually, today};

#[tokio::test(flavor = "multi_thread")]
async fn the_mirror_answers_while_1c_is_away_and_live_recovers_without_a_restart() {
    let mut stack = TestStack::start_seeded().await;
    let user = stack.log_in("accountant").await;
    let truth = stack.truth(&["receivables", "--date", &today().to_string()]);
    let debt = decimal(&truth["totals"]["debt"]);
    let live = "/api/1c/reports/receivables?source=live";
    let report = user.get(live).await.unwrap();
    assert_eq!(decimal(&report["totals"]["debt"]), debt);
    assert_eq!(report["source"], "live");

    stack.stack.stop_program(Program::OnecDemo).await.unwrap();
    let answer = user.call(Method::GET, live, None).await.unwrap();
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_eq!(answer.body["code"], "onec.infobase_unreachable");
    let answer = eventually("the answer says that 1C is away", async || {
        let answer = user.ask("Кто нам должен больше всего?").await.unwrap();
        assert_eq!(
            decimal(&answer["tables"][0]["totals"]["debt"]),
            debt,
            "the mirror still answers"
        );
        assert!(answer["as_of"].is_string());
        (!answer["notices"].as_array().unwrap().is_empty()).then_some(answer)
    })
    .await;
    assert!(
        answer["notices"].to_string().contains("1С"),
        "{}",
        answer["notices"]
    );

    stack.stack.start_program(Program::OnecDemo).await.unwrap();
    let report = eventually("live reports come back", async || user.get(live).await.ok()).await;
    assert_eq!(decimal(&report["totals"]["debt"]), debt);
    stack.stop().await;
}
