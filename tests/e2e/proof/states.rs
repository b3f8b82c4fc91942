//! What App Runner, STS and others do while a deployment is under way: operations listed late, a status that is not true any more,
//! maintenance, an operation that is stuck, somebody else's deployment, a role and tokens that do not hold.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Stdio},
};

use serde_json::{Value, json};

use super::{Ground, Version, deploy, service};
use crate::world::{CONFIGURATION, LIVE, Ran, SEED, World, signal};

/// How late a call comes that comes late, in milliseconds.
const LATE: u32 = 3000;

/// A run that is under way.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    told: String,
}

impl Running {
    fn begin(ground: &Ground, version: &Version) -> Self {
        Self::begin_with(ground, version, &[])
    }

    fn begin_with(ground: &Ground, version: &Version, arguments: &[&str]) -> Self {
        let mut command = ground.command(version);
        command.args(arguments).args(["--output", "json"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out, told: String::new() }
    }

    /// Until an event, or until a stage begins.
    fn until(&mut self, awaited: &str) {
        loop {
            let mut line = String::new();
            assert!(self.out.read_line(&mut line).unwrap() > 0, "{awaited} never came: {}", self.told);
            self.told.push_str(&line);
            let event: Value = serde_json::from_str(&line).unwrap();
            if event["event"] == awaited || (event["event"] == "stage-started" && event["stage"] == awaited) {
                return;
            }
        }
    }

    fn end(mut self) -> Ran {
        self.out.read_to_string(&mut self.told).unwrap();
        let code = self.child.wait().unwrap().code().unwrap();
        Ran { code, stdout: self.told, stderr: String::new() }
    }
}

fn script(ground: &Ground, members: &Value) {
    let mut script = json!({"kind": "script", "operation": "START_DEPLOYMENT", "times": 1});
    script.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    ground.world.control(Some(&script));
}

/// One call that comes late, after so many that do not.
fn late(action: &str, skip: u32) -> Value {
    json!({
        "kind": "delay", "service": "apprunner", "action": action, "skip": skip, "times": 1, "milliseconds": LATE,
    })
}

/// Waits until that call has been made: for so long it is on its way.
fn until_struck(ground: &Ground) {
    while ground.world.faults().iter().any(|fault| fault["times"] != 0) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Lets what is stuck go on, and waits for its end.
fn release(ground: &Ground) {
    let id = service(&ground.world)["Operations"][0]["Id"].as_str().unwrap().to_owned();
    ground.world.control(Some(&json!({"kind": "release", "operation": id})));
    until_free(ground);
}

fn until_free(ground: &Ground) {
    while service(&ground.world)["Service"]["Status"] == "OPERATION_IN_PROGRESS" {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// Somebody else's deployment, begun.
fn foreign(ground: &Ground) {
    let arn = ground.arn();
    ground.world.app_runner(async |client| client.start_deployment().service_arn(arn).send().await.unwrap());
}

#[test]
fn an_operation_that_is_listed_late_and_a_status_of_before_are_seen_through() {
    let mut ground = Ground::new(&[]);
    for (unlisted, stale) in [(4, 0), (0, 4), (4, 4)] {
        let version = ground.push();
        script(&ground, &json!({"unlisted_reads": unlisted, "stale_reads": stale, "hold_ms": 500}));
        let ran = ground.run(&version);
        assert_eq!(ran.code, 0, "{}", ran.said());
        let what = format!("unlisted {unlisted}, stale {stale}");
        ground.assert_deployed(version, &what);
    }
    let version = ground.push();
    script(&ground, &json!({"unlisted_reads": 2}));
    ground.world.fault(&json!({
        "kind": "cut", "service": "apprunner", "action": "StartDeployment", "times": 1, "after_bytes": 0,
    }));
    let ran = ground.run(&version);
    assert_eq!(ran.code, 0, "the answer lost and the operation listed late: {}", ran.said());
    ground.assert_deployed(version, "the answer lost and the operation listed late");
}

/// Killed right after its order, with the operation listed to nobody: the next run must not order again.
#[test]
fn a_killed_run_whose_operation_is_not_listed_yet_is_not_followed_by_a_second_order() {
    let mut ground = Ground::new(&[]);
    let version = ground.push();
    script(&ground, &json!({"unlisted_reads": 3, "hold_ms": 1500}));
    let mut first = Running::begin(&ground, &version);
    first.until("released");
    signal(&first.child, "KILL");
    first.child.wait().unwrap();
    ground.assert_converges(version, "killed with its operation unlisted");
}

#[test]
fn maintenance_is_waited_for_and_one_that_begins_at_the_last_moment_costs_nothing() {
    let mut ground = Ground::new(&[]);
    let version = ground.push();
    let begin = json!({"kind": "begin-maintenance", "arn": ground.arn(), "lasting_ms": 1500});
    ground.world.control(Some(&begin));
    let ran = ground.run(&version);
    assert_eq!(ran.code, 0, "{}", ran.said());
    ground.assert_deployed(version, "maintenance");

    for (if_busy, code) in [("fail", 11), ("wait", 0)] {
        let version = ground.push();
        ground.world.fault(&late("StartDeployment", 0));
        let running = Running::begin_with(&ground, &version, &["--if-busy", if_busy]);
        until_struck(&ground);
        let maintenance = json!({"kind": "begin-maintenance", "arn": ground.arn(), "lasting_ms": 2 * LATE});
        ground.world.control(Some(&maintenance));
        let ran = running.end();
        assert_eq!(ran.code, code, "{}", ran.said());
        if code == 11 {
            assert_eq!(ground.world.tag(LIVE).as_ref(), Some(&ground.serving), "the tag went back");
        }
        ground.assert_sound(&version, "maintenance at the last moment");
        ground.assert_converges(version, "maintenance at the last moment");
    }
}

#[test]
fn a_stuck_operation_is_followed_by_every_run_and_ordered_by_one() {
    let mut ground = Ground::new(&[]);
    let version = ground.push();
    script(&ground, &json!({"stuck": true}));
    for run in ["the first", "the second"] {
        let ran: Ran = ground.command(&version).args(["--gate-timeout", "2s"]).output().unwrap().into();
        assert_eq!(ran.code, 10, "{run}: {}", ran.said());
        assert!(ran.stderr.contains("shipgate wait "), "{run}: {}", ran.stderr);
        ground.assert_sound(&version, run);
    }
    release(&ground);
    let line = service(&ground.world)["Operations"][0]["Id"].as_str().unwrap().to_owned();
    let waited: Ran = ground.world.shipgate().args(["wait", &line]).output().unwrap().into();
    assert_eq!(waited.code, 0, "{}", waited.said());
    ground.assert_converges(version, "a stuck operation");
}

/// Between the tag's move and our order another tool deploys: what it deploys is what the tag points at, our image. Its operation is
/// followed, and nothing is ordered.
#[test]
fn foreign_deployment_after_the_tag_moved_is_followed() {
    for pulls_late in [false, true] {
        let mut ground = Ground::new(&[]);
        let (before, version) = (ground.serving.clone(), ground.push());
        let hold = if pulls_late { 2 * LATE } else { 0 };
        script(&ground, &json!({"at": "pulling", "hold_ms": hold}));
        // Of the looks at the operations, each of two pages, the third is the one right before the order.
        ground.world.fault(&late("ListOperations", 4));
        let running = Running::begin(&ground, &version);
        until_struck(&ground);
        assert_eq!(ground.world.tag(LIVE).as_ref(), Some(&version.digest), "the tag has moved");
        foreign(&ground);
        let ran = running.end();
        let what = format!("pulls late: {pulls_late}");
        assert_eq!(ran.code, 0, "{what}: {}", ran.said());
        ground.assert_deployed(version, &what);
        let back: Ran = deploy(&ground.world, "v0", &[]).output().unwrap().into();
        assert_eq!(back.code, 0, "{what}: {}", back.said());
        assert_eq!((ground.blue().as_str(), ground.world.tag(LIVE)), (before.as_str(), Some(before.clone())), "{what}");
    }
}

/// Another tool's deployment begins while our order is on its way: ours is refused, and theirs deploys our image.
#[test]
fn order_that_meets_a_foreign_deployment_follows_it() {
    let mut ground = Ground::new(&[]);
    let version = ground.push();
    script(&ground, &json!({"at": "pulling", "hold_ms": 2 * LATE}));
    ground.world.fault(&late("StartDeployment", 0));
    let running = Running::begin(&ground, &version);
    until_struck(&ground);
    foreign(&ground);
    let ran = running.end();
    assert_eq!(ran.code, 0, "{}", ran.said());
    ground.assert_deployed(version, "a foreign deployment");
}

#[test]
fn a_registry_token_that_expires_during_the_gate_is_renewed() {
    let mut ground = Ground::new(&[]);
    let version = ground.push();
    script(&ground, &json!({"stuck": true}));
    let mut running = Running::begin(&ground, &version);
    running.until("gate");
    ground.world.fault(&json!({"kind": "expire-tokens"}));
    release(&ground);
    let ran = running.end();
    assert_eq!(ran.code, 0, "{}", ran.said());
    ground.assert_deployed(version, "a token that expired");
}

/// Keys that end before their time (a session that is revoked): the roles are assumed again.
#[test]
fn revoked_session_is_renewed_during_the_gate() {
    let mut ground = Ground::new(&[]);
    let version = ground.push();
    script(&ground, &json!({"stuck": true}));
    let mut running = Running::begin(&ground, &version);
    running.until("gate");
    ground.world.fault(&json!({"kind": "expire-sessions"}));
    std::thread::sleep(std::time::Duration::from_secs(3));
    release(&ground);
    let ran = running.end();
    assert_eq!(ran.code, 0, "{}", ran.said());
    ground.assert_deployed(version, "a session that was revoked");
}

/// A role that was made a moment ago cannot be assumed yet, by App Runner either.
#[test]
fn a_role_that_is_not_known_everywhere_yet_is_waited_for() {
    let world = World::with_seed(&format!("{SEED}scripted: true\nrole_propagation_seconds: 3\n"));
    let digest = world.push_image("v1", &super::small(1));
    let role = "arn:aws:iam::222222222222:role/brand-new";
    world.write("shipgate.yaml", &CONFIGURATION.replace("arn:aws:iam::222222222222:role/apprunner-access", role));
    let mut command = deploy(&world, "v1", &[]);
    let made = world.make_role(&json!({"arn": role, "assumed_by": ["build.apprunner.amazonaws.com"]}));
    assert!(made, "the role was not made");
    let ran: Ran = command.output().unwrap().into();
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(ran.stderr.contains("Error in assuming"), "it never was too new: {}", ran.stderr);
    assert_eq!(world.orders(), ["CreateService", "CreateService"]);
    let now = service(&world);
    assert_eq!(now["Operations"].as_array().unwrap().len(), 1);
    assert_eq!(now["Blue"], digest.as_str());
}
