//! What becomes of a story when a single action is taken away: some step fails, or warns, and names it.

use std::{
    fmt,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};

use super::lean::{Scene, as_job};
use crate::world::{Ran, World};

/// How many worlds there are at a time: most of what they do is waiting.
const AT_A_TIME: usize = 4;

/// A step of a story.
pub(super) struct Step {
    /// What comes before it, by others.
    pub(super) before: fn(&World),
    /// The version that is meant.
    pub(super) version: &'static str,
    pub(super) arguments: &'static [&'static str],
    /// How it ends when everything is allowed.
    pub(super) code: i32,
}

/// What is done in a scene, and what must still be so after any failure.
pub(super) struct Story {
    pub(super) scene: Scene,
    pub(super) begin: fn(&World),
    pub(super) steps: Vec<Step>,
    pub(super) survives: fn(&World) -> bool,
}

/// An action of a statement of a policy.
#[derive(Clone)]
struct Place {
    policy: usize,
    statement: usize,
    action: usize,
    name: String,
    named: String,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {}", self.named, self.name)
    }
}

fn places(policies: &[Value]) -> Vec<Place> {
    let mut all = Vec::new();
    for (policy, known) in policies.iter().enumerate() {
        for (statement, said) in known["document"]["Statement"].as_array().unwrap().iter().enumerate() {
            for (action, named) in said["Action"].as_array().unwrap().iter().enumerate() {
                let name = format!("{} ({})", known["name"].as_str().unwrap(), said["Sid"].as_str().unwrap());
                all.push(Place { policy, statement, action, name, named: named.as_str().unwrap().to_owned() });
            }
        }
    }
    all
}

/// The policies without one action. A statement without actions is none.
fn without(policies: &[Value], place: &Place) -> Vec<Value> {
    let mut left = policies.to_vec();
    let statements = left[place.policy]["document"]["Statement"].as_array_mut().unwrap();
    let actions = statements[place.statement]["Action"].as_array_mut().unwrap();
    actions.remove(place.action);
    if actions.is_empty() {
        statements.remove(place.statement);
    }
    left
}

fn ran(world: &World, step: &Step, scene: &Scene) -> Ran {
    (step.before)(world);
    let consent: &[&str] = if step.arguments[0] == "deploy" { scene.consent } else { &[] };
    let mut command = as_job(world);
    command.env("VERSION", step.version).args(step.arguments).args(consent).output().unwrap().into()
}

/// What a run complains of. The check that lists the calls it has tried, or cannot try, is no complaint.
fn complaints(ran: &Ran) -> String {
    let listed = |line: &&str| line.starts_with(['✓', '–']) && line.contains("preflight  permissions:");
    ran.stderr.lines().filter(|line| !listed(line)).collect::<Vec<_>>().join("\n")
}

impl Story {
    /// All of it, with nothing taken away: each step ends as it is to, and nothing is denied.
    pub(super) fn passes(&self) {
        let policies = self.scene.policies();
        let world = self.scene.world(&policies);
        (self.begin)(&world);
        for step in &self.steps {
            let ran = ran(&world, step, &self.scene);
            assert_eq!(ran.code, step.code, "{:?}: {}", step.arguments, ran.said());
            let denied = places(&policies).into_iter().find(|place| complaints(&ran).contains(&place.named));
            assert!(denied.is_none(), "{:?} speaks of {}: {}", step.arguments, denied.unwrap(), ran.said());
        }
    }

    /// One action alone is taken away, where it is what sets a story apart from others.
    pub(super) fn tells_of(&self, action: &str) {
        let policies = self.scene.policies();
        let all: Vec<Place> = places(&policies).into_iter().filter(|place| place.named == action).collect();
        assert!(!all.is_empty(), "{action} is not printed");
        for place in all {
            assert_eq!(self.tells(&place, &policies), Ok(true), "{place}");
        }
    }

    /// These actions are taken away, and every step ends as it is to.
    pub(super) fn passes_without(&self, actions: &[&str]) {
        let mut policies = self.scene.policies();
        while let Some(place) = places(&policies).iter().find(|place| actions.contains(&place.named.as_str())) {
            policies = without(&policies, place);
        }
        let world = self.scene.world(&policies);
        (self.begin)(&world);
        for step in &self.steps {
            let ran = ran(&world, step, &self.scene);
            assert_eq!(ran.code, step.code, "{:?}: {}", step.arguments, ran.said());
        }
    }

    /// One action is taken away: some step ends with this exit code, names it, and has changed nothing.
    pub(super) fn is_refused_without(&self, action: &str, code: i32) {
        let policies = self.scene.policies();
        let all: Vec<Place> = places(&policies).into_iter().filter(|place| place.named == action).collect();
        assert!(!all.is_empty(), "{action} is not printed");
        for place in all {
            let world = self.scene.world(&without(&policies, &place));
            (self.begin)(&world);
            let refused = self.steps.iter().map(|step| (step, ran(&world, step, &self.scene)));
            let refused = refused.into_iter().find(|(step, ran)| ran.code != step.code);
            let (step, ran) = refused.unwrap_or_else(|| panic!("{place} can be spared"));
            let said = format!("{place}: {:?}: {}", step.arguments, ran.said());
            assert_eq!(ran.code, code, "{said}");
            assert!(complaints(&ran).contains(action) && (self.survives)(&world), "{said}");
        }
    }

    /// Whether somebody says what is missing.
    fn tells(&self, place: &Place, policies: &[Value]) -> Result<bool, String> {
        let world = self.scene.world(&without(policies, place));
        (self.begin)(&world);
        for step in &self.steps {
            let ran = ran(&world, step, &self.scene);
            let is_named = complaints(&ran).contains(&place.named);
            if ran.code == step.code && !is_named {
                continue;
            }
            let said = format!("{place}: {:?} ended with {}:\n{}", step.arguments, ran.code, ran.said());
            if !is_named || [1, 2, 101].contains(&ran.code) {
                return Err(said);
            }
            return if (self.survives)(&world) { Ok(true) } else { Err(format!("the old state is gone: {said}")) };
        }
        Ok(false)
    }
}

/// Takes away each action of all that is printed for a scene, one after the other: one of its stories tells.
/// What the policies of `shown` have too, under the same name, other stories show.
pub(super) fn nothing_can_be_spared(stories: &[Story], shown: &[Value]) {
    let policies = stories[0].scene.policies();
    let shown: Vec<String> = places(shown).iter().map(ToString::to_string).collect();
    let mut all = places(&policies);
    all.retain(|place| !shown.contains(&place.to_string()));
    assert!(all.len() > 2, "{policies:?}");
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(place) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let told = stories.iter().map(|story| story.tells(place, &policies));
                    match told.into_iter().find(|told| *told != Ok(false)) {
                        Some(Ok(_)) => {}
                        Some(Err(said)) => wrong.lock().unwrap().push(said),
                        None => wrong.lock().unwrap().push(format!("{place} can be spared")),
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// A script for the next operation of the service.
pub(super) fn script(world: &World, outcome: &str) {
    world.control(Some(&json!({"kind": "script", "service": "shop-api", "outcome": outcome})));
}
