//! The web console as people use it: a real browser, the real system, the truth of the demo base.
//!
//! They need chromium and chromedriver: `cargo test -p devstack --test it -- --ignored console`.

use common::testing::eventually_some;
use devstack::plan::DEMO_PASSWORD;
use serde_json::{Value, json};

use crate::browser::{Browser, PATIENCE};
use crate::compare::decimal;
use crate::support::{TestStack, today};

/// What assistive technology cannot use on the page that is shown.
const ACCESSIBLE: &str = include_str!("accessible.js");

/// An amount as a Russian page shows it.
fn shown(amount: &Value) -> String {
    let text = format!("{:.2}", decimal(amount));
    let (whole, kopecks) = text.split_once('.').unwrap();
    let mut groups = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            groups.push(' ');
        }
        groups.push(digit);
    }
    format!("{groups},{kopecks}")
}

/// A text with ordinary spaces.
fn plain(text: &str) -> String {
    text.replace(['\u{a0}', '\u{202f}'], " ")
}

async fn browser(stack: &TestStack) -> Browser {
    let ports = stack.stack.plan().ports;
    let site = format!("http://127.0.0.1:{}", ports.api(devstack::plan::Program::Gateway));
    Browser::start(&site, 1360, 860).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn an_accountant_asks_and_sees_the_figures_of_1c() {
    let stack = TestStack::start_seeded().await;
    let cash = stack.truth(&["cash", "--date", &today().to_string()]);
    let total = shown(&cash["totals"]["balance"]);
    let browser = browser(&stack).await;

    browser.sign_in("accountant@demo.local", DEMO_PASSWORD).await;
    browser
        .write(".composer textarea", "Сколько денег на счетах и в кассе?\u{e007}")
        .await;
    browser.see(".answer:not(.growing) tfoot").await;
    let answer = plain(&browser.text(".answer").await);
    assert!(answer.contains(&total), "{total} is not in {answer}");

    // The source opens the rows behind the figure.
    browser.click(".cite").await;
    browser.see("dialog[open] tfoot").await;
    let source = plain(&browser.text("dialog[open]").await);
    assert!(source.contains(&total), "{total} is not in {source}");
    browser.press("Закрыть").await;

    // The conversation is there after the page was loaded anew, and nobody has to sign in again.
    browser.run("location.reload()").await;
    browser.see(".answer tfoot").await;

    // The report shows the same, and gives it as a file.
    browser.open("/reports/cash").await;
    browser.settled().await;
    let report = plain(&browser.text(".table").await);
    assert!(report.contains(&total), "{total} is not in {report}");
    browser.run("[...document.querySelectorAll('.page-head button')].find((one) => one.textContent.includes('CSV')).click()").await;
    let file = eventually_some("a saved file", PATIENCE, async || {
        let entry = std::fs::read_dir(browser.downloads.path())
            .unwrap()
            .flatten()
            .next()?;
        let name = entry.file_name().into_string().ok()?;
        (!name.ends_with(".crdownload")).then(|| entry.path())
    })
    .await;
    let file = std::fs::read_to_string(file).unwrap();
    let amount = format!("{:.2}", decimal(&cash["totals"]["balance"])).replace('.', ",");
    assert!(file.contains(&amount), "{amount} is not in {file}");

    // Nothing came from elsewhere, and the browser has no complaint.
    let hosts = browser
        .run("return [...new Set(performance.getEntriesByType('resource').map((one) => new URL(one.name).host))]")
        .await;
    let own = browser.run("return [location.host]").await;
    assert_eq!(hosts, own);
    assert_eq!(browser.errors().await, Vec::<String>::new());
    drop(browser);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn a_question_asked_without_a_network_is_asked_once_when_it_is_back() {
    let stack = TestStack::start_seeded().await;
    let browser = browser(&stack).await;
    browser.sign_in("accountant@demo.local", DEMO_PASSWORD).await;
    browser.settled().await;
    let network = async |offline: bool| {
        let conditions =
            json!({"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        browser.devtools("Network.enable", json!({})).await;
        browser
            .devtools("Network.emulateNetworkConditions", conditions)
            .await;
    };
    network(true).await;
    browser
        .write(".composer textarea", "Какие остатки на складе?\u{e007}")
        .await;
    browser.see(".answer.growing [role=status]:not([hidden])").await;
    network(false).await;
    browser.see(".answer:not(.growing) table").await;
    let counted =
        "return [document.querySelectorAll('.question').length, document.querySelectorAll('.answer').length]";
    assert_eq!(browser.run(counted).await, json!([1, 1]));
    let user = stack.log_in("accountant").await;
    let kept = user.get("/api/ai/conversations").await.unwrap();
    assert_eq!(kept["items"].as_array().map(Vec::len), Some(1), "{kept}");
    drop(browser);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn an_administrator_connects_a_base_and_blocks_a_user() {
    let stack = TestStack::start_seeded().await;
    let browser = browser(&stack).await;
    browser.sign_in("admin@demo.local", DEMO_PASSWORD).await;

    let known = stack
        .log_in("admin")
        .await
        .get("/api/1c/infobases")
        .await
        .unwrap();
    let address = known["items"][0]["base_url"].as_str().unwrap();
    browser.open("/bases/new").await;
    browser.write("input[name=name]", "Вторая база").await;
    // The same server by another name is another base.
    browser
        .write("input[name=base_url]", &address.replace("127.0.0.1", "localhost"))
        .await;
    browser.write("input[name=username]", "odata").await;
    browser.write("input[name=password]", "wrong").await;
    browser.press("Проверить и подключить").await;
    browser.see(".finding.error").await;
    let found = browser.text(".finding.error").await;
    assert!(found.contains("парол"), "{found}");
    // With the right password it is connected, and its data come while one watches.
    browser
        .run("document.querySelector('input[name=password]').value = ''")
        .await;
    browser.write("input[name=password]", "odata-demo").await;
    browser.press("Проверить и подключить").await;
    browser.press("Подключить").await;
    browser.see("progress, .badge.good").await;
    let title = browser.text("h1").await;
    assert_eq!(title, "Вторая база");

    browser.open("/admin/users").await;
    browser.see("tr.pressable").await;
    browser.run("[...document.querySelectorAll('tr.pressable')].find((row) => row.textContent.includes('user@demo.local')).click()").await;
    browser.press("Заблокировать").await;
    browser
        .run("[...document.querySelectorAll('dialog')].at(-1).querySelector('.button.danger').click()")
        .await;
    eventually_some("a user who cannot log in", PATIENCE, async || {
        let refused = stack.gateway.log_in("user@demo.local", DEMO_PASSWORD).await;
        refused.is_err().then_some(())
    })
    .await;
    assert_eq!(browser.errors().await, Vec::<String>::new());
    drop(browser);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver"]
async fn every_page_can_be_used_by_everybody() {
    let stack = TestStack::start_seeded().await;
    let browser = browser(&stack).await;
    browser.open("/").await;
    browser.see("input[name=email]").await;
    let mut wrong = vec![("/login", browser.run(ACCESSIBLE).await)];
    browser.sign_in("admin@demo.local", DEMO_PASSWORD).await;
    let pages = [
        "/chat",
        "/overview",
        "/reports",
        "/reports/receivables",
        "/reports/trial_balance",
        "/letters",
        "/letters/reminder",
        "/bases",
        "/bases/new",
        "/profile/account",
        "/profile/safety",
        "/profile/sessions",
        "/profile/keys",
        "/admin/users",
        "/admin/users/roles",
        "/admin/programs",
        "/admin/models/models",
        "/admin/models/privacy",
        "/admin/security",
        "/admin/audit",
        "/admin/system",
    ];
    for (width, scheme) in [(1360, "light"), (1360, "dark"), (390, "light")] {
        browser.resize(width, 860).await;
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        browser.devtools("Emulation.setEmulatedMedia", features).await;
        for page in pages {
            browser.open(page).await;
            browser.see("main").await;
            browser.settled().await;
            wrong.push((page, browser.run(ACCESSIBLE).await));
        }
    }
    wrong.retain(|(_, found)| *found != json!([]));
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(browser.errors().await, Vec::<String>::new());
    drop(browser);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium and chromedriver, and a machine that does nothing else"]
async fn the_first_page_is_there_within_a_second_on_a_slow_machine() {
    let stack = TestStack::start(&[]).await;
    let browser = browser(&stack).await;
    browser
        .devtools("Emulation.setCPUThrottlingRate", json!({"rate": 4}))
        .await;
    browser.devtools("Network.clearBrowserCache", json!({})).await;
    browser.open("/").await;
    browser.see("input[name=email]").await;
    let loaded = browser
        .run(
            "const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]; \
             const paint = performance.getEntriesByName('first-contentful-paint')[0]; \
             return {bytes: all.reduce((sum, one) => sum + one.transferSize, 0), files: all.length, shown_ms: paint.startTime}",
        )
        .await;
    println!("{loaded}");
    assert!(loaded["bytes"].as_f64().unwrap() < 150.0 * 1024.0, "{loaded}");
    assert!(loaded["shown_ms"].as_f64().unwrap() < 1000.0, "{loaded}");
    drop(browser);
    stack.stop().await;
}
