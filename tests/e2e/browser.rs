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

/// The texts whose colour is too close to what is behind them (WCAG 2.2, 1.4.3: 4.5 to 1).
pub(crate) const CONTRASTS: &str = r"(() => {
    const numbers = colour => colour.match(/[\d.]+/g).map(Number);
    const light = colour => {
        const [r, g, b] = numbers(colour).map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = node => {
        const colour = getComputedStyle(node).backgroundColor;
        return (numbers(colour)[3] ?? 1) === 0 ? behind(node.parentElement) : colour;
    };
    const texts = [...document.querySelectorAll('body *')].filter(node =>
        !['SCRIPT', 'STYLE'].includes(node.tagName) && [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim()));
    return texts.filter(node => {
        const [a, b] = [light(getComputedStyle(node).color), light(behind(node))].sort((a, b) => b - a);
        return (a + 0.05) / (b + 0.05) < 4.5;
    }).map(node => `${node.tagName} ${node.className}: ${node.textContent.slice(0, 30)}`);
})()";

/// A browser with one page open.
pub(crate) struct Browser {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    session: Option<String>,
    last: u64,
    /// What the page complained about: exceptions, refusals of its security policy.
    pub(crate) complaints: Vec<String>,
    /// What it asked for, from anywhere.
    pub(crate) requests: Vec<String>,
    _profile: TempDir,
}

impl Browser {
    /// Starts one. Chromium reads orders from descriptor 3 and writes answers to descriptor 4.
    pub(crate) fn start() -> Self {
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
        let (session, complaints, requests) = (None, Vec::new(), Vec::new());
        let mut browser = Self { process, orders, answers, session, last: 0, complaints, requests, _profile: profile };
        browser.attach();
        browser
    }

    fn attach(&mut self) {
        let targets = self.order("Target.getTargets", &json!({}));
        let targets = targets["targetInfos"].as_array().unwrap();
        let page = targets.iter().find(|target| target["type"] == "page").expect("a page")["targetId"].clone();
        let attached = self.order("Target.attachToTarget", &json!({"targetId": page, "flatten": true}));
        self.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.order(&format!("{domain}.enable"), &json!({}));
        }
    }

    /// Goes to an address and waits until the page is live.
    pub(crate) fn open(&mut self, address: &str) {
        self.order("Page.navigate", &json!({ "url": address }));
        self.wait_for("location.protocol === 'http:' && document.body?.dataset.live === 'yes'");
    }

    /// Goes to a page that is what it is as soon as it is read: a file, or nothing.
    pub(crate) fn read(&mut self, address: &str) {
        self.order("Page.navigate", &json!({ "url": address }));
        self.wait_for(&format!("location.href === {} && document.readyState === 'complete'", Value::from(address)));
    }

    /// Without scrollbars what is at the edge is the page's.
    pub(crate) fn hide_scrollbars(&mut self) {
        self.order("Emulation.setScrollbarsHidden", &json!({ "hidden": true }));
    }

    /// A picture of the whole page, as PNG in base64.
    pub(crate) fn picture(&mut self) -> String {
        let size = self.evaluate("[document.documentElement.clientWidth, document.documentElement.scrollHeight]");
        let clip = json!({"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1});
        let taken = self.order("Page.captureScreenshot", &json!({"captureBeyondViewport": true, "clip": clip}));
        taken["data"].as_str().unwrap().to_owned()
    }

    /// The window's width, and whether the person likes it dark.
    pub(crate) fn look_like(&mut self, width: u32, scheme: &str) {
        let metrics = json!({"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": false});
        self.order("Emulation.setDeviceMetricsOverride", &metrics);
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.order("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// What an expression comes to on the page.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let answer = self.order("Runtime.evaluate", &json!({"expression": expression, "returnByValue": true}));
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer:#}");
        answer["result"]["value"].clone()
    }

    /// The text of everything that a selector finds, one a line.
    pub(crate) fn text(&mut self, selector: &str) -> String {
        let selector = Value::from(selector);
        let expression =
            format!("[...document.querySelectorAll({selector})].map(found => found.textContent).join('\\n')");
        self.evaluate(&expression).as_str().unwrap().to_owned()
    }

    /// Waits until an expression holds on the page, looking again whenever the page has had time to change.
    pub(crate) fn wait_for(&mut self, condition: &str) {
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

    /// What the page's promise comes to.
    pub(crate) fn promised(&mut self, expression: &str) -> Value {
        let order = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let answer = self.order("Runtime.evaluate", &order);
        assert!(answer["exceptionDetails"].is_null(), "{answer:#}");
        answer["result"]["value"].clone()
    }

    /// A sandbox that has gone is no complaint: the browser notes every request that failed.
    fn note(&mut self, event: &Value) {
        let is_complaint = match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Network.requestWillBeSent") => {
                self.requests.push(event["params"]["request"]["url"].as_str().unwrap().to_owned());
                false
            }
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
