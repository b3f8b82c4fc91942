//! GitHub's runner, as far as the action and the examples need one: steps in their order, files for what they write, a composite
//! action's inputs, and cancellation. Checkouts and caches of other actions are taken as done.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::{
    expression::Scope,
    job::{Cut, Standing, Variables, run},
};

/// Reads YAML.
pub(super) fn yaml(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A job's runner.
pub(super) struct Runner {
    folder: TempDir,
    /// What every step has, whatever it says itself.
    pub(super) environment: Variables,
    /// `github`, `runner`, `vars` and what else the job has.
    pub(super) contexts: Value,
    /// Where the action is taken from.
    pub(super) checkout: Option<std::path::PathBuf>,
    /// Inputs that every use of it gets.
    pub(super) always: Map<String, Value>,
    /// Where shipgate's step is cut short.
    pub(super) cut: Option<Cut>,
    /// What all steps said.
    pub(super) log: String,
    /// What they wrote for the summary.
    pub(super) summary: String,
    /// How the job stands.
    pub(super) standing: Standing,
    /// The exit codes of the steps that ran, by name.
    pub(super) codes: Vec<(String, i32)>,
    /// How long they took.
    pub(super) times: Vec<(String, Duration)>,
    /// The actions of others that would have been used.
    pub(super) used: Vec<String>,
}

impl Runner {
    pub(super) fn new(mut environment: Variables) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| {
            fs::create_dir_all(folder.path().join(name)).unwrap();
            folder.path().join(name).to_str().unwrap().to_owned()
        };
        let (workspace, temp, tools) = (place("workspace"), place("temp"), place("tools"));
        for (name, value) in [
            ("CI", "true"),
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_WORKSPACE", workspace.as_str()),
            ("RUNNER_TEMP", temp.as_str()),
            ("RUNNER_TOOL_CACHE", tools.as_str()),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        let contexts = json!({
            "github": {
                "workspace": workspace, "repository": "shop/api", "server_url": "https://github.example.com",
                "sha": "0123456789abcdef0123456789abcdef01234567", "action_repository": "OWNER/shipgate",
                "ref": "refs/heads/main", "event_name": "push", "run_id": "1",
            },
            "runner": {"temp": temp, "tool_cache": tools}, "steps": {},
        });
        Self {
            folder,
            environment,
            contexts,
            checkout: None,
            always: Map::new(),
            cut: None,
            log: String::new(),
            summary: String::new(),
            standing: Standing::Well,
            codes: Vec::new(),
            times: Vec::new(),
            used: Vec::new(),
        }
    }

    /// The job's checkout.
    pub(super) fn workspace(&self) -> std::path::PathBuf {
        self.folder.path().join("workspace")
    }

    /// Runs a job's steps, or an action's, and gives what is known of those with an id. `steps` in `contexts` fills up on the way.
    pub(super) fn steps(&mut self, steps: &Value, action: Option<&Path>, contexts: &mut Value) {
        for step in steps.as_array().unwrap() {
            let scope = Scope { contexts, standing: self.standing };
            if !scope.holds(step["if"].as_str()) {
                continue;
            }
            let outputs = match step["uses"].as_str() {
                Some(name) => self.uses(name, step, contexts),
                None => self.runs(step, action, contexts),
            };
            if let Some(id) = step["id"].as_str() {
                contexts["steps"][id] = json!({ "outputs": outputs });
            }
        }
    }

    fn uses(&mut self, name: &str, step: &Value, contexts: &Value) -> Value {
        let (action, revision) = name.split_once('@').unwrap_or((name, ""));
        let is_pinned = revision.len() == 40 && revision.chars().all(|c| c.is_ascii_hexdigit());
        assert!(is_pinned, "{name} is not pinned");
        if action == "OWNER/shipgate/github-action" {
            let mut with = filled(&step["with"], &Scope { contexts, standing: self.standing });
            with.extend(self.always.clone());
            let folder = self.checkout.clone().expect("the action was checked out");
            return self.action(&folder, &with);
        }
        self.used.push(action.to_owned());
        json!({})
    }

    /// Runs a composite action with these inputs and gives its outputs.
    pub(super) fn action(&mut self, folder: &Path, with: &Map<String, Value>) -> Value {
        let action = yaml(&folder.join("action.yml"));
        let mut inputs = Map::new();
        for (name, input) in action["inputs"].as_object().unwrap() {
            inputs.insert(name.clone(), input["default"].clone());
        }
        for (name, value) in with {
            assert!(inputs.contains_key(name), "the action has no input {name}");
            inputs.insert(name.clone(), value.clone());
        }
        let mut contexts = self.contexts.clone();
        contexts["inputs"] = Value::Object(inputs);
        contexts["steps"] = json!({});
        self.steps(&action["runs"]["steps"], Some(folder), &mut contexts);
        let scope = Scope { contexts: &contexts, standing: self.standing };
        let output = |(name, output): (&String, &Value)| {
            (name.clone(), Value::String(scope.fill(output["value"].as_str().unwrap())))
        };
        action["outputs"].as_object().unwrap().iter().map(output).collect::<Map<_, _>>().into()
    }

    fn runs(&mut self, step: &Value, action: Option<&Path>, contexts: &Value) -> Value {
        let scope = Scope { contexts, standing: self.standing };
        let mut environment = self.environment.clone();
        for (name, value) in filled(&step["env"], &scope) {
            environment.insert(name, value.as_str().unwrap().to_owned());
        }
        let files = Files::new(self.folder.path());
        environment.extend(files.variables());
        environment.extend(action.map(|path| ("GITHUB_ACTION_PATH".to_owned(), path.to_str().unwrap().to_owned())));
        let text = step["run"].as_str().unwrap();
        assert!(!text.contains("${{"), "an expression in a script is code that others write: {text}");
        let script = self.folder.path().join("temp/step.sh");
        fs::write(&script, text).unwrap();
        let directory = step["working-directory"].as_str().map(|path| scope.fill(path)).unwrap_or_default();
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-e", "-o", "pipefail"]).arg(&script);
        // A path is meant from the workspace, and one from the root replaces it.
        command.current_dir(self.workspace().join(directory));
        let name = step["name"].as_str().unwrap_or(text).to_owned();
        let begun = Instant::now();
        let ended = run(&mut command, &environment, self.cut.filter(|_| name == "shipgate"));
        self.log.push_str(&ended.log);
        self.standing = match (self.standing, ended.code) {
            _ if ended.cancelled => Standing::Cancelled,
            (Standing::Well, code) if code != 0 => Standing::Failed,
            (standing, _) => standing,
        };
        self.times.push((name.clone(), begun.elapsed()));
        self.codes.push((name, ended.code));
        files.read(&mut self.summary)
    }

    /// How the step of this name ended.
    pub(super) fn code(&self, name: &str) -> Option<i32> {
        self.codes.iter().find(|(step, _)| step == name).map(|(_, code)| *code)
    }
}

/// A mapping with its expressions filled in.
pub(super) fn filled(mapping: &Value, scope: &Scope<'_>) -> Map<String, Value> {
    let text = |value: &Value| match value {
        Value::String(text) => scope.fill(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    let pairs = mapping.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), Value::String(text(value)))).collect()
}

/// The files that one step may write.
struct Files(TempDir);

impl Files {
    const NAMES: [&str; 5] = ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE"];

    fn new(folder: &Path) -> Self {
        let files = tempfile::tempdir_in(folder).unwrap();
        for name in Self::NAMES {
            fs::write(files.path().join(name), "").unwrap();
        }
        Self(files)
    }

    fn variables(&self) -> Variables {
        let path = |name: &str| self.0.path().join(name).to_str().unwrap().to_owned();
        Self::NAMES.into_iter().map(|name| (name.to_owned(), path(name))).collect()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    /// The outputs. Nothing may be written for the job's other steps.
    fn read(&self, summary: &mut String) -> Value {
        for name in ["GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE"] {
            assert_eq!(self.text(name), "", "{name} is the whole job's");
        }
        summary.push_str(&self.text("GITHUB_STEP_SUMMARY"));
        outputs(&self.text("GITHUB_OUTPUT"))
    }
}

/// `NAME=VALUE`, or `NAME<<MARK`, lines and `MARK`.
fn outputs(text: &str) -> Value {
    let mut found = Map::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let plain = line.split_once('=');
        let (name, value) = match line.split_once("<<") {
            Some((name, mark)) if plain.is_none_or(|(before, _)| before.len() > name.len()) => {
                let value: Vec<&str> = lines.by_ref().take_while(|line| *line != mark).collect();
                (name, value.join("\n"))
            }
            _ => plain.map(|(name, value)| (name, value.to_owned())).expect("an output"),
        };
        found.insert(name.to_owned(), Value::String(value));
    }
    found.into()
}
