//! Trouble on demand: what is to become of operations that are still to come. A script is matched when an operation
//! is accepted, in the order of acceptance, so the same calls with the same seed meet the same trouble.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::{
    machine::{Event, Phase},
    word::OperationKind,
};
use shipgate_core::account::AccountId;

/// What is to happen to operations. Every member may be left out; an empty script changes nothing.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// Only operations of services of this account.
    pub account: Option<AccountId>,
    /// Only operations of services of this name.
    pub service: Option<String>,
    /// Only operations of this type.
    pub operation: Option<OperationKind>,
    /// How many operations it is for; without it, for one. Zero is for all that come.
    pub times: Option<u32>,
    /// How likely it is, from 0 to 1, for each operation it could be for; without it, certain.
    pub chance: Option<f64>,
    /// The moment that `outcome`, `hold_ms`, `stuck` and `line` are about: when that work would begin. Without it,
    /// the health check, or the stop of an operation that only stops.
    pub at: Option<Moment>,
    /// How the operation ends, whatever its work would have come to.
    pub outcome: Option<Outcome>,
    /// What the log gives as the reason of a failure, instead of a failed health check.
    pub reason: Option<String>,
    /// How many milliseconds longer it takes.
    pub hold_ms: u64,
    /// It stays where it is until it is released.
    pub stuck: bool,
    /// A line for the deployment's log, such as the misleading ones seen during real rollbacks.
    pub line: Option<String>,
    /// ListOperations leaves the operation out of this many answers.
    pub unlisted_reads: u32,
    /// DescribeService gives the status from before the operation in this many answers.
    pub stale_reads: u32,
}

/// When in an operation something happens: before the work named so is begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Before anything.
    Pending,
    /// Fetching the image.
    Pulling,
    /// Starting the new instance.
    Starting,
    /// Health-checking it.
    Checking,
    /// Switching traffic to it.
    Routing,
    /// Taking the new instance away after a failure.
    RollingBack,
    /// Taking the serving instance away, to pause or delete.
    Stopping,
}

/// The terminal status an operation is made to end with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// A health check that is skipped: an instance that is not healthy goes live. Elsewhere the work is done as ever.
    Succeeded,
    /// Ends without a rollback; what served goes on serving.
    Failed,
    /// Goes back to what served, by way of ROLLBACK_IN_PROGRESS.
    RollbackSucceeded,
    /// The way back fails too.
    RollbackFailed,
}

impl Script {
    /// The phase it is about, in an operation of this kind.
    fn phase(&self, kind: OperationKind) -> Phase {
        match self.at {
            Some(Moment::Pending) => Phase::Pending,
            Some(Moment::RollingBack) => Phase::RollingBack,
            _ if kind.only_stops() => Phase::Stopping,
            Some(Moment::Pulling) => Phase::Pulling,
            Some(Moment::Starting) => Phase::Starting,
            Some(Moment::Checking) | None => Phase::Checking,
            Some(Moment::Routing) => Phase::Routing,
            Some(Moment::Stopping) => Phase::Stopping,
        }
    }

    /// What happens in a phase instead of its work; `None`: its work.
    pub(super) fn event_in(&self, phase: Phase, kind: OperationKind) -> Option<Event> {
        if phase == Phase::RollingBack {
            return (self.outcome == Some(Outcome::RollbackFailed)).then_some(Event::Failed);
        }
        if phase != self.phase(kind) {
            return None;
        }
        match self.outcome? {
            Outcome::Succeeded => (phase == Phase::Checking).then_some(Event::Done),
            Outcome::Failed => Some(Event::GivenUp),
            Outcome::RollbackSucceeded | Outcome::RollbackFailed => Some(Event::TurnedBack),
        }
    }

    /// Whether it is about this phase.
    pub(super) fn is_about(&self, phase: Phase, kind: OperationKind) -> bool {
        phase == self.phase(kind)
    }

    fn fits(&self, account: &AccountId, service: &str, kind: OperationKind) -> bool {
        self.account.as_ref().is_none_or(|wanted| wanted == account)
            && self.service.as_ref().is_none_or(|wanted| wanted == service)
            && self.operation.is_none_or(|wanted| wanted == kind)
    }
}

/// The scripts that wait for their operations.
pub(super) struct Scripts(Mutex<Waiting>);

struct Waiting {
    scripts: Vec<Script>,
    chance: fastrand::Rng,
}

impl Scripts {
    pub(super) fn new(seed: Option<u64>) -> Self {
        let chance = seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        Self(Mutex::new(Waiting { scripts: Vec::new(), chance }))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Waiting) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn add(&self, script: Script) {
        self.with(|waiting| waiting.scripts.push(script));
    }

    pub(super) fn all(&self) -> Vec<Script> {
        self.with(|waiting| waiting.scripts.clone())
    }

    pub(super) fn clear(&self) {
        self.with(|waiting| waiting.scripts.clear());
    }

    /// The script for an operation that is accepted now: the oldest that fits, used up by it. Nothing special
    /// without one.
    pub(super) fn take(&self, account: &AccountId, service: &str, kind: OperationKind) -> Script {
        self.with(|waiting| {
            for index in 0..waiting.scripts.len() {
                let script = &mut waiting.scripts[index];
                if !script.fits(account, service, kind) {
                    continue;
                }
                if script.chance.is_some_and(|chance| waiting.chance.f64() >= chance) {
                    continue;
                }
                let taken = script.clone();
                match &mut script.times {
                    Some(0) => {}
                    Some(left @ 2..) => *left -= 1,
                    Some(1) | None => drop(waiting.scripts.remove(index)),
                }
                return taken;
            }
            Script::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Script, Scripts};
    use crate::apprunner::word::OperationKind::{CreateService, StartDeployment};

    #[test]
    fn a_script_is_used_by_what_it_fits_as_often_as_it_says() {
        let scripts = Scripts::new(Some(1));
        let account = "111111111111".parse().unwrap();
        let script = |text: &str| serde_json::from_str::<Script>(text).unwrap();
        scripts.add(script(r#"{ "service": "a", "operation": "START_DEPLOYMENT", "times": 2, "hold_ms": 1 }"#));
        scripts.add(script(r#"{ "account": "222222222222", "hold_ms": 2 }"#));
        scripts.add(script(r#"{ "times": 0, "hold_ms": 3 }"#));
        let take = |service, kind| scripts.take(&account, service, kind).hold_ms;
        assert_eq!(take("a", CreateService), 3);
        assert_eq!(take("b", StartDeployment), 3);
        assert_eq!([(); 3].map(|()| take("a", StartDeployment)), [1, 1, 3]);
        scripts.clear();
        assert_eq!(take("a", StartDeployment), 0);
    }

    #[test]
    fn the_same_seed_has_the_same_luck() {
        let luck = |seed| {
            let scripts = Scripts::new(Some(seed));
            scripts.add(Script { chance: Some(0.5), times: Some(0), hold_ms: 1, ..Script::default() });
            let account = "111111111111".parse().unwrap();
            (0..64).map(|_| scripts.take(&account, "a", CreateService).hold_ms).collect::<Vec<_>>()
        };
        assert_eq!(luck(5), luck(5));
        assert_ne!(luck(5), luck(6));
    }

    #[test]
    fn a_misspelt_member_is_refused() {
        assert!(serde_json::from_str::<Script>(r#"{ "outcom": "FAILED" }"#).is_err());
        assert!(serde_json::from_str::<Script>(r#"{ "outcome": "PENDING" }"#).is_err());
    }
}
