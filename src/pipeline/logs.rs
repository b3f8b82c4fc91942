//! `logs`: what a service's log groups hold, merged by time; followed, if asked for. It reads and changes nothing.

mod tail;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use self::tail::{TaggedLine, Tail};
use super::{
    deploy::Run,
    failure::{Deployed, Failure},
};
use crate::{
    config::deployment::Target,
    target::{DeployTarget, ObservedOperation},
};
use shipgate_aws::{
    fault::AwsFault,
    log_lines::{Lines, MOST_LINES},
    logs::{Logs, Window},
};
use shipgate_core::{
    arn::ServiceArn,
    event::{Event, LogSource},
    mask::Mask,
    operation::OperationId,
};

/// How often new lines are asked for: a line is some seconds old before CloudWatch Logs shows it, so more often shows
/// nothing sooner.
const PACE: Duration = Duration::from_secs(2);

/// How long nothing is asked for after an answer that was none.
const PAUSE: Duration = Duration::from_secs(10);

/// Operations' times may be in whole seconds, rounded down.
const ROUNDING: SignedDuration = SignedDuration::from_secs(1);

/// Which lines are wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogsRequest {
    /// App Runner's own words.
    pub service_events: bool,
    /// The application's output.
    pub application: bool,
    /// From so long ago on; of an operation, from its beginning where nothing is said.
    pub since: Option<Duration>,
    /// Those of this operation alone.
    pub operation: Option<OperationId>,
    /// Whether to go on with what comes.
    pub follow: bool,
}

/// Where one kind of lines is.
struct Source {
    kind: LogSource,
    group: String,
    stream: Option<String>,
}

/// What a round of reading is about.
struct Reading<'a> {
    logs: &'a Logs,
    sources: Vec<Source>,
    mask: Mask,
}

/// Without `--since`: the last ten minutes.
const SINCE: Duration = Duration::from_mins(10);

/// Shows the lines.
///
/// # Errors
/// [`Failure::NoService`] and [`Failure::NoOperation`] when there is none such, [`Failure::Aws`] when the lines cannot be read,
/// [`Failure::Stopped`] when a signal ends it, as it must end a run that follows.
pub async fn logs<T: DeployTarget>(
    run: &Run,
    target: &T,
    logs: &Logs,
    wanted: &Target,
    request: &LogsRequest,
) -> Result<Deployed, Failure> {
    let token = run.narrator.cancellation.token();
    tokio::select! {
        () = token.cancelled() => Err(Failure::stopped(run.narrator.cancellation.signal())),
        read = read(run, target, logs, wanted, request) => read,
    }
}

async fn read<T: DeployTarget>(
    run: &Run,
    target: &T,
    logs: &Logs,
    wanted: &Target,
    request: &LogsRequest,
) -> Result<Deployed, Failure> {
    let service = wanted.service.as_str();
    let unseen = |source| Failure::Service { service: service.to_owned(), source };
    let live = target.service(service).await.map_err(unseen)?;
    let live = live.ok_or_else(|| Failure::NoService { service: service.to_owned() })?;
    let observed = match &request.operation {
        None => None,
        Some(operation) => {
            let observed = target.operation(&live.arn, operation).await.map_err(unseen)?;
            Some(observed.ok_or_else(|| Failure::NoOperation { operation: operation.clone() })?)
        }
    };
    let reading = Reading { logs, sources: sources(&live.arn, request), mask: Mask::new(&live.settings.environment) };
    let window = window(request, observed.as_ref(), Timestamp::now());
    let mut tail = Tail::default();
    show(run, &mut tail, reading.round(window, Some(run)).await?);
    if request.follow {
        return Err(follow(run, &reading, window, &mut tail).await);
    }
    let count = tail.shown();
    let summary = format!("{count} line{} of {service}", if count == 1 { "" } else { "s" });
    Ok(Deployed { digest: None, service_url: None, summary })
}

/// Goes on with what comes, until it is dropped or the lines cannot be read any more.
async fn follow(run: &Run, reading: &Reading<'_>, mut window: Window, tail: &mut Tail) -> Failure {
    loop {
        tokio::time::sleep(PACE).await;
        window.since = tail.goes_on_from(window.since);
        match reading.round(window, None).await {
            Ok(lines) => show(run, tail, lines),
            Err(Failure::Aws { source, .. }) if !source.is_denied() => {
                run.events().emit(Event::Warning { message: format!("no lines for now: {source}") });
                tokio::time::sleep(PAUSE).await;
            }
            Err(failure) => return failure,
        }
    }
}

fn show(run: &Run, tail: &mut Tail, lines: Vec<TaggedLine>) {
    for line in tail.fresh(lines) {
        run.events().emit(Event::LoggedLine {
            logged_at: line.at,
            source: line.source,
            stream: line.stream,
            line: line.line,
        });
    }
}

fn sources(service: &ServiceArn, request: &LogsRequest) -> Vec<Source> {
    let mut sources = Vec::new();
    if request.service_events {
        let stream = request.operation.as_ref().map(|operation| format!("deployment/{}", operation.without_dashes()));
        sources.push(Source { kind: LogSource::Service, group: service.service_log_group(), stream });
    }
    if request.application {
        sources.push(Source { kind: LogSource::Application, group: service.application_log_group(), stream: None });
    }
    sources
}

fn window(request: &LogsRequest, observed: Option<&ObservedOperation>, now: Timestamp) -> Window {
    let ago = |length: Duration| SignedDuration::try_from(length).ok().and_then(|length| now.checked_sub(length).ok());
    let began = observed.and_then(|observed| observed.started_at);
    Window {
        since: request.since.and_then(ago).or(began).or_else(|| ago(SINCE)),
        until: observed.and_then(|observed| observed.ended_at?.checked_add(ROUNDING).ok()),
    }
}

impl Reading<'_> {
    /// What the groups hold now. `first` is told of what is missing.
    async fn round(&self, window: Window, first: Option<&Run>) -> Result<Vec<TaggedLine>, Failure> {
        let mut all = Vec::new();
        for source in &self.sources {
            let read = self.logs.lines(&source.group, source.stream.as_deref(), window).await;
            let doing = || format!("cannot read the lines of {}", source.group);
            match read.map_err(|fault: AwsFault| Failure::Aws { doing: doing(), source: fault })? {
                Some(lines) => all.extend(self.tagged(source, lines, first)),
                None => {
                    if let Some(run) = first {
                        run.events().emit(Event::Notice { message: source.is_missing() });
                    }
                }
            }
        }
        Ok(all)
    }

    fn tagged(&self, source: &Source, lines: Lines, first: Option<&Run>) -> impl Iterator<Item = TaggedLine> {
        if let (true, Some(run)) = (lines.more, first) {
            let message =
                format!("{} holds more than {MOST_LINES} lines of that time: the first are shown", source.group);
            run.events().emit(Event::Warning { message });
        }
        lines.lines.into_iter().map(|line| TaggedLine {
            id: format!("{}/{}", source.group, line.id),
            at: line.at,
            source: source.kind,
            stream: line.stream,
            line: self.mask.apply(&line.line),
        })
    }
}

impl Source {
    fn is_missing(&self) -> String {
        match (&self.stream, self.kind) {
            (Some(stream), _) => format!("{} has no stream {stream} yet", self.group),
            (None, LogSource::Application) => {
                format!("{} does not exist: no container of the service has written a line", self.group)
            }
            (None, LogSource::Service | LogSource::LocalContainer) => format!("{} does not exist yet", self.group),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, LogsRequest, ObservedOperation, Timestamp, Window, sources, window};
    use shipgate_core::operation::{OperationId, OperationStatus};

    fn request() -> LogsRequest {
        LogsRequest { service_events: true, application: true, since: None, operation: None, follow: false }
    }

    #[test]
    fn the_time_is_what_is_said_else_the_operations_else_ten_minutes() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let observed = |ended: Option<i64>| ObservedOperation {
            status: OperationStatus::Succeeded,
            started_at: Some(at(3_000)),
            usual: None,
            ended_at: ended.map(at),
        };
        let now = at(10_000);
        let since = LogsRequest { since: Some(Duration::from_mins(1)), ..request() };
        let ended = observed(Some(4_000));
        let table = [
            (request(), None, Window { since: Some(at(9_400)), until: None }),
            (since.clone(), None, Window { since: Some(at(9_940)), until: None }),
            (request(), Some(&ended), Window { since: Some(at(3_000)), until: Some(at(4_001)) }),
            (since, Some(&ended), Window { since: Some(at(9_940)), until: Some(at(4_001)) }),
            (request(), Some(&observed(None)), Window { since: Some(at(3_000)), until: None }),
        ];
        for (request, observed, expected) in table {
            assert_eq!(window(&request, observed, now), expected, "{request:?} {observed:?}");
        }
    }

    #[test]
    fn an_operation_has_a_stream_of_its_own() {
        let arn = "arn:aws:apprunner:ap-northeast-1:222222222222:service/shop-api/0123".parse().unwrap();
        let places = |request: &LogsRequest| -> Vec<(String, Option<String>)> {
            sources(&arn, request).into_iter().map(|source| (source.group, source.stream)).collect()
        };
        let (service, application) =
            ("/aws/apprunner/shop-api/0123/service", "/aws/apprunner/shop-api/0123/application");
        assert_eq!(places(&request()), [(service.to_owned(), None), (application.to_owned(), None)]);
        let operation = Some(OperationId::new("AB-12"));
        let of_one = LogsRequest { application: false, operation, ..request() };
        assert_eq!(places(&of_one), [(service.to_owned(), Some("deployment/ab12".to_owned()))]);
    }
}
