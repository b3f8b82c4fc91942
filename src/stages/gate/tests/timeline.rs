//! Whole deployments with App Runner's real lines at their real times, on a clock that is wound by hand: how many calls
//! they take, and how late their end is noticed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    super::{GateEnd, GateRules, follow},
    cloud::{OPERATION, at},
};
use crate::target::{CreateOrder, DeployTarget, ObservedOperation, Started, TargetError, UpdateOrder};
use shipgate_aws::{
    fault::AwsFault,
    logs::{LogReader, Page, Position, StreamFacts, Window},
};
use shipgate_core::{
    arn::ServiceArn,
    event::{Emitter, Event},
    mask::Mask,
    operation::{OperationId, OperationStatus, Verdict},
    release::PastOperation,
    service::LiveService,
};

const RULES: GateRules = GateRules { timeout: Duration::from_mins(35), unlisted_grace: Duration::from_mins(35) };
const PULLED: &str = "Successfully pulled your application image from ECR.";
const PROVISIONING: &str = "Provisioning instances and deploying image for publicly accessible service.";
const CHECKING: &str = "Performing health check on protocol `HTTP` [Path: '/'], [Port: '3000'].";
const HEALTHY: &str = "Health check is successful. Routing traffic to application.";
const ROUTED: &str = "Successfully routed incoming traffic to application.";

/// Which log the lines are in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    InEvents,
    InDeployment,
    InBoth,
    Denied,
    /// Every other page is refused.
    Throttled,
}

/// A deployment as it goes by itself.
struct Timeline {
    begun: Instant,
    /// Status from this second on.
    statuses: Vec<(u64, &'static str)>,
    lines: Vec<(u64, String)>,
    told: Told,
    usual: Option<Duration>,
    listed_from: u64,
    /// Looks in these seconds are refused.
    throttled: std::ops::Range<u64>,
    calls: AtomicU32,
    /// Seconds of the looks.
    looks: std::sync::Mutex<Vec<u64>>,
}

impl Timeline {
    /// A deployment that succeeds in so many seconds, in the proportions of a real one.
    fn good(seconds: u64) -> Self {
        let part = |of_300: u64| seconds * of_300 / 300;
        let lines = [(107, PULLED), (116, PROVISIONING), (126, CHECKING), (218, HEALTHY), (289, ROUTED)];
        Self::with(&lines.map(|(second, line)| (part(second), line)), &[(0, "IN_PROGRESS"), (seconds, "SUCCEEDED")])
    }

    fn with(lines: &[(u64, &str)], statuses: &[(u64, &'static str)]) -> Self {
        let started = format!("Deployment with ID : {OPERATION} started. Triggering event : SERVICE_DEPLOY");
        let lines = lines.iter().map(|(second, line)| (*second, (*line).to_owned()));
        Self {
            begun: Instant::now(),
            statuses: statuses.to_vec(),
            lines: [(0, started)].into_iter().chain(lines).collect(),
            told: Told::InBoth,
            usual: None,
            listed_from: 0,
            throttled: 0..0,
            calls: AtomicU32::new(0),
            looks: std::sync::Mutex::default(),
        }
    }

    fn told(self, told: Told) -> Self {
        Self { told, ..self }
    }

    fn usual(self, seconds: u64) -> Self {
        Self { usual: Some(Duration::from_secs(seconds)), ..self }
    }

    /// The second it ends.
    fn end(&self) -> u64 {
        self.statuses.last().unwrap().0
    }

    fn second(&self) -> u64 {
        self.begun.elapsed().as_secs()
    }

    /// Follows it to its end: the verdict, the calls, and how late it was noticed. The search for evidence, which comes
    /// after a bad verdict, is not part of it.
    async fn play(&mut self) -> (Verdict, u32, Duration) {
        self.begun = Instant::now();
        let service = "arn:aws:apprunner:eu-west-1:222222222222:service/shop-api/0123abcd".parse().unwrap();
        let started = Started { service, operation: OperationId::new(OPERATION) };
        let noticed = Arc::new(std::sync::Mutex::new(None));
        let (seen, begun) = (Arc::clone(&noticed), self.begun);
        let events = Emitter::new(move |event| {
            if let Event::OperationObserved { status: Some(status), .. } = event
                && status.verdict().is_some()
            {
                *seen.lock().unwrap() = Some(begun.elapsed());
            }
        });
        let mask = Mask::new(std::iter::empty::<(&String, &shipgate_core::secret::Secret)>());
        let end = follow(self, self, &started, &RULES, &mask, &events, &CancellationToken::new()).await;
        let GateEnd::Verdict { verdict, .. } = end else { panic!("{end:?}") };
        let noticed = noticed.lock().unwrap().expect("an end is told");
        (verdict, self.calls.load(Ordering::Relaxed), noticed.saturating_sub(Duration::from_secs(self.end())))
    }

    fn page(&self, stream: &str, from: &Position) -> Result<Page, AwsFault> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let code = match self.told {
            Told::Denied => Some("AccessDeniedException"),
            Told::Throttled if call.is_multiple_of(2) => Some("ThrottlingException"),
            Told::Throttled | Told::InBoth | Told::InEvents | Told::InDeployment => None,
        };
        if let Some(code) = code {
            return Err(fault(code));
        }
        let is_told = match self.told {
            Told::InEvents => stream == "events",
            Told::InDeployment => stream != "events",
            Told::InBoth | Told::Throttled | Told::Denied => true,
        };
        let lines = self.lines.iter().filter(|(second, _)| is_told && *second <= self.second());
        let lines: Vec<String> = lines.map(|(_, line)| line.clone()).collect();
        let from = from.token.as_deref().map_or(0, |token| token.parse().unwrap());
        let next = Position { token: Some(lines.len().to_string()) };
        Ok(Page { is_last: lines.len() == from, lines: lines[from..].to_vec(), next })
    }
}

fn fault(code: &str) -> AwsFault {
    AwsFault::refused("service:Action", code, "no")
}

impl LogReader for Timeline {
    async fn page(&self, _group: &str, stream: &str, _window: Window, from: &Position) -> Result<Page, AwsFault> {
        Timeline::page(self, stream, from)
    }

    async fn streams(&self, _group: &str) -> Result<Option<Vec<StreamFacts>>, AwsFault> {
        Ok(None)
    }

    async fn written_to(&self, _: &str, _: &str, _: Window) -> Result<Vec<String>, AwsFault> {
        Ok(Vec::new())
    }
}

impl DeployTarget for Timeline {
    async fn operation(&self, _: &ServiceArn, _: &OperationId) -> Result<Option<ObservedOperation>, TargetError> {
        let second = self.second();
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.looks.lock().unwrap().push(second);
        if self.throttled.contains(&second) {
            return Err(fault("TooManyRequestsException").into());
        }
        if second < self.listed_from {
            return Ok(None);
        }
        let status = self.statuses.iter().rev().find(|(from, _)| *from <= second).unwrap().1;
        let status = OperationStatus::from(status.to_owned());
        Ok(Some(ObservedOperation { status, started_at: Some(at(1_000)), ended_at: None, usual: self.usual }))
    }

    async fn service(&self, _: &str) -> Result<Option<LiveService>, TargetError> {
        Err(fault("the gate looks at the operation alone").into())
    }

    async fn create(&self, _: &CreateOrder) -> Result<Started, TargetError> {
        Err(fault("the gate creates nothing").into())
    }

    async fn start_deployment(&self, _: &ServiceArn) -> Result<Started, TargetError> {
        Err(fault("the gate starts nothing").into())
    }

    async fn update(&self, _: &UpdateOrder) -> Result<Option<Started>, TargetError> {
        Err(fault("the gate changes nothing").into())
    }

    async fn resume(&self, _: &ServiceArn) -> Result<Option<Started>, TargetError> {
        Err(fault("the gate resumes nothing").into())
    }

    async fn delete(&self, _: &ServiceArn) -> Result<Option<Started>, TargetError> {
        Err(fault("the gate deletes nothing").into())
    }

    async fn operations(&self, _: &ServiceArn) -> Result<Vec<PastOperation>, TargetError> {
        Err(fault("the gate follows an operation that is known").into())
    }
}

/// How often each is played, each time with other luck.
const TIMES: u64 = 40;

/// A name, and the deployment anew each time.
type Played = (&'static str, fn() -> Timeline);

/// The mission's promise: a deployment of six minutes takes at most forty calls, its log's included, and its end is
/// noticed within five seconds.
#[tokio::test(start_paused = true)]
async fn six_minutes_take_forty_calls_and_the_end_is_noticed_in_five_seconds() {
    let table: [Played; 12] = [
        ("told in both logs", || Timeline::good(360)),
        ("told in the events alone", || Timeline::good(360).told(Told::InEvents)),
        ("told in the deployment's log alone", || Timeline::good(360).told(Told::InDeployment)),
        ("a service that is known", || Timeline::good(360).usual(355)),
        ("no log", || Timeline::good(360).told(Told::Denied)),
        ("no log, a service that is known", || Timeline::good(360).told(Told::Denied).usual(350)),
        ("listed late", || Timeline { listed_from: 75, ..Timeline::good(360) }),
        ("stale for long", || Timeline { statuses: vec![(0, "PENDING"), (360, "SUCCEEDED")], ..Timeline::good(360) }),
        ("a word nobody knows", || Timeline {
            statuses: vec![(0, "WARMING_UP"), (360, "SUCCEEDED")],
            ..Timeline::good(360)
        }),
        ("the end right after the health check", || {
            Timeline::with(&[(100, PULLED), (358, HEALTHY)], &[(0, "IN_PROGRESS"), (360, "SUCCEEDED")])
        }),
        ("the common five minutes", || Timeline::good(300)),
        ("throttled for a minute", || Timeline { throttled: 100..160, ..Timeline::good(360) }),
    ];
    for (name, timeline) in table {
        for luck in 0..TIMES {
            fastrand::seed(luck);
            let (verdict, calls, late) = timeline().play().await;
            assert_eq!(verdict, Verdict::Deployed, "{name}");
            assert!(calls <= 40, "{name}: {calls} calls");
            assert!(late <= Duration::from_secs(5), "{name}: noticed after {late:?}");
        }
    }
}

/// A log that throttles costs more looks, never the end.
#[tokio::test(start_paused = true)]
async fn a_log_that_refuses_every_other_page_costs_a_few_calls_more() {
    for luck in 0..TIMES {
        fastrand::seed(luck);
        let (_, calls, late) = Timeline::good(360).told(Told::Throttled).play().await;
        assert!(calls <= 50, "{calls} calls");
        assert!(late <= Duration::from_secs(5), "noticed after {late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_plain_failure_is_noticed_as_soon() {
    let stopped = "Your application stopped or failed to start. See logs for more information.  Container exit code: 1";
    let table: [Played; 4] = [
        ("a refused image", || {
            Timeline::with(&[(3, "Failed to pull your application image.")], &[(0, "IN_PROGRESS"), (4, "FAILED")])
        }),
        ("after forty seconds", || Timeline::with(&[(38, "x failed")], &[(0, "IN_PROGRESS"), (40, "FAILED")])),
        ("after forty seconds, no log", || {
            Timeline::with(&[], &[(0, "IN_PROGRESS"), (40, "FAILED")]).told(Told::Denied)
        }),
        ("while it is routed", || {
            let lines = [(100, PULLED), (218, HEALTHY), (280, "Deployment failed.")];
            Timeline::with(&lines, &[(0, "IN_PROGRESS"), (290, "FAILED")])
        }),
    ];
    for (name, timeline) in table {
        for luck in 0..TIMES {
            fastrand::seed(luck);
            let (verdict, _, late) = timeline().play().await;
            assert_eq!(verdict, Verdict::Failed, "{name}");
            assert!(late <= Duration::from_secs(5), "{name}: noticed after {late:?}");
        }
    }
    // What it fails of in the middle is told long before App Runner has gone back.
    let rolls_back = || {
        let statuses = [(0, "IN_PROGRESS"), (230, "ROLLBACK_IN_PROGRESS"), (1_200, "ROLLBACK_SUCCEEDED")];
        Timeline::with(&[(107, PULLED), (228, stopped)], &statuses)
    };
    for luck in 0..TIMES {
        fastrand::seed(luck);
        let (verdict, calls, late) = rolls_back().play().await;
        assert_eq!(verdict, Verdict::RolledBack);
        assert!(late <= Duration::from_secs(30), "noticed after {late:?}");
        assert!(calls <= 100, "{calls} calls in twenty minutes");
    }
}

/// Services of tests end in seconds, and those who wait for them shall not wait for minutes.
#[tokio::test(start_paused = true)]
async fn what_takes_seconds_is_noticed_in_a_second_or_two() {
    for seconds in 1..10 {
        let (_, _, late) = Timeline::good(seconds).play().await;
        assert!(late <= Duration::from_secs(4), "{seconds} s: noticed after {late:?}");
        let (_, _, late) = Timeline::good(seconds).usual(seconds).play().await;
        assert!(late <= Duration::from_secs(2), "{seconds} s, known: noticed after {late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn throttling_stretches_the_looks_and_is_over_when_it_is_over() {
    fastrand::seed(1);
    let mut timeline = Timeline { throttled: 10..100, ..Timeline::good(300) };
    let (verdict, _, late) = timeline.play().await;
    assert_eq!(verdict, Verdict::Deployed);
    assert!(late <= Duration::from_secs(5), "noticed after {late:?}");
    let looks = timeline.looks.into_inner().unwrap();
    let refused = looks.iter().filter(|second| (10..100).contains(*second)).count();
    assert!(refused <= 6, "{looks:?}");
    let gaps: Vec<u64> = looks.windows(2).filter(|pair| pair[0] >= 290).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap <= 5), "{looks:?}");
}
