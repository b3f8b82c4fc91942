//! A headless Chromium, led by the DevTools protocol over a pair of pipes: no port, no further program.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a page may take to become what a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A browser with one page open.
pub(super) struct Browser {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    session: Option<String>,
    last: u64,
    /// What the page complained about: exceptions, refusals of its security policy.
    pub(super) complaints: Vec<String>,
    _profile: TempDir,
}

impl Browser {
    /// Starts one. Chromium reads orders from descriptor 3 and writes answers to descriptor 4.
    pub(super) fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let chromium = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| is_there(name));
        let chromium = chromium.expect("a Chromium: scripts/setup chromium");
        let mut process = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh", chromium])
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        let (session, complaints) = (None, Vec::new());
        let mut browser = Self { process, orders, answers, session, last: 0, complaints, _profile: profile };
        browser.attach();
        browser
    }

    fn attach(&mut self) {
        let targets = self.order("Target.getTargets", &json!({}));
        let targets = targets["targetInfos"].as_array().unwrap();
        let page = targets.iter().find(|target| target["type"] == "page").expect("a page")["targetId"].clone();
        let attached = self.order("Target.attachToTarget", &json!({"targetId": page, "flatten": true}));
        self.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log"] {
            self.order(&format!("{domain}.enable"), &json!({}));
        }
    }

    /// Goes to an address and waits until the page is live.
    pub(super) fn open(&mut self, address: &str) {
        self.order("Page.navigate", &json!({ "url": address }));
        self.wait_for("location.protocol === 'http:' && document.body?.dataset.live === 'yes'");
    }

    /// The window's width, and whether the person likes it dark.
    pub(super) fn look_like(&mut self, width: u32, scheme: &str) {
        let metrics = json!({"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": false});
        self.order("Emulation.setDeviceMetricsOverride", &metrics);
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.order("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// What an expression comes to on the page.
    pub(super) fn evaluate(&mut self, expression: &str) -> Value {
        let answer = self.order("Runtime.evaluate", &json!({"expression": expression, "returnByValue": true}));
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer:#}");
        answer["result"]["value"].clone()
    }

    /// The text of everything that a selector finds, one a line.
    pub(super) fn text(&mut self, selector: &str) -> String {
        let selector = Value::from(selector);
        let expression =
            format!("[...document.querySelectorAll({selector})].map(found => found.textContent).join('\\n')");
        self.evaluate(&expression).as_str().unwrap().to_owned()
    }

    /// Waits until an expression holds on the page, looking again whenever the page has had time to change.
    pub(super) fn wait_for(&mut self, condition: &str) {
        let begun = Instant::now();
        let paint = "new Promise(resolve => setTimeout(resolve, 50))";
        while self.evaluate(&format!("Boolean({condition})")) != true {
            assert!(begun.elapsed() < PATIENCE, "never: {condition}\n{}", self.text("body"));
            self.order("Runtime.evaluate", &json!({"expression": paint, "awaitPromise": true}));
        }
    }

    /// Gives an order and reads on until its answer.
    fn order(&mut self, method: &str, parameters: &Value) -> Value {
        self.last += 1;
        let mut order = json!({"id": self.last, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            order["sessionId"] = session.as_str().into();
        }
        self.orders.write_all(format!("{order}\0").as_bytes()).unwrap();
        loop {
            let mut message = Vec::new();
            self.answers.read_until(0, &mut message).unwrap();
            assert_eq!(message.pop(), Some(0), "the browser has gone");
            let message: Value = serde_json::from_slice(&message).unwrap();
            if message["id"] == self.last {
                assert!(message["error"].is_null(), "{method}: {message:#}");
                return message["result"].clone();
            }
            self.note(&message);
        }
    }

    /// A sandbox that has gone is no complaint: the browser notes every request that failed.
    fn note(&mut self, event: &Value) {
        let is_complaint = match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Log.entryAdded") => event["params"]["entry"]["source"] != "network",
            _ => false,
        };
        if is_complaint {
            self.complaints.push(event["params"].to_string());
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
