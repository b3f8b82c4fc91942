//! `shipgate verify IMAGE` as a developer uses it before a push: no AWS, no configuration, an engine and an image.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use shipgate_container_check::packing::PackedImage;

use crate::{
    judges::PYTHON,
    said::without_what_varies,
    world::{Ran, layer, shipgate},
};

/// An image in the engine of this machine, forgotten when this is dropped.
pub(crate) struct Loaded {
    pub(crate) name: String,
}

impl Loaded {
    /// The demo's application, told to behave like this.
    pub(crate) fn app(name: &str, behaviour: &[(&str, &str)]) -> Self {
        Self::of(name, &layer().image(behaviour))
    }

    pub(crate) fn of(name: &str, image: &PackedImage) -> Self {
        let name = format!("shipgate-e2e/{name}:{:016x}", fastrand::u64(..));
        Self::load(name, image)
    }

    /// The demo's application under this very name.
    fn of_name(name: &str) -> Self {
        Self::load(name.to_owned(), &layer().image(&[("DEMO_VERSION", name)]))
    }

    /// An image under this very name.
    pub(crate) fn named(name: &str, image: &PackedImage) -> Self {
        Self::load(name.to_owned(), image)
    }

    fn load(name: String, image: &PackedImage) -> Self {
        let mut load = Command::new("docker").arg("load").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        load.stdin.take().unwrap().write_all(&image.docker_archive(&name).unwrap()).unwrap();
        assert!(load.wait().unwrap().success(), "docker load");
        Self { name }
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        Command::new("docker").args(["rmi", "--force", &self.name]).output().ok();
    }
}

fn verify(arguments: &[&str]) -> Ran {
    shipgate().arg("verify").args(arguments).output().unwrap().into()
}

fn events(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_healthy_image_passes_and_an_unhealthy_one_does_not() {
    let healthy = Loaded::app("healthy", &[]);
    let ran = verify(&[&healthy.name, "--health-path", "/", "--port", "3000"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(ran.said().contains(":3000, dialled from here, probed by HTTP /"), "{}", ran.said());
    let unhealthy = Loaded::app("unhealthy", &[("DEMO_FAIL", "exit:3")]);
    let ran = verify(&[&unhealthy.name, "--output", "json"]);
    assert_eq!(ran.code, 6, "{}", ran.said());
    let events = events(&ran);
    let verified = events.iter().find(|event| event["event"] == "verified").unwrap();
    assert_eq!((&verified["healthy"], &verified["finding"]["name"]), (&Value::Bool(false), &Value::from("exited")));
    assert_eq!(events.last().unwrap()["exit_code"], 6);
}

#[test]
fn settings_reach_the_container_and_their_values_no_output() {
    let image = Loaded::app("settings", &[("DEMO_FAIL", "print-environment")]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.env");
    std::fs::write(&file, "FROM_FILE='a value of the file'\n").unwrap();
    // It may end before it is known to run, so where it was to be probed need not be told.
    let ran = verify(&[&image.name, "-e", "GIVEN=a value given", "--env-file", file.to_str().unwrap()]);
    assert_eq!(ran.code, 6, "{}", ran.said());
    let said = ran.said();
    assert!(said.contains("GIVEN=…") && said.contains("FROM_FILE=…"), "{said}");
    assert!(!said.contains("a value"), "{said}");
}

#[test]
fn staying_finds_what_fails_soon_after() {
    let image = Loaded::app("crashing", &[("DEMO_FAIL", "crash-after:1500")]);
    let arguments = [image.name.as_str(), "--health-path", "/", "--health-interval", "1"];
    let at_once = verify(&arguments);
    assert_eq!(at_once.code, 0, "{}", at_once.said());
    let later = verify(&[&arguments[..], &["--stay", "30s"]].concat());
    assert_eq!(later.code, 6, "{}", later.said());
}

#[test]
fn what_cannot_be_checked_is_neither_healthy_nor_unhealthy() {
    let none = verify(&["shipgate-e2e/none:at-all", "--pull", "never"]);
    assert_eq!(none.code, 7, "{}", none.said());
    let folder = tempfile::tempdir().unwrap();
    let socket = format!("unix://{}", folder.path().join("none.sock").display());
    let no_engine: Ran = shipgate().env("DOCKER_HOST", &socket).args(["verify", "a"]).output().unwrap().into();
    assert_eq!(no_engine.code, 7, "{}", no_engine.said());
    assert!(no_engine.said().contains("no such socket"), "{}", no_engine.said());
}

#[test]
fn mistakes_are_told_all_at_once() {
    let ran = verify(&["shop/api:v1", "--port", "0", "--memory", "7", "--health-path", "health", "-e", "UNSET_HERE"]);
    insta::assert_snapshot!(without_what_varies(&ran));
}

macro_rules! assert_said {
    ($ran:expr, $code:expr) => {
        let ran = &$ran;
        assert_eq!(ran.code, $code, "{}", ran.said());
        insta::assert_snapshot!(without_what_varies(ran));
    };
}

/// The id of an image in the engine.
fn id_of(name: &str) -> String {
    let words = ["image", "inspect", "--format", "{{.Id}}", name];
    let inspected = Command::new("docker").args(words).output().unwrap();
    String::from_utf8(inspected.stdout).unwrap().trim().to_owned()
}

#[test]
fn an_image_is_known_by_its_ids_too_and_nothing_of_it_is_left() {
    let image = Loaded::app("ids", &[("DEMO_VERSION", "ids")]);
    let id = id_of(&image.name);
    for name in [id.as_str(), &id["sha256:".len()..][..12]] {
        let ran = verify(&[name, "--pull", "missing"]);
        assert_eq!(ran.code, 0, "{name}: {}", ran.said());
        assert!(ran.said().contains(&format!("{name} is healthy")), "{}", ran.said());
    }
    let filter = format!("ancestor={}", image.name);
    let left = Command::new("docker").args(["ps", "--all", "--quiet", "--filter", &filter]).output().unwrap();
    assert_eq!(String::from_utf8(left.stdout).unwrap(), "");
    assert_eq!(id_of(&image.name), id, "the image was there before, and stays");
}

#[test]
fn json_has_its_stages_and_says_that_nothing_changed() {
    let image = Loaded::app("json", &[("DEMO_FAIL", "exit:3")]);
    let ran = verify(&[&image.name, "--output", "json"]);
    let events = events(&ran);
    let of = |kind: &str| events.iter().filter(|event| event["event"] == kind).collect::<Vec<_>>();
    assert_eq!(of("run-started")[0]["verb"], "verify");
    let outcomes: Vec<(&Value, &Value)> =
        of("stage-finished").into_iter().map(|event| (&event["stage"], &event["outcome"])).collect();
    let expected = [("resolve", "ok"), ("verify", "fail")].map(|(a, b)| (Value::from(a), Value::from(b)));
    assert_eq!(outcomes, expected.iter().map(|(a, b)| (a, b)).collect::<Vec<_>>());
    assert_eq!(of("run-finished")[0]["summary"], "nothing was changed");
}

#[test]
fn the_same_image_is_judged_by_the_settings_it_is_given() {
    let image = Loaded::app("settings-decide", &[("DEMO_FAIL", "status:500")]);
    let over_http = verify(&[&image.name, "--health-path", "/", "--unhealthy-threshold", "1"]);
    assert_eq!(over_http.code, 6, "{}", over_http.said());
    let over_tcp = verify(&[&image.name]);
    assert_eq!(over_tcp.code, 0, "{}", over_tcp.said());
}

#[test]
fn an_image_that_is_nowhere_is_told_with_what_to_do() {
    assert_said!(verify(&["shipgate-e2e/nowhere:v1", "--pull", "never"]), 7);
    let id = verify(&["0123456789ab"]);
    assert_eq!(id.code, 7, "{}", id.said());
    // Nothing listens there. What is always pulled is pulled though the engine has one of that name.
    let image = Loaded::of_name("127.0.0.1:9/shop/api:v1");
    let pulled = verify(&[&image.name, "--pull", "always"]);
    assert_eq!(pulled.code, 7, "{}", pulled.said());
    assert!(pulled.said().contains("could not pull 127.0.0.1:9/shop/api:v1"), "{}", pulled.said());
    assert!(!id_of(&image.name).is_empty(), "the image that was there before stays");
    let present = verify(&[&image.name]);
    assert_eq!(present.code, 0, "{}", present.said());
}

#[test]
fn without_docker_it_says_what_was_tried() {
    let mut command = shipgate();
    command.env("DOCKER_HOST", "unix:///nowhere/docker.sock").args(["verify", "shop/api:v1"]);
    let ran: Ran = command.output().unwrap().into();
    assert_said!(ran, 7);
}

#[test]
fn a_bad_line_of_a_file_is_named_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.env"), "A=1\nB C=hunter2\n").unwrap();
    let mut command = shipgate();
    command.current_dir(folder.path()).args(["verify", "Shop", "--env-file", "a.env", "--pull", "sometimes"]);
    let ran: Ran = command.output().unwrap().into();
    assert_said!(ran, 2);
    assert!(!ran.said().contains("hunter2"), "{}", ran.said());
}

#[test]
fn without_an_image_it_says_so() {
    assert_said!(verify(&[]), 2);
}

/// What Python's own parser finds in a report: for each case its class, its name, its end's kind and whether it has output.
const READ_JUNIT: &str = "
import json, sys
from xml.etree import ElementTree
suites = ElementTree.parse(sys.argv[1]).getroot()
(suite,) = suites
cases = suite.findall('testcase')
ends = [[end for end in case if end.tag in ('failure', 'error', 'skipped')] for case in cases]
count = lambda tag: sum(end.tag == tag for found in ends for end in found)
assert int(suite.get('tests')) == len(cases)
assert int(suite.get('failures')) == count('failure') and int(suite.get('errors')) == count('error')
assert all(float(case.get('time')) >= 0 for case in cases)
print(json.dumps([[c.get('classname'), c.get('name'), e[0].get('type') if e else 'passed', c.find('system-out') is not None] for c, e in zip(cases, ends)]))
";

/// The same as junitparser has it, a client of such reports that is not ours: without the output.
const READ_BY_JUNITPARSER: &str = "
import json, sys
from junitparser import Error, Failure, JUnitXml, Skipped
xml = JUnitXml.fromfile(sys.argv[1])
cases = [case for suite in xml for case in suite]
assert all(isinstance(end, (Error, Failure, Skipped)) for case in cases for end in case.result)
counted = [sum(isinstance(end, kind) for case in cases for end in case.result) for kind in (Failure, Error)]
assert [(suite.failures, suite.errors) for suite in xml] == [tuple(counted)]
print(json.dumps([[c.classname, c.name, c.result[0].type if c.result else 'passed'] for c in cases]))
";

/// The cases of a run's JUnit report.
fn cases(words: &[&str], code: i32) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.xml");
    let ran = verify(&[words, &["--report", report.to_str().unwrap()]].concat());
    assert_eq!(ran.code, code, "{}", ran.said());
    let read = Command::new(PYTHON).args(["-c", READ_JUNIT]).arg(&report).output().unwrap();
    assert!(read.status.success(), "{}\n{read:?}", std::fs::read_to_string(&report).unwrap());
    let found: Value = serde_json::from_slice(&read.stdout).unwrap();
    let judged = Command::new(PYTHON).args(["-c", READ_BY_JUNITPARSER]).arg(&report).output().unwrap();
    assert!(judged.status.success(), "{judged:?}");
    let judged: Value = serde_json::from_slice(&judged.stdout).unwrap();
    let without_output = |case: &Value| Value::from(case.as_array().unwrap()[..3].to_vec());
    assert_eq!(judged, found.as_array().unwrap().iter().map(without_output).collect::<Value>());
    found
}

#[test]
fn a_junit_report_has_the_finding_as_its_failure() {
    let image = Loaded::app("junit", &[]);
    let resolved = json!(["shipgate.stage", "resolve", "passed", false]);
    let healthy = json!([resolved, ["shipgate.stage", "verify", "passed", false]]);
    assert_eq!(cases(&[&image.name], 0), healthy);
    let unhealthy = json!([resolved, ["shipgate.stage", "verify", "exited", true]]);
    assert_eq!(cases(&[&image.name, "-e", "DEMO_FAIL=exit:3"], 6), unhealthy);
    let nowhere = json!([["shipgate.stage", "resolve", "stage", false]]);
    assert_eq!(cases(&["shipgate-e2e/nowhere:v1", "--pull", "never"], 7), nowhere);
    let usage = json!([["shipgate.run", "run", "usage-error", false]]);
    assert_eq!(cases(&[&image.name, "--port", "0"], 2), usage);
}

#[test]
fn a_report_of_another_kind_is_refused_before_anything_is_done() {
    assert_said!(verify(&["shop/api:v1", "--report", "report.txt"]), 2);
}
