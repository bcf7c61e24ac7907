//! A real browser, driven by the WebDriver protocol (W3C) as far as these tests need it.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::http::client;
use common::testing::eventually_some;
use reqwest::Method;
use serde_json::{Value, json};

/// The key of an element's id in answers of WebDriver.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// How long something may take to show up on a page.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A browser with one window. It ends with the value.
pub(crate) struct Browser {
    driver: Child,
    http: reqwest::Client,
    session: String,
    site: String,
    /// Where files are saved to.
    pub(crate) downloads: tempfile::TempDir,
}

impl Browser {
    /// Starts chromium without a window of the desktop; `site` is where its addresses begin.
    pub(crate) async fn start(site: &str, width: u32, height: u32) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed");
        let http = client::builder()
            .timeout(Duration::from_secs(60))
            .build()
            .unwrap();
        let root = format!("http://127.0.0.1:{port}");
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--lang=ru"]},
        }}});
        let session = eventually_some("a session of the browser", PATIENCE, async || {
            let request = http.post(format!("{root}/session")).json(&capabilities);
            let answer: Value = client::send(request).await.ok()?.json().await.ok()?;
            Some(answer["value"]["sessionId"].as_str()?.to_owned())
        })
        .await;
        let browser = Self {
            driver,
            http,
            session: format!("{root}/session/{session}"),
            site: site.to_owned(),
            downloads: tempfile::tempdir().unwrap(),
        };
        browser.resize(width, height).await;
        let folder = browser.downloads.path().to_str().unwrap();
        browser
            .devtools(
                "Browser.setDownloadBehavior",
                json!({"behavior": "allow", "downloadPath": folder}),
            )
            .await;
        browser
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, String> {
        let mut request = self.http.request(method, format!("{}{path}", self.session));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = client::send(request).await.map_err(|error| error.to_string())?;
        let is_well = answer.status().is_success();
        let answer: Value = answer.json().await.map_err(|error| error.to_string())?;
        if is_well {
            Ok(answer["value"].clone())
        } else {
            Err(answer["value"]["message"].to_string())
        }
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.call(Method::POST, path, Some(body)).await;
        answer.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A command of the browser's own protocol.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.post("/goog/cdp/execute", json!({"cmd": command, "params": parameters}))
            .await
    }

    /// Gives the page another size.
    pub(crate) async fn resize(&self, width: u32, height: u32) {
        let mobile = width < 600;
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Opens an address of the site.
    pub(crate) async fn open(&self, path: &str) {
        self.post("/url", json!({"url": format!("{}{path}", self.site)}))
            .await;
    }

    /// Runs a script in the page and gives what it returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", json!({"script": script, "args": []}))
            .await
    }

    /// The first element that a selector finds, once there is one.
    async fn element(&self, selector: &str) -> String {
        let body = json!({"using": "css selector", "value": selector});
        self.find(body, selector).await
    }

    async fn find(&self, body: Value, what: &str) -> String {
        eventually_some(what, PATIENCE, async || {
            let found = self
                .call(Method::POST, "/element", Some(body.clone()))
                .await
                .ok()?;
            Some(found[ELEMENT].as_str()?.to_owned())
        })
        .await
    }

    /// Waits until a selector finds something.
    pub(crate) async fn see(&self, selector: &str) {
        self.element(selector).await;
    }

    /// The text of the first element that a selector finds.
    pub(crate) async fn text(&self, selector: &str) -> String {
        let element = self.element(selector).await;
        let text = self
            .call(Method::GET, &format!("/element/{element}/text"), None)
            .await;
        text.unwrap().as_str().unwrap_or_default().to_owned()
    }

    /// Presses the first element that a selector finds.
    pub(crate) async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        self.post(&format!("/element/{element}/click"), json!({})).await;
    }

    /// Presses the button or link of that name.
    pub(crate) async fn press(&self, name: &str) {
        let path =
            format!("//*[self::button or self::a][normalize-space(.)='{name}' or @aria-label='{name}']");
        let element = self.find(json!({"using": "xpath", "value": path}), name).await;
        self.post(&format!("/element/{element}/click"), json!({})).await;
    }

    /// Types into a field.
    pub(crate) async fn write(&self, selector: &str, text: &str) {
        let element = self.element(selector).await;
        self.post(&format!("/element/{element}/value"), json!({"text": text}))
            .await;
    }

    /// Signs in at the first page and waits for the frame.
    pub(crate) async fn sign_in(&self, email: &str, password: &str) {
        self.open("/").await;
        self.write("input[name=email]", email).await;
        self.write("input[name=password]", password).await;
        self.click("button[type=submit]").await;
        self.see(".shell").await;
    }

    /// Waits until nothing is being loaded any more.
    pub(crate) async fn settled(&self) {
        let busy = "return document.querySelectorAll('.skeleton, .growing, [aria-busy=true]').length";
        eventually_some("a page that has been loaded", PATIENCE, async || {
            (self.run(busy).await == json!(0)).then_some(())
        })
        .await;
    }

    /// Errors that the browser has written down since it was asked last, refused requests aside.
    pub(crate) async fn errors(&self) -> Vec<String> {
        let log = self.post("/se/log", json!({"type": "browser"})).await;
        let lines = log.as_array().cloned().unwrap_or_default();
        lines
            .iter()
            .filter(|line| line["level"] == "SEVERE" && line["source"] != "network")
            .map(|line| line["message"].to_string())
            .collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ending the driver ends the browser that it has started.
        if self.driver.kill().is_ok() {
            drop(self.driver.wait());
        }
    }
}
