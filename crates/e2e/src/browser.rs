//! A real browser for the tests of the pages: Debian's Chromium, driven through chromedriver.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::program::{Running, free_port, repository, until};

/// How a browser shows pages.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// The width of the window, in CSS pixels.
    pub width: u32,
    /// Whether it prefers dark colours.
    pub dark: bool,
    /// Whether it runs scripts.
    pub script: bool,
    /// Whether it is a telephone: fingers instead of a pointer.
    pub touch: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self { width: 1280, dark: false, script: true, touch: false }
    }
}

/// A browser with a new profile. Dropping it ends the browser.
pub struct Browser {
    runtime: Runtime,
    client: Option<Client>,
    // Ends after the client.
    _driver: Running,
}

impl Browser {
    /// Starts a browser.
    ///
    /// # Panics
    /// If chromedriver or Chromium is missing.
    #[must_use]
    pub fn start() -> Self {
        let port = free_port();
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}"));
        let found = Command::new("chromedriver").arg("--version").output();
        assert!(found.is_ok(), "chromedriver is missing: run `make setup-test`");
        let mut driver = Running::start("chromedriver", command);
        driver.until("chromedriver to listen", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        let runtime = Runtime::new().unwrap();
        let client = runtime.block_on(async {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            builder.capabilities(capabilities().as_object().unwrap().clone().into_iter().collect());
            builder.connect(&format!("http://127.0.0.1:{port}")).await.unwrap()
        });
        Self { runtime, client: Some(client), _driver: driver }
    }

    fn client(&self) -> &Client {
        self.client.as_ref().unwrap()
    }

    /// Changes how it shows pages from now on.
    pub fn look(&self, look: Look) {
        let size =
            json!({ "width": look.width, "height": 900, "deviceScaleFactor": 1, "mobile": look.touch });
        self.devtools("Emulation.setDeviceMetricsOverride", size);
        self.devtools("Emulation.setTouchEmulationEnabled", json!({ "enabled": look.touch }));
        let scheme = if look.dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features);
        self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": !look.script }));
    }

    /// Opens a page.
    pub fn open(&self, url: &str) {
        self.runtime.block_on(self.client().goto(url)).unwrap();
    }

    /// The address of the page.
    #[must_use]
    pub fn url(&self) -> String {
        self.runtime.block_on(self.client().current_url()).unwrap().to_string()
    }

    /// The title of the page.
    #[must_use]
    pub fn title(&self) -> String {
        self.runtime.block_on(self.client().title()).unwrap()
    }

    /// Clicks the first element that fits.
    ///
    /// # Panics
    /// If there is none that can be clicked.
    pub fn click(&self, css: &str) {
        let done = self.runtime.block_on(async {
            let found = self.client().find(Locator::Css(css)).await?;
            found.click().await
        });
        done.unwrap_or_else(|error| panic!("click {css}: {error}"));
    }

    /// Types into the first element that fits. For the field of a file the text is its path.
    pub fn type_into(&self, css: &str, text: &str) {
        let done = self.runtime.block_on(async {
            let found = self.client().find(Locator::Css(css)).await?;
            found.send_keys(text).await
        });
        done.unwrap_or_else(|error| panic!("type into {css}: {error}"));
    }

    /// Presses keys, wherever the focus is.
    pub fn press(&self, keys: &str) {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for key in keys.chars() {
            actions = actions.then(KeyAction::Down { value: key }).then(KeyAction::Up { value: key });
        }
        self.runtime.block_on(self.client().perform_actions(actions)).unwrap();
    }

    /// The text that a person sees of the first element that fits; `None` if there is no such element.
    #[must_use]
    pub fn text(&self, css: &str) -> Option<String> {
        self.runtime.block_on(async {
            let found = self.client().find(Locator::Css(css)).await.ok()?;
            found.text().await.ok()
        })
    }

    /// The value of a JavaScript expression.
    #[must_use]
    pub fn eval(&self, expression: &str) -> Value {
        let script = format!("return ({expression});");
        let value = self.runtime.block_on(self.client().execute(&script, Vec::new()));
        value.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// The value that a script gives to its last argument, a function.
    #[must_use]
    pub fn eval_later(&self, script: &str) -> Value {
        self.runtime.block_on(self.client().execute_async(script, Vec::new())).unwrap()
    }

    /// Waits until the first element that fits has `text` in it.
    ///
    /// # Panics
    /// After two minutes.
    pub fn until_text(&self, css: &str, text: &str) {
        let what = format!("{css} to have the text {text:?} on {}", self.url());
        until(&what, || self.text(css).filter(|found| found.contains(text)));
    }

    /// Waits until a JavaScript expression is true.
    ///
    /// # Panics
    /// After two minutes.
    pub fn until_true(&self, expression: &str) {
        until(expression, || (self.eval(expression) == true).then_some(()));
    }

    /// The complaints of the console since the last call: errors of scripts, refused content, failed loads.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let entries = self.log("browser");
        let severe = entries.iter().filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING");
        severe.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The addresses of all requests since the last call.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        let entries = self.log("performance");
        let events = entries.iter().filter_map(|entry| serde_json::from_str(entry["message"].as_str()?).ok());
        let sent = events.filter_map(|event: Value| {
            let message = &event["message"];
            let is_request = message["method"] == "Network.requestWillBeSent";
            is_request.then(|| message["params"]["request"]["url"].as_str().map(str::to_owned))?
        });
        sent.collect()
    }

    fn log(&self, kind: &str) -> Vec<Value> {
        let body = json!({ "type": kind });
        let entries = self.issue(Chromium { path: "se/log", body });
        entries.as_array().cloned().unwrap_or_default()
    }

    /// Sends a command of the DevTools protocol.
    pub fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.issue(Chromium { path: "goog/cdp/execute", body })
    }

    fn issue(&self, command: Chromium) -> Value {
        let path = command.path;
        let answer = self.runtime.block_on(self.client().issue_cmd(command));
        answer.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Keeps a picture of the whole page as `{folder}/{name}.png`.
    pub fn picture(&self, folder: &std::path::Path, name: &str) {
        use base64::Engine;
        let size = self.devtools("Page.getLayoutMetrics", json!({}))["cssContentSize"].clone();
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let options = json!({ "captureBeyondViewport": true, "clip": clip });
        let picture = self.devtools("Page.captureScreenshot", options);
        let bytes =
            base64::engine::general_purpose::STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }

    /// What axe-core finds on the page: a line for each rule that is not followed. From then on scripts run; the page has
    /// been made without them, if [`Look::script`] says so.
    ///
    /// # Panics
    /// If axe-core is missing.
    #[must_use]
    pub fn accessibility_faults(&self) -> Vec<String> {
        let axe: PathBuf = repository().join("target/tools/page/node_modules/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(&axe).unwrap_or_else(|_| {
            panic!("{} is missing: run `make target/tools/page/installed`", axe.display())
        });
        self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": false }));
        // The content security policy of the page does not hold for the driver.
        self.runtime.block_on(self.client().execute(&axe, Vec::new())).unwrap();
        let found = self.eval_later(
            "const done = arguments[arguments.length - 1]; axe.run().then((found) => done(found.violations.map((fault) => \
             `${fault.id} (${fault.impact}): ${fault.nodes.map((node) => node.target.join(' ')).join(', ')}`)), (error) => \
             done([String(error)]));",
        );
        let lines = found.as_array().unwrap().iter();
        lines.map(|line| line.as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            let close = async { tokio::time::timeout(Duration::from_secs(10), client.close()).await };
            let _ = self.runtime.block_on(close);
        }
    }
}

fn capabilities() -> Value {
    let mut arguments =
        vec!["--headless=new", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"];
    if is_root() {
        arguments.push("--no-sandbox"); // Chromium has no sandbox for root, as in a container of CI
    }
    json!({
        "goog:chromeOptions": { "args": arguments },
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
    })
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

/// A command of chromedriver that is not in the standard.
#[derive(Debug)]
struct Chromium {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Chromium {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
