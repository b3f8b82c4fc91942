//! Every call of a deployment, struck in every way: lost before it took effect, lost after, throttled, answered with an error of
//! the service's own making; once, a second time, and for good.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Ground, deploy, service, side_by_side};
use crate::world::{Ran, World};

const WORKERS: usize = 12;

/// How a call is struck.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// It never reaches the service.
    LostBefore,
    /// It is done, and its answer does not come.
    LostAfter,
    /// It is refused for being one of too many.
    Throttled,
    /// The service fails.
    Failing,
}

const WAYS: [Way; 4] = [Way::LostBefore, Way::LostAfter, Way::Throttled, Way::Failing];

/// Which of the calls of that name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Which {
    /// One, after so many that pass.
    One(usize),
    /// All.
    All,
}

/// A call of a deployment: the service, the action, the account of the caller, or of the registry.
type Call = (String, String, String);

#[derive(Clone, Debug)]
struct Case {
    call: Call,
    way: Way,
    which: Which,
}

impl Case {
    fn what(&self) -> String {
        let (service, action, account) = &self.call;
        format!("{service} {action} of {account}, {:?}, {:?}", self.way, self.which)
    }

    fn fault(&self) -> Value {
        let (service, action, account) = &self.call;
        let mut fault = match self.way {
            Way::LostBefore => json!({"kind": "lost"}),
            Way::LostAfter => json!({"kind": "cut", "after_bytes": 0}),
            Way::Throttled if service == "registry" => {
                json!({"kind": "error", "status": 429, "code": "TOOMANYREQUESTS", "message": "Rate exceeded"})
            }
            Way::Throttled if service == "layers" => json!({"kind": "error", "status": 503, "code": "SlowDown"}),
            Way::Throttled => {
                json!({"kind": "error", "status": 400, "code": "ThrottlingException", "message": "Rate exceeded"})
            }
            Way::Failing if service == "registry" => json!({"kind": "error", "status": 500, "code": "UNKNOWN"}),
            Way::Failing => json!({"kind": "error", "status": 500, "code": "InternalServiceErrorException"}),
        };
        fault["service"] = service.as_str().into();
        fault["action"] = action.as_str().into();
        // Who is called by nobody yet, or by a link, has no account.
        if !account.is_empty() {
            fault["account"] = account.as_str().into();
        }
        if let Which::One(skip) = self.which {
            fault["skip"] = skip.into();
            fault["times"] = 1.into();
        }
        fault
    }

    /// What the run is told besides: an order that is struck for good is given up soon.
    fn arguments(&self) -> &'static [&'static str] {
        let is_order = ["StartDeployment", "CreateService", "UpdateService"].contains(&self.call.1.as_str());
        if is_order && self.which == Which::All { &["--gate-timeout", "20s"] } else { &[] }
    }

    /// The exit codes that docs/exit-codes.md has for it.
    fn codes(&self) -> &'static [i32] {
        let (service, action, account) = &self.call;
        match (service.as_str(), action.as_str()) {
            // An order that was lost is looked for; when it is certain that nothing came of it, it is given again, until the deadline.
            ("apprunner", "StartDeployment" | "CreateService" | "UpdateService") => match (self.way, self.which) {
                (Way::LostAfter, _) | (_, Which::One(_)) => &[0],
                (Way::LostBefore | Way::Failing | Way::Throttled, Which::All) => &[9],
            },
            (_, _) if matches!(self.which, Which::One(_)) => &[0],
            ("sts", _) => &[3],
            ("registry", "PUT upload") if self.way == Way::LostAfter => &[0],
            ("registry", _) if account == "222222222222" => &[5],
            // The image's configuration is a blob too, and without it nothing is begun.
            ("registry" | "layers", _)
            | ("ecr", "GetAuthorizationToken" | "DescribeRepositories")
            | ("apprunner", "ListServices" | "DescribeService" | "ListOperations") => &[4],
            // Then blobs are asked for one by one. Layers are sent to the registry: ECR's own call only tries the permission. What the log says is not what decides, and how long it is kept is no part of
            // the deployment.
            ("ecr", "BatchCheckLayerAvailability" | "InitiateLayerUpload") | ("logs", _) => &[0],
            _ => &[],
        }
    }
}

/// The calls of a deployment on this ground, and how many there are of each.
fn calls_of(ground: &mut Ground) -> BTreeMap<Call, usize> {
    let version = ground.push();
    let before = ground.world.calls().len();
    let ran = ground.run(&version);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let calls = ground.world.calls();
    let mut counted = BTreeMap::new();
    // A permission that is tried is no call of the deployment; what is ordered for a call does not strike it.
    for call in calls[before..].iter().filter(|call| call["names_nothing"] != true) {
        let text = |key: &str| call[key].as_str().unwrap_or_default().to_owned();
        // The caller of a role is of another account than the role.
        let account = if text("service") == "sts" { String::new() } else { text("account") };
        *counted.entry((text("service"), text("action"), account)).or_default() += 1;
    }
    ground.assert_deployed(version, "undisturbed");
    counted
}

fn cases(calls: &BTreeMap<Call, usize>, which: impl Fn(usize) -> Vec<Which>) -> Vec<Case> {
    let each = |(call, count): (&Call, &usize)| {
        let (call, which) = (call.clone(), which(*count));
        WAYS.into_iter().flat_map(move |way| {
            let call = call.clone();
            which.clone().into_iter().map(move |which| Case { call: call.clone(), way, which })
        })
    };
    calls.iter().flat_map(|one| each(one).collect::<Vec<_>>()).collect()
}

fn strike(ground: &mut Ground, case: &Case) {
    let (version, what) = (ground.push(), case.what());
    ground.world.fault(&case.fault());
    let ran: Ran = ground.command(&version).args(case.arguments()).output().unwrap().into();
    assert!(
        case.codes().contains(&ran.code),
        "{what}: exit code {} and not {:?}: {}",
        ran.code,
        case.codes(),
        ran.said()
    );
    ground.world.fault(&super::no_fault());
    ground.assert_sound(&version, &what);
    if ran.code == 0 {
        assert_eq!(ground.blue(), version.digest.as_str(), "{what}: it says that it serves");
    }
    ground.assert_converges(version, &what);
}

#[test]
fn any_call_may_be_struck_once() {
    let mut ground = Ground::new(&[]);
    let calls = calls_of(&mut ground);
    for known in [
        "AssumeRole",
        "GetCallerIdentity",
        "GetAuthorizationToken",
        "DescribeRepositories",
        "HEAD manifest",
        "GET manifest",
        "PUT manifest",
        "GET blob",
        "PUT upload",
        "ListServices",
        "DescribeService",
        "ListOperations",
        "StartDeployment",
        "GetLogEvents",
        "PutRetentionPolicy",
    ] {
        assert!(calls.keys().any(|(_, action, _)| action == known), "{known} is not among {calls:?}");
    }
    // The first of each and the last: what comes between is between what is retried alike.
    let some = |count: usize| {
        let mut some = vec![0, count - 1];
        some.dedup();
        some.into_iter().map(Which::One).collect()
    };
    side_by_side(WORKERS, &cases(&calls, some), || Ground::new(&[]), strike);
}

#[test]
fn any_call_may_be_struck_for_good() {
    let mut ground = Ground::new(&[]);
    let calls = calls_of(&mut ground);
    side_by_side(WORKERS, &cases(&calls, |_| vec![Which::All]), || Ground::new(&[]), strike);
}

#[test]
fn a_service_that_is_pinned_to_a_digest_is_updated_once_or_not_at_all() {
    let pinned = || Ground::new(&["--identifier", "digest"]);
    let mut ground = pinned();
    let mut calls = calls_of(&mut ground);
    calls.retain(|(service, action, _), _| service == "apprunner" && action == "UpdateService");
    assert_eq!(calls.len(), 1);
    side_by_side(WORKERS, &cases(&calls, |_| vec![Which::One(0), Which::All]), pinned, strike);
}

/// What a case of a service that does not exist yet leaves.
fn strike_creation(case: &Case) {
    let (world, version) = Ground::empty();
    let what = case.what();
    world.fault(&case.fault());
    let run = |world: &World, arguments| -> Ran { deploy(world, "v1", arguments).output().unwrap().into() };
    let ran = run(&world, case.arguments());
    assert!(case.codes().contains(&ran.code), "{what}: exit code {}: {}", ran.code, ran.said());
    world.fault(&super::no_fault());
    let again = run(&world, &[]);
    assert_eq!(again.code, 0, "{what}: {}", again.said());
    let services = world.control(None)["services"].as_array().unwrap().len();
    let now = service(&world);
    assert_eq!((services, now["Operations"].as_array().unwrap().len()), (1, 1), "{what}: {now:#}");
    assert_eq!(
        (&now["Service"]["Status"], &now["Blue"]),
        (&"RUNNING".into(), &version.digest.as_str().into()),
        "{what}"
    );
}

#[test]
fn a_service_is_created_once_or_not_at_all() {
    let create = ("apprunner".to_owned(), "CreateService".to_owned(), "222222222222".to_owned());
    let cases = cases(&BTreeMap::from([(create, 1)]), |_| vec![Which::One(0), Which::All]);
    std::thread::scope(|scope| {
        let running: Vec<_> = cases.iter().map(|case| scope.spawn(|| strike_creation(case))).collect();
        for one in running {
            one.join().unwrap();
        }
    });
}
