//! Whole runs, at their milliseconds.

use crate::report::samples::{
    self, DESTINATION, checked, container, copied, finished, gated, observed, planned, probed, progress, promoted,
    released, retrying, run_finished, run_started, started, verified,
};
use shipgate_core::{
    event::{Event, LogSource, Outcome, Stage},
    exit_code::ExitCode,
    health::HealthCheck,
    operation::{OperationStatus, Verdict},
    reason::{Evidence, Output, Probing, Reason, Serving, find},
};

const MIB: u64 = 1 << 20;

pub(super) type Run = Vec<(u32, Event)>;

fn identity(purpose: &str, account: &str) -> Event {
    let arn = format!("arn:aws:sts::{account}:assumed-role/shipgate-{purpose}/shipgate");
    Event::IdentityAssumed { purpose: purpose.to_owned(), account: account.parse().unwrap(), arn }
}

fn service_line(line: &str) -> Event {
    Event::LogLine { source: LogSource::Service, line: line.to_owned() }
}

fn application_line(line: &str) -> Event {
    Event::LogLine { source: LogSource::Application, line: line.to_owned() }
}

/// Up to where copy and verify begin.
fn preparation() -> Run {
    vec![
        (0, run_started()),
        (2, started(Stage::Resolve)),
        (180, identity("registry", "111111111111")),
        (390, identity("prod", "222222222222")),
        (
            700,
            Event::ImageResolved {
                reference: samples::IMAGE.to_owned(),
                digest: samples::digest(),
                media_type: "application/vnd.oci.image.index.v1+json".to_owned(),
            },
        ),
        (810, finished(Stage::Resolve, Outcome::Ok, "start-deployment of shop-api", 808)),
        (812, started(Stage::Preflight)),
        (1_300, checked(Outcome::Ok, None)),
        (1_310, checked(Outcome::Skip, None)),
        (1_400, finished(Stage::Preflight, Outcome::Ok, "2 checks", 588)),
        (1_402, started(Stage::Copy)),
        (1_403, started(Stage::Verify)),
    ]
}

/// A copy whose rate rises and falls, for 8.2 s.
fn copying() -> Run {
    let mut run = vec![(1_600, planned(7, 243 * MIB, 5, 31 * MIB))];
    let mut done = 0;
    for (tick, rate) in [4, 9, 14, 17, 20, 21, 21, 8, 2, 12, 20, 22, 21, 19, 11, 7].into_iter().zip(0_u32..) {
        run.push((2_000 + rate * 480, progress(done, 212 * MIB)));
        done = (done + tick * MIB).min(212 * MIB);
    }
    run.push((5_500, retrying()));
    run.push((9_600, copied(212 * MIB, 8_198)));
    run.push((9_602, finished(Stage::Copy, Outcome::Ok, "212.0 MiB sent, 31.0 MiB were there", 8_200)));
    run
}

fn checking_well() -> Run {
    vec![
        (2_100, container(&["DATABASE_URL"])),
        (2_600, probed(1, false, "connection refused", 500)),
        (7_600, probed(2, true, "connected", 5_500)),
        (7_610, verified(true, "healthy after 5.5 s: 1 probe in a row passed", &[])),
        (7_700, finished(Stage::Verify, Outcome::Ok, "healthy after 5.5 s", 6_297)),
    ]
}

fn releasing() -> Run {
    vec![
        (9_610, started(Stage::Promote)),
        (9_900, promoted()),
        (9_905, finished(Stage::Promote, Outcome::Ok, "live is the new digest", 295)),
        (9_910, started(Stage::Release)),
        (10_400, released()),
        (10_410, finished(Stage::Release, Outcome::Ok, "start-deployment", 500)),
        (10_411, started(Stage::Gate)),
        (10_700, observed(None, 300)),
        (12_900, observed(Some(OperationStatus::Pending), 2_500)),
        (18_100, observed(Some(OperationStatus::InProgress), 7_700)),
        (
            19_000,
            service_line(
                "Deployment with ID : 17fe9f557e914097b243fcabbb69a4cf started. Triggering event : SERVICE_DEPLOY",
            ),
        ),
        (41_000, service_line("Successfully pulled your application image from ECR.")),
        (90_000, application_line("listening on 0.0.0.0:8080")),
    ]
}

fn sorted(runs: &[Run]) -> Run {
    let mut all: Run = runs.concat();
    all.sort_by_key(|(at, _)| *at);
    all
}

pub(super) fn success() -> Run {
    let end = vec![
        (160_000, service_line("Successfully routed incoming traffic to application.")),
        (171_000, observed(Some(OperationStatus::Succeeded), 160_600)),
        (171_005, gated(Verdict::Deployed, None)),
        (171_010, finished(Stage::Gate, Outcome::Ok, "deployed", 160_599)),
        (171_012, started(Stage::Aftercare)),
        (171_900, finished(Stage::Aftercare, Outcome::Ok, "log groups keep their lines for 30 days", 888)),
        (171_902, started(Stage::Smoke)),
        (
            172_100,
            Event::SmokeTested {
                url: "https://abc.eu-west-1.awsapprunner.com/ready".to_owned(),
                passed: true,
                detail: "answered 200".to_owned(),
                at_ms: 198,
            },
        ),
        (172_110, finished(Stage::Smoke, Outcome::Ok, "answered 200", 208)),
        (
            172_120,
            Event::Notice { message: "the next release of the service can be created with `shipgate plan`".to_owned() },
        ),
        ended(172_130, ExitCode::Success, "shop-api serves the new version", &[], None, None),
    ];
    sorted(&[preparation(), copying(), checking_well(), releasing(), end])
}

fn reason() -> Reason {
    let line = "Your application stopped or failed to start. See logs for more information. Container exit code: 1";
    let last_lines = ["starting", "<b>connecting</b> to the database", "FATAL cannot reach the database"];
    let evidence =
        Evidence { found: find([line]), output: Output::Written, last_lines: last_lines.map(str::to_owned).to_vec() };
    let check = HealthCheck::default();
    let url = Some("https://abc.eu-west-1.awsapprunner.com".to_owned());
    let serving = Serving { digest: Some(shipgate_core::digest::Digest::of(b"previous")), url };
    Reason::of(evidence, Some(Probing { port: 8080, health_check: check }), Some(serving))
}

fn ended(
    at: u32,
    code: ExitCode,
    summary: &str,
    causes: &[&str],
    hint: Option<&str>,
    why: Option<Reason>,
) -> (u32, Event) {
    let mut event = run_finished(code, summary, causes, hint);
    if let Event::RunFinished { reason, elapsed_ms, .. } = &mut event {
        (*reason, *elapsed_ms) = (why.map(Box::new), at.into());
    }
    (at, event)
}

pub(super) fn rolled_back() -> Run {
    let said = "Your application stopped or failed to start. See logs for more information. Container exit code: 1";
    let causes = ["the deployment was rolled back", said];
    let end = vec![
        (110_000, service_line(said)),
        (111_000, application_line("FATAL cannot reach the database")),
        (112_000, observed(Some(OperationStatus::RollbackInProgress), 101_600)),
        (181_000, observed(Some(OperationStatus::RollbackSucceeded), 170_600)),
        (181_005, gated(Verdict::RolledBack, Some(said))),
        (181_010, finished(Stage::Gate, Outcome::Fail, "rolled back", 170_599)),
        (181_011, finished(Stage::Smoke, Outcome::Skip, "the new version does not serve", 0)),
        (182_000, Event::Warning { message: "the log group cannot be given a retention: AccessDenied".to_owned() }),
        ended(185_000, ExitCode::RolledBack, "the version before serves on", &causes, None, Some(reason())),
    ];
    sorted(&[preparation(), copying(), checking_well(), releasing(), end])
}

pub(super) fn unhealthy() -> Run {
    let mut end: Run = (1..=5)
        .map(|number: u32| {
            let at = u64::from(number) * 5_000 - 4_500;
            (2_100 + number * 5_000 - 4_500, probed(number, false, "answered 500 to GET /", at))
        })
        .collect();
    let headline = "5 probes in a row failed: it answers 500 to GET /";
    end.extend([
        (2_100, container(&[])),
        (
            22_700,
            Event::LogLine {
                source: LogSource::LocalContainer,
                line: "\u{1b}[31merror\u{1b}[0m </pre><script>alert(1)</script>".to_owned(),
            },
        ),
        (22_800, verified(false, headline, &["GET / 500", "</pre><script>alert(1)</script>"])),
        (22_810, finished(Stage::Verify, Outcome::Fail, "the image is unhealthy", 21_407)),
        ended(
            22_820,
            ExitCode::Unhealthy,
            "nothing was deployed; the version before serves on",
            &["the image is unhealthy", headline],
            Some("its last lines say why it ended"),
            None,
        ),
    ]);
    sorted(&[preparation(), copying(), end])
}

pub(super) fn cancelled() -> Run {
    let hint = "shipgate wait 17fe9f557e914097b243fcabbb69a4cf --service shop-api";
    let end = vec![ended(
        42_000,
        ExitCode::Interrupted,
        "interrupted while the operation runs: App Runner goes on",
        &["interrupted"],
        Some(hint),
        None,
    )];
    let released: Run = releasing().into_iter().filter(|(at, _)| *at < 42_000).collect();
    sorted(&[preparation(), copying(), checking_well(), released, end])
}

pub(super) fn configuration_error() -> Run {
    let cause = "shipgate.yaml:4:5: unknown key `regoin`, did you mean `region`?";
    let end = Event::RunFinished {
        exit_code: ExitCode::Usage,
        summary: "nothing was done".to_owned(),
        causes: vec![cause.to_owned()],
        hint: Some("see docs/configuration.md".to_owned()),
        reason: None,
        service_url: None,
        digest: None,
        elapsed_ms: 12,
    };
    vec![(12, end)]
}

pub(super) fn mirrored() -> Run {
    let to = |number: u32| format!("22222222222{number}.dkr.ecr.eu-west-1.amazonaws.com/shop/api");
    let mut run = vec![(
        0,
        Event::RunStarted {
            verb: "mirror".to_owned(),
            version: "0.1.0".to_owned(),
            image: "mirror.yaml".to_owned(),
            target: None,
        },
    )];
    for number in 0..4 {
        let Event::CopyFinished { digest, .. } = copied(0, 0) else { unreachable!() };
        run.push((
            1000 + number * 200,
            Event::CopyFinished {
                destination: to(number),
                tag: Some("v1".to_owned()),
                digest,
                blobs_copied: 3,
                blobs_mounted: 1,
                blobs_fetched: 0,
                blobs_present: 1,
                referrers: 0,
                changed: number > 0,
                bytes_received: 12 * MIB,
                bytes_sent: 12 * MIB,
                requests: 14,
                elapsed_ms: 800,
            },
        ));
    }
    let (reason, hint) = ("tag v1 is immutable".to_owned(), Some("use a new tag".to_owned()));
    run.push((2_000, Event::CopyFailed { destination: format!("{DESTINATION}:v1"), reason, hint }));
    run.push((2_000, Event::RepositoryCreated { repository: to(3) }));
    run.push((9_000, samples::mirrored()));
    run.push(ended(9_010, ExitCode::Copy, "1 image did not come to a registry", &["tag v1 is immutable"], None, None));
    run
}

pub(super) fn status_and_plan() -> Run {
    let verb = "status".to_owned();
    vec![
        (
            0,
            Event::RunStarted {
                verb,
                version: "0.1.0".to_owned(),
                image: String::new(),
                target: Some("prod".to_owned()),
            },
        ),
        (300, Event::Status(Box::new(samples::reading::status()))),
        (310, Event::Planned(Box::new(samples::reading::planned()))),
        (320, Event::OrphanFound(samples::reading::orphan())),
        (330, Event::LogGroupDeleted { name: samples::reading::orphan().name }),
        (340, samples::reading::logged(LogSource::Application, "listening")),
        (350, Event::Printed { what: "terraform", text: "resource \"a\" \"b\" {\n  c = \"<d>\"\n}\n".to_owned() }),
        ended(400, ExitCode::Success, "shop-api is RUNNING", &[], None, None),
    ]
}
