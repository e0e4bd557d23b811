//! A real browser for the tests of the pages: Debian's Chromium, driven through chromedriver.
//!
//! The protocol is WebDriver (W3C), JSON over HTTP, of which the tests need a dozen commands. The libraries for it would
//! bring a licence that nothing else here has, and old copies of fourteen crates.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use serde_json::{Value, json};
use ureq::Agent;

use crate::program::{Running, free_port, repository, until};

/// The key under which WebDriver names an element (W3C WebDriver, 12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Time limit of one command. A page may take long on a busy machine.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(120);

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
    agent: Agent,
    /// The address of the session.
    session: String,
    // Ends after the session.
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
        let config =
            Agent::config_builder().http_status_as_error(false).timeout_global(Some(COMMAND_TIMEOUT));
        let agent = config.build().new_agent();
        let sessions = format!("http://127.0.0.1:{port}/session");
        let made = command_of(
            &agent,
            "POST",
            &sessions,
            &json!({ "capabilities": { "alwaysMatch": capabilities() } }),
        );
        let made = made.unwrap_or_else(|error| panic!("no browser: {error}"));
        let session = format!("{sessions}/{}", made["sessionId"].as_str().unwrap());
        Self { agent, session, _driver: driver }
    }

    /// Sends a command with this path below the session.
    fn try_command(&self, verb: &str, path: &str, body: &Value) -> Result<Value, String> {
        command_of(&self.agent, verb, &format!("{}/{path}", self.session), body)
    }

    #[track_caller]
    fn command(&self, verb: &str, path: &str, body: &Value) -> Value {
        self.try_command(verb, path, body).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The path of the first element that fits.
    fn find(&self, css: &str) -> Result<String, String> {
        let found = self.try_command("POST", "element", &json!({ "using": "css selector", "value": css }))?;
        Ok(format!("element/{}", found[ELEMENT].as_str().unwrap_or_default()))
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
        self.command("POST", "url", &json!({ "url": url }));
    }

    /// The address of the page.
    #[must_use]
    pub fn url(&self) -> String {
        self.command("GET", "url", &Value::Null).as_str().unwrap_or_default().to_owned()
    }

    /// The title of the page.
    #[must_use]
    pub fn title(&self) -> String {
        self.command("GET", "title", &Value::Null).as_str().unwrap_or_default().to_owned()
    }

    /// Clicks the first element that fits.
    ///
    /// # Panics
    /// If there is none that can be clicked.
    #[track_caller]
    pub fn click(&self, css: &str) {
        let click = |element: String| self.try_command("POST", &format!("{element}/click"), &json!({}));
        self.find(css).and_then(click).unwrap_or_else(|error| panic!("click {css}: {error}"));
    }

    /// Types into the first element that fits. For the field of a file the text is its path.
    ///
    /// # Panics
    /// If there is none that takes text.
    #[track_caller]
    pub fn type_into(&self, css: &str, text: &str) {
        let write =
            |element: String| self.try_command("POST", &format!("{element}/value"), &json!({ "text": text }));
        self.find(css).and_then(write).unwrap_or_else(|error| panic!("type into {css}: {error}"));
    }

    /// Presses keys, wherever the focus is.
    pub fn press(&self, keys: &str) {
        let step = |kind: &str, key: char| json!({ "type": kind, "value": key.to_string() });
        let steps: Vec<Value> =
            keys.chars().flat_map(|key| [step("keyDown", key), step("keyUp", key)]).collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": steps });
        self.command("POST", "actions", &json!({ "actions": [keyboard] }));
    }

    /// The text that a person sees of the first element that fits; `None` if there is no such element.
    #[must_use]
    pub fn text(&self, css: &str) -> Option<String> {
        let element = self.find(css).ok()?;
        // The page may have changed since.
        let text = self.try_command("GET", &format!("{element}/text"), &Value::Null).ok()?;
        text.as_str().map(str::to_owned)
    }

    /// The value of a JavaScript expression.
    #[must_use]
    #[track_caller]
    pub fn eval(&self, expression: &str) -> Value {
        self.command(
            "POST",
            "execute/sync",
            &json!({ "script": format!("return ({expression});"), "args": [] }),
        )
    }

    /// The value that a script gives to its last argument, a function.
    #[must_use]
    #[track_caller]
    pub fn eval_later(&self, script: &str) -> Value {
        self.command("POST", "execute/async", &json!({ "script": script, "args": [] }))
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
        let entries = self.command("POST", "se/log", &json!({ "type": kind }));
        entries.as_array().cloned().unwrap_or_default()
    }

    /// Sends a command of the DevTools protocol.
    pub fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.command("POST", "goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// Keeps a picture of the whole page as `{folder}/{name}.png`.
    pub fn picture(&self, folder: &Path, name: &str) {
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
        let run = "const done = arguments[arguments.length - 1]; axe.run().then((found) => done(found.violations.map((fault) => \
                   `${fault.id} (${fault.impact}): ${fault.nodes.map((node) => node.target.join(' ')).join(', ')}`)), \
                   (error) => done([String(error)]));";
        let found = self.eval_later(&format!("{axe}\n{run}"));
        let lines = found.as_array().unwrap().iter();
        lines.map(|line| line.as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // If it does not answer, it ends with its driver.
        let _ = command_of(&self.agent, "DELETE", &self.session, &Value::Null);
    }
}

/// Sends a command of WebDriver and returns its value, or what went wrong.
fn command_of(agent: &Agent, verb: &str, url: &str, body: &Value) -> Result<Value, String> {
    let sent = match verb {
        "GET" => agent.get(url).call(),
        "DELETE" => agent.delete(url).call(),
        _ => agent.post(url).send_json(body),
    };
    let mut answer = sent.map_err(|error| error.to_string())?;
    let text = answer.body_mut().with_config().limit(100 << 20).read_to_string();
    let value: Value = serde_json::from_str(&text.map_err(|error| error.to_string())?)
        .map_err(|error| format!("the driver answers no JSON: {error}"))?;
    match answer.status().is_success() {
        true => Ok(value["value"].clone()),
        false => Err(format!("{}: {}", value["value"]["error"], value["value"]["message"])),
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
