//! A deployment target and logs that say what a test has them say.

use std::{
    collections::{BTreeMap, VecDeque},
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::{GateEnd, GateRules, follow};
use crate::target::{CreateOrder, DeployTarget, ObservedOperation, Started, TargetError, UpdateOrder};
use shipgate_aws::{
    fault::AwsFault,
    logs::{LogReader, Page, Position, StreamFacts, Window},
};
use shipgate_core::{
    arn::ServiceArn,
    event::{Emitter, Event},
    mask::Mask,
    operation::{OperationId, OperationStatus},
    release::PastOperation,
    secret::Secret,
    service::LiveService,
};

pub(super) const OPERATION: &str = "17fe9f557e914097b243fcabbb69a4cf";
pub(super) const EVENTS: &str = "events";
pub(super) const OLD: &str = "instance/old";
pub(super) const NEW: &str = "instance/new";

/// Lines of a page: few, so that there are pages.
const PAGE: usize = 2;

pub(super) type Answer = Result<Option<ObservedOperation>, TargetError>;

pub(super) fn deployment() -> String {
    format!("deployment/{OPERATION}")
}

pub(super) fn running() -> ObservedOperation {
    ObservedOperation { status: OperationStatus::InProgress, started_at: Some(at(1_000)), ended_at: None, usual: None }
}

pub(super) fn ended(status: &str) -> ObservedOperation {
    ObservedOperation {
        status: OperationStatus::from(status.to_owned()),
        started_at: Some(at(1_000)),
        ended_at: Some(at(1_100)),
        usual: None,
    }
}

pub(super) fn fault(code: &str) -> TargetError {
    throttled(code).into()
}

fn throttled(code: &str) -> AwsFault {
    AwsFault::refused("service:Action", code, "no")
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// What is wrong with a stream: how many calls are refused yet, of all or of those after the first page.
#[derive(Default)]
struct Refusal {
    calls: usize,
    later_pages: usize,
}

pub(super) struct Cloud {
    answers: Mutex<VecDeque<Answer>>,
    streams: BTreeMap<String, Vec<(Timestamp, String)>>,
    refusals: Mutex<BTreeMap<String, Refusal>>,
    told: Arc<Mutex<Vec<Event>>>,
    begun: Instant,
    /// How long lines take to appear.
    pub(super) lag: Duration,
    /// How many streams the list of streams shows at most, the first by name; and whether it tells their times.
    pub(super) listed: usize,
    pub(super) listed_without_times: bool,
    /// Whether the search by lines is denied.
    pub(super) search_is_denied: bool,
    /// Whether the logs never answer.
    pub(super) hangs: bool,
    pub(super) environment: Vec<(String, Secret)>,
}

impl Cloud {
    /// A target with these answers on the operation; the last one for ever.
    pub(super) fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            answers: Mutex::new(answers.into_iter().collect()),
            streams: BTreeMap::new(),
            refusals: Mutex::default(),
            told: Arc::default(),
            begun: Instant::now(),
            lag: Duration::ZERO,
            listed: usize::MAX,
            listed_without_times: false,
            search_is_denied: false,
            hangs: false,
            environment: Vec::new(),
        }
    }

    pub(super) fn write(&mut self, stream: &str, second: i64, line: &str) {
        self.streams.entry(stream.to_owned()).or_default().push((at(second), line.to_owned()));
    }

    pub(super) fn refuse(&self, stream: &str, calls: usize) {
        self.refusals.lock().unwrap().entry(stream.to_owned()).or_default().calls = calls;
    }

    pub(super) fn refuse_later_pages(&self, stream: &str, calls: usize) {
        self.refusals.lock().unwrap().entry(stream.to_owned()).or_default().later_pages = calls;
    }

    pub(super) async fn follow(&self, rules: &GateRules) -> GateEnd {
        self.follow_unless(rules, &CancellationToken::new()).await
    }

    pub(super) async fn follow_unless(&self, rules: &GateRules, cancel: &CancellationToken) -> GateEnd {
        let service = "arn:aws:apprunner:eu-west-1:222222222222:service/shop-api/0123abcd".parse().unwrap();
        let started = Started { service, operation: OperationId::new(OPERATION) };
        let told = Arc::clone(&self.told);
        let events = Emitter::new(move |event| told.lock().unwrap().push(event));
        let mask = Mask::new(self.environment.iter().map(|(name, value)| (name, value)));
        follow(self, self, &started, rules, &mask, &events, cancel).await
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let told = self.told.lock().unwrap();
        let warning = |event: &Event| if let Event::Warning { message } = event { Some(message.clone()) } else { None };
        told.iter().filter_map(warning).collect()
    }

    pub(super) fn log_lines(&self) -> Vec<String> {
        let told = self.told.lock().unwrap();
        let line = |event: &Event| if let Event::LogLine { line, .. } = event { Some(line.clone()) } else { None };
        told.iter().filter_map(line).collect()
    }

    fn has_arrived(&self) -> bool {
        self.begun.elapsed() >= self.lag
    }

    fn refusal(&self, stream: &str, is_later: bool) -> Result<(), AwsFault> {
        let mut refusals = self.refusals.lock().unwrap();
        let Some(refusal) = refusals.get_mut(stream) else { return Ok(()) };
        let left = if is_later && refusal.calls == 0 { &mut refusal.later_pages } else { &mut refusal.calls };
        if *left == 0 {
            return Ok(());
        }
        *left -= 1;
        Err(throttled("ThrottlingException"))
    }
}

impl LogReader for Cloud {
    async fn page(&self, group: &str, stream: &str, window: Window, from: &Position) -> Result<Page, AwsFault> {
        if self.hangs {
            return pending().await;
        }
        assert_eq!(group.ends_with("/application"), stream.starts_with("instance/"), "{group} {stream}");
        let from: usize = from.token.as_deref().map_or(0, |token| token.parse().unwrap());
        self.refusal(stream, from > 0)?;
        let in_window =
            |at: Timestamp| window.since.is_none_or(|since| at >= since) && window.until.is_none_or(|until| at < until);
        let lines = self.streams.get(stream).filter(|_| self.has_arrived()).into_iter().flatten();
        let lines: Vec<String> = lines.filter(|(at, _)| in_window(*at)).map(|(_, line)| line.clone()).collect();
        let to = lines.len().min(from + PAGE);
        let next = Position { token: Some(to.to_string()) };
        Ok(Page { lines: lines[from..to].to_vec(), next, is_last: to == from })
    }

    async fn streams(&self, _group: &str) -> Result<Option<Vec<StreamFacts>>, AwsFault> {
        if self.hangs {
            return pending().await;
        }
        let instances = self.streams.iter().filter(|(name, _)| name.starts_with("instance/") && self.has_arrived());
        let facts = instances
            .map(|(name, lines)| StreamFacts {
                name: name.clone(),
                began: lines.first().map(|(at, _)| *at).filter(|_| !self.listed_without_times),
            })
            .collect::<Vec<_>>();
        let is_there = !facts.is_empty();
        Ok(is_there.then(|| facts.into_iter().take(self.listed).collect()))
    }

    async fn written_to(&self, _group: &str, prefix: &str, window: Window) -> Result<Vec<String>, AwsFault> {
        if self.search_is_denied {
            return Err(throttled("AccessDeniedException"));
        }
        let within =
            |at: Timestamp| window.since.is_none_or(|since| at >= since) && window.until.is_none_or(|until| at < until);
        let mut found: Vec<(Timestamp, String)> = self
            .streams
            .iter()
            .filter(|(name, _)| name.starts_with(prefix) && self.has_arrived())
            .filter_map(|(name, lines)| Some((lines.iter().rev().find(|(at, _)| within(*at))?.0, name.clone())))
            .collect();
        found.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        Ok(found.into_iter().map(|(_, name)| name).collect())
    }
}

impl DeployTarget for Cloud {
    async fn service(&self, _name: &str) -> Result<Option<LiveService>, TargetError> {
        Ok(None)
    }

    async fn create(&self, _order: &CreateOrder) -> Result<Started, TargetError> {
        Err(fault("the gate creates nothing"))
    }

    async fn start_deployment(&self, _service: &ServiceArn) -> Result<Started, TargetError> {
        Err(fault("the gate starts nothing"))
    }

    async fn operation(&self, _service: &ServiceArn, operation: &OperationId) -> Answer {
        assert_eq!(operation.as_str(), OPERATION);
        let mut answers = self.answers.lock().unwrap();
        if answers.len() > 1 { answers.pop_front().unwrap() } else { answers.front().unwrap().clone() }
    }

    async fn update(&self, _order: &UpdateOrder) -> Result<Option<Started>, TargetError> {
        Err(fault("the gate changes nothing"))
    }

    async fn resume(&self, _service: &ServiceArn) -> Result<Option<Started>, TargetError> {
        Err(fault("the gate resumes nothing"))
    }

    async fn delete(&self, _service: &ServiceArn) -> Result<Option<Started>, TargetError> {
        Err(fault("the gate deletes nothing"))
    }

    async fn operations(&self, _: &ServiceArn) -> Result<Vec<PastOperation>, TargetError> {
        unreachable!("the gate follows an operation that is known")
    }
}
