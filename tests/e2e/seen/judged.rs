//! A step of a GitHub job around the built binary, and what the judge reads of it.

use std::{
    fs,
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    judges::PYTHON,
    world::{Ran, World, signal},
};

const JUDGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/judges/seen.py");

/// Lines of a container that wants to be obeyed.
pub(super) const HOSTILE: [&str; 9] = [
    "::error::from the container",
    "::set-output name=status::success",
    "::stop-commands::guess",
    "::add-mask::shop-api",
    "##[add-mask]shop-api",
    "</details><script>alert(1)</script>",
    "``` and `````` and ~~~ | [a](javascript:b) ![i](https://example.com/x.png) <img src=x onerror=y>",
    "\u{1b}[31mred\u{1b}[0m and \u{1b}[2J\u{1b}[1;1Hhome",
    "status<<x",
];

/// The behaviour of the demo's application that prints these lines and ends with code 1.
pub(super) fn hostile() -> [(&'static str, &'static str); 2] {
    static LINES: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| format!("\n{}\n", HOSTILE.join("\n")));
    [("DEMO_FAIL", "print-environment"), ("HOSTILE", LINES.as_str())]
}

/// A step with the files that the runner gives it.
pub(super) struct Step<'a> {
    world: &'a World,
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl<'a> Step<'a> {
    pub(super) fn new(world: &'a World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut step = Self { world, folder, variables: Vec::new() };
        for name in ["output", "summary"] {
            fs::write(step.folder.path().join(name), "").unwrap();
        }
        let path = |name: &str| step.folder.path().join(name).to_str().unwrap().to_owned();
        let variables = [
            ("CI", "true".to_owned()),
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_WORKSPACE", world.folder().to_str().unwrap().to_owned()),
            ("GITHUB_OUTPUT", path("output")),
            ("GITHUB_STEP_SUMMARY", path("summary")),
        ];
        step.variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
        step
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// As a runner whose files cannot be written.
    pub(super) fn without_files(self) -> Self {
        let nowhere = self.folder.path().join("missing/file").to_str().unwrap().to_owned();
        self.with("GITHUB_OUTPUT", &nowhere).with("GITHUB_STEP_SUMMARY", &nowhere)
    }

    fn command(&self, version: &str, arguments: &[&str]) -> Command {
        let mut command = self.world.shipgate();
        command.envs(self.variables.iter().map(|(k, v)| (k, v))).env("VERSION", version).args(arguments);
        command
    }

    pub(super) fn run(&self, version: &str, arguments: &[&str]) -> Ran {
        self.command(version, arguments).output().unwrap().into()
    }

    /// Runs it and cancels the job as the runner does, once the sandbox has been given so many orders: SIGINT, then SIGTERM.
    pub(super) fn cancel_after_orders(&self, version: &str, orders: usize, signals: &[&str]) -> Ran {
        let mut command = self.command(version, &["deploy"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while self.world.orders().len() < orders {
            std::thread::yield_now();
        }
        for name in signals {
            signal(&child, name);
        }
        child.wait_with_output().unwrap().into()
    }

    pub(super) fn write_summary(&self, text: &str) {
        fs::write(self.folder.path().join("summary"), text).unwrap();
    }

    pub(super) fn summary_text(&self) -> String {
        fs::read_to_string(self.folder.path().join("summary")).unwrap()
    }

    pub(super) fn output_text(&self) -> String {
        fs::read_to_string(self.folder.path().join("output")).unwrap()
    }

    pub(super) fn outputs(&self) -> Value {
        self.judge("outputs", &self.output_text())
    }

    pub(super) fn summary(&self) -> Value {
        self.judge("markdown", &self.summary_text())
    }

    pub(super) fn log(&self, ran: &Ran) -> Value {
        self.judge("log", &ran.stderr)
    }

    pub(super) fn judge(&self, what: &str, text: &str) -> Value {
        let path = self.folder.path().join("judged");
        fs::write(&path, text).unwrap();
        let judged = Command::new(PYTHON).arg(JUDGE).arg(what).arg(&path).output().unwrap();
        assert!(judged.status.success(), "{}\n{text}", String::from_utf8_lossy(&judged.stderr));
        serde_json::from_slice(&judged.stdout).unwrap()
    }
}

/// The messages of a log's commands of this name.
pub(super) fn commands(log: &Value, name: &str) -> Vec<String> {
    let commands = log["commands"].as_array().unwrap().iter().filter(|command| command["name"] == name);
    commands.map(|command| command["data"].as_str().unwrap().to_owned()).collect()
}

/// What the terminal shows of a hostile line: without what acts on it.
fn shown(line: &str) -> String {
    match line {
        _ if line.starts_with('\u{1b}') => "red and home".to_owned(),
        _ => line.replace("##[", "# #["),
    }
}

/// Every hostile line is in the log, and none did anything there.
pub(super) fn assert_harmless(log: &Value) {
    let ours = ["group", "endgroup", "stop-commands", "error", "warning"];
    for command in log["commands"].as_array().unwrap() {
        assert!(ours.contains(&command["name"].as_str().unwrap()), "{log:#}");
        assert!(command["old"].is_null() && command["data"] != "guess", "{log:#}");
        assert!(command["data"] != "from the container", "{log:#}");
    }
    let stopped: Vec<&str> = log["stopped"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for line in HOSTILE.map(shown) {
        let is_shown = stopped.iter().any(|told| told.ends_with(&format!("│ {line}")));
        assert!(is_shown, "{line} is not among the lines that no command is read of: {log:#}");
    }
    assert_eq!(log["left_open"], false);
    assert!(!log.to_string().contains("\\u001b"), "{log:#}");
}

/// Every hostile line is on the page, as code, and nothing of them is HTML, a link or an image.
pub(super) fn assert_shown_as_code(page: &Value) {
    let html = page["html"].as_array().unwrap();
    for block in html {
        let block = block.as_str().unwrap().trim();
        let folds = block.starts_with("<details><summary>Log: the last ") && block.ends_with("</summary>");
        assert!(folds || block == "</details>", "{block}");
    }
    assert_eq!(html.len(), 2, "{page:#}");
    assert_eq!(page["images"].as_array().unwrap().len(), 0);
    for link in page["links"].as_array().unwrap() {
        assert!(link.as_str().unwrap().starts_with("http://127.0.0.1:"), "{link}");
    }
    let code: Vec<&str> = page["code"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for line in HOSTILE.map(shown) {
        assert!(code.iter().any(|code| code.contains(&line)), "{line} is not shown: {code:#?}");
        let text = page["text"].as_array().unwrap().iter().filter_map(Value::as_str);
        assert!(!text.into_iter().any(|text| text.contains(&line)), "{line} is text");
    }
}
