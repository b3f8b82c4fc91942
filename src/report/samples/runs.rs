//! Whole runs, each as events at their milliseconds: what the renderers are shown by.

use super::{
    checked, container, copied, finished, gated, misconfigured, observed, operation, planned, probed, promoted,
    released, run_finished, run_started, started,
};
use shipgate_core::{
    event::{Event, LogSource, Outcome, Stage},
    exit_code::ExitCode,
    finding::FindingReport,
    health::HealthCheck,
    operation::{OperationStatus, Verdict},
    reason::{Cause, Output, Probing, Reason, Serving},
};

const MIB: u64 = 1 << 20;

/// What a hostile container writes.
pub(in crate::report) const HOSTILE: [&str; 9] = [
    "::error::x",
    "::set-output name=digest::sha256:bad",
    "::stop-commands::guess",
    "##[add-mask]x",
    "</details><script>alert(1)</script>",
    "``` and ````` and | \\| [a](javascript:b) <img src=x onerror=y>",
    "\u{1b}[31mred\u{1b}[0m \u{1b}[0Ksection_start:1:x\r\u{1b}[0Kx",
    "--- not a heading",
    "+++ neither",
];

fn until_both_run() -> Vec<(u32, Event)> {
    vec![
        (0, run_started()),
        (0, started(Stage::Resolve)),
        (400, finished(Stage::Resolve, Outcome::Ok, "start-deployment of shop-api", 400)),
        (400, started(Stage::Preflight)),
        (600, checked(Outcome::Ok, None)),
        (700, finished(Stage::Preflight, Outcome::Ok, "1 check", 300)),
        (700, started(Stage::Copy)),
        (700, started(Stage::Verify)),
        (800, planned(7, 43 * MIB, 5, 31 * MIB)),
        (900, container(&[])),
    ]
}

fn heard(at: u32, source: LogSource) -> impl Iterator<Item = (u32, Event)> {
    HOSTILE.into_iter().map(move |line| (at, Event::LogLine { source, line: line.to_owned() }))
}

fn until_released() -> Vec<(u32, Event)> {
    let mut events = until_both_run();
    events.extend(heard(3_000, LogSource::LocalContainer));
    events.extend([
        (5_950, probed(2, true, "connected", 5_050)),
        (5_960, finished(Stage::Verify, Outcome::Ok, "healthy", 5_260)),
        (6_000, copied(12 * MIB, 5_200)),
        (6_010, finished(Stage::Copy, Outcome::Ok, "1 repository", 5_310)),
        (6_010, started(Stage::Promote)),
        (6_200, promoted()),
        (6_200, finished(Stage::Promote, Outcome::Ok, "", 190)),
        (6_200, started(Stage::Release)),
        (6_500, released()),
        (6_500, finished(Stage::Release, Outcome::Ok, "", 300)),
        (6_500, started(Stage::Gate)),
        (9_700, observed(Some(OperationStatus::InProgress), 3_200)),
    ]);
    events
}

pub(in crate::report) fn deployed() -> Vec<(u32, Event)> {
    let mut events = until_released();
    events.extend([
        (80_000, observed(Some(OperationStatus::Succeeded), 73_500)),
        (80_000, gated(Verdict::Deployed, None)),
        (80_010, finished(Stage::Gate, Outcome::Ok, "", 73_510)),
        (80_010, finished(Stage::Aftercare, Outcome::Skip, "nothing asked for", 0)),
        (80_020, run_finished(ExitCode::Success, "shop-api serves sha256:6105d6cc76af", &[], None)),
    ]);
    events
}

pub(in crate::report) fn rolled_back() -> Vec<(u32, Event)> {
    let mut events = until_released();
    events.extend(heard(12_000, LogSource::Application));
    events.extend([
        (20_000, Event::Warning { message: "the log group cannot be read: | <b>&".to_owned() }),
        (21_000, observed(Some(OperationStatus::RollbackSucceeded), 14_500)),
        (21_000, gated(Verdict::RolledBack, Some(HOSTILE[4]))),
        (21_010, finished(Stage::Gate, Outcome::Fail, HOSTILE[5], 14_510)),
        (21_020, rolled_back_end()),
    ]);
    events
}

fn rolled_back_end() -> Event {
    let causes = ["the deployment was rolled back", HOSTILE[4], HOSTILE[5]];
    let mut end = run_finished(ExitCode::RolledBack, "the old version serves", &causes, Some("read on, *as told*"));
    if let Event::RunFinished { reason, service_url, .. } = &mut end {
        *service_url = None;
        *reason = Some(Box::new(Reason {
            cause: Cause::ContainerExit,
            said: Some(HOSTILE[0].to_owned()),
            exit_code: Some(1),
            application_log: Output::Written,
            last_lines: HOSTILE.map(str::to_owned).to_vec(),
            probing: Some(Probing { port: 8080, health_check: HealthCheck::default() }),
            serving: Some(Serving {
                digest: Some(super::digest()),
                url: Some("https://abc.eu-west-1.awsapprunner.com".to_owned()),
            }),
            restore: Some(format!("shipgate rollback --to {}", super::digest())),
            next: "mend it".to_owned(),
        }));
    }
    end
}

pub(in crate::report) fn unhealthy() -> Vec<(u32, Event)> {
    let finding = FindingReport {
        name: "exited".to_owned(),
        headline: "exited with code 3 after 0.3 s".to_owned(),
        hint: "its last lines say why it ended".to_owned(),
        evidence: vec![format!("its last line: {}", HOSTILE[5])],
    };
    let verified = Event::Verified {
        healthy: false,
        reason: finding.headline.clone(),
        last_lines: HOSTILE.map(str::to_owned).to_vec(),
        finding: Some(finding),
        ready_ms: None,
        allowed_ms: 25_000,
    };
    let mut events = until_both_run();
    events.extend([
        (950, probed(1, false, "connection refused", 50)),
        (11_010, verified),
        (11_020, finished(Stage::Verify, Outcome::Fail, "the image is unhealthy", 10_320)),
        (11_030, finished(Stage::Copy, Outcome::Skip, "stopped", 10_330)),
    ]);
    let causes = ["the image is unhealthy: exited with code 3 after 0.3 s"];
    let hint = "its last lines say why it ended\nand two lines of hint";
    events.push((11_040, run_finished(ExitCode::Unhealthy, "nothing was deployed", &causes, Some(hint))));
    events
}

pub(in crate::report) fn misconfigured_run() -> Vec<(u32, Event)> {
    let causes = ["the configuration has a problem", "shipgate.yaml:4:3: unknown key `imgae`"];
    let hint = Some("did you mean `image`?");
    let mut end = run_finished(ExitCode::Usage, "nothing was changed", &causes, hint);
    if let Event::RunFinished { service_url, digest, .. } = &mut end {
        (*service_url, *digest) = (None, None);
    }
    vec![(0, run_started()), (1, misconfigured()), (1, end)]
}

/// Stopped while the operation runs: the job of a CI system is cancelled.
pub(in crate::report) fn stopped() -> Vec<(u32, Event)> {
    let mut events = until_released();
    let hint = format!("follow it with: shipgate wait {}", operation());
    let causes = ["cancelled during gate"];
    events.push((10_000, run_finished(ExitCode::Terminated, "the operation still runs", &causes, Some(&hint))));
    events
}
