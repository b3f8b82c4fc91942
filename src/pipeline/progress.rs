//! How far a run has come in changing the world. Kept apart from the run itself, so that whatever ends it (a failure,
//! a signal, a second signal) can say what is so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::{stages::attempt::Moved, target::Started};
use shipgate_core::{
    digest::Digest,
    operation::{OperationId, Verdict},
    release::PastOperation,
};

/// What has been changed so far. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Progress(Arc<Mutex<State>>);

impl Default for Progress {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State { began: Timestamp::now(), ..State::default() })))
    }
}

#[derive(Clone, Debug, Default)]
struct State {
    /// When the run began, or turned back.
    began: Timestamp,
    distrusted: Vec<OperationId>,
    /// After which operations this run has claimed the next one.
    claimed: Vec<OperationId>,
    tag: Option<MovedTag>,
    started: Option<Started>,
    push_deploys: bool,
    under_way: Option<UnderWay>,
    verdict: Option<Verdict>,
    wait_arguments: String,
    only_reads: bool,
    turn: Turn,
    deleted_log_groups: usize,
}

/// Which way a run goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Turn {
    /// To the new version.
    #[default]
    Forth,
    /// No further: that one serves.
    Arrived,
    /// From there to the version before.
    Back,
}

/// A call that changes something and has not been answered: what it came to is not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnderWay {
    /// The tag is being moved.
    Tag,
    /// The service is told to deploy.
    Order,
}

/// A tag that this run moved.
#[derive(Clone, Debug)]
pub struct MovedTag {
    /// The tag.
    pub tag: String,
    /// When it was moved, and what it pointed at before; nothing, if it did not exist.
    pub moved: Moved,
}

impl Progress {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run changes nothing, whatever comes of it.
    pub fn only_reads(&self) {
        self.state().only_reads = true;
    }

    /// Whether that is so.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.state().only_reads
    }

    /// A log group was deleted.
    pub fn log_group_deleted(&self) {
        self.state().deleted_log_groups += 1;
    }

    /// How many log groups were deleted.
    #[must_use]
    pub fn deleted_log_groups(&self) -> usize {
        self.state().deleted_log_groups
    }

    /// The tag was moved.
    pub fn tag_moved(&self, tag: MovedTag) {
        self.state().tag = Some(tag);
    }

    /// The tag points where it did again.
    pub fn tag_restored(&self) {
        self.state().tag = None;
    }

    /// The tag that was moved, and still is.
    #[must_use]
    pub fn moved_tag(&self) -> Option<MovedTag> {
        self.state().tag.clone()
    }

    /// The service deploys by itself when the tag is moved.
    pub fn push_deploys(&self) {
        self.state().push_deploys = true;
    }

    /// Whether a deployment may run that nobody has seen: the tag was moved, which begins one.
    #[must_use]
    pub fn push_is_unseen(&self) -> bool {
        let state = self.state();
        state.push_deploys && state.tag.is_some() && state.started.is_none()
    }

    /// A call that changes something begins.
    pub fn begins(&self, call: UnderWay) {
        self.state().under_way = Some(call);
    }

    /// It was answered, or is known to have come to nothing.
    pub fn answered(&self) {
        self.state().under_way = None;
    }

    /// Whether a deployment may run because the order for it was given and not answered.
    #[must_use]
    pub fn order_is_given(&self) -> bool {
        let state = self.state();
        state.under_way == Some(UnderWay::Order) && state.started.is_none()
    }

    /// Whether the tag may have moved.
    #[must_use]
    pub fn tag_is_moving(&self) -> bool {
        self.state().under_way == Some(UnderWay::Tag)
    }

    /// The operation that was to make the service ready has ended: it is no deployment.
    pub fn preparation_ended(&self) {
        self.state().started = None;
    }

    /// The deployment that was followed has succeeded: what was deployed serves.
    pub fn deployment_succeeded(&self) {
        let mut state = self.state();
        (state.push_deploys, state.started) = (false, None);
        if state.turn == Turn::Forth {
            state.turn = Turn::Arrived;
        }
    }

    /// Whether that is so.
    #[must_use]
    pub fn has_deployed(&self) -> bool {
        self.state().turn != Turn::Forth
    }

    /// When the run began, or turned back: what other runs have ordered since then was ordered at the same time.
    #[must_use]
    pub fn began(&self) -> Timestamp {
        self.state().began
    }

    /// The run decides knowing of the newest operation: it did not start at the same time as this run, even if in the same second.
    pub fn has_seen(&self, newest: Option<&PastOperation>) {
        let Some(after) = newest.and_then(PastOperation::first_second_after) else { return };
        let mut state = self.state();
        state.began = state.began.max(after);
    }

    /// The run has claimed the operation after this one.
    pub fn claims(&self, newest: Option<&PastOperation>) {
        self.state().claimed.extend(newest.map(|newest| newest.id.clone()));
    }

    /// Whether that is so.
    #[must_use]
    pub fn has_claimed(&self, newest: Option<&PastOperation>) -> bool {
        newest.is_some_and(|newest| self.state().claimed.contains(&newest.id))
    }

    /// Another tool has ordered this operation: the record says nothing of it.
    pub fn distrust(&self, operation: &OperationId) {
        self.state().distrusted.push(operation.clone());
    }

    /// Whether that is so.
    #[must_use]
    pub fn is_distrusted(&self, operation: &OperationId) -> bool {
        self.state().distrusted.contains(operation)
    }

    /// The version before is to be deployed again: what has been moved until now stays so, whatever comes of that.
    pub fn goes_back(&self) {
        let mut state = self.state();
        (state.turn, state.tag, state.began) = (Turn::Back, None, Timestamp::now());
    }

    /// Whether that is so.
    #[must_use]
    pub fn is_going_back(&self) -> bool {
        self.state().turn == Turn::Back
    }

    /// The service took the order.
    pub fn deployment_started(&self, started: &Started) {
        let mut state = self.state();
        (state.started, state.verdict) = (Some(started.clone()), None);
    }

    /// The operation came to this.
    pub fn deployment_ended(&self, verdict: Verdict) {
        self.state().verdict = Some(verdict);
    }

    /// What it came to, once it has ended.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.state().verdict
    }

    /// The operation that the service works on.
    #[must_use]
    pub fn operation(&self) -> Option<OperationId> {
        let state = self.state();
        state.started.as_ref().filter(|_| state.verdict.is_none()).map(|started| started.operation.clone())
    }

    /// The arguments after `shipgate wait OPERATION` that lead to the same service.
    pub fn is_led_to_by(&self, wait_arguments: String) {
        self.state().wait_arguments = wait_arguments;
    }

    /// The command that points the same service's tag back at a digest.
    #[must_use]
    pub fn rollback_line(&self, digest: &Digest) -> String {
        format!("shipgate rollback --to {digest}{}", self.state().wait_arguments)
    }

    /// The same, where it is not known which digest serves: the command finds it.
    #[must_use]
    pub fn rollback_command(&self) -> String {
        format!("shipgate rollback{}", self.state().wait_arguments)
    }

    /// How to go on following the operation, once there is one.
    #[must_use]
    pub fn wait_line(&self) -> Option<String> {
        let operation = self.operation()?;
        Some(format!("shipgate wait {operation}{}", self.state().wait_arguments))
    }
}
