//! What a deployment failed of, and what to do about it.

use serde::Serialize;

use super::Probing;
use crate::health::Protocol;

/// What a deployment failed of, the most telling last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The lines do not tell.
    Unknown,
    /// A role could not be assumed, or may not do what it must.
    Role,
    /// App Runner tells that it failed, in words that say nothing more.
    Other,
    /// The image could not be had, or is not one that can run.
    Image,
    /// The application did not pass the health check.
    HealthCheck,
    /// The container ended.
    ContainerExit,
}

impl Cause {
    /// The name in reports, stable.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Role => "role",
            Self::Other => "other",
            Self::Image => "image",
            Self::HealthCheck => "health-check",
            Self::ContainerExit => "container-exit",
        }
    }
}

/// What was found in the lines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What it failed of.
    pub cause: Cause,
    /// The line that tells, without App Runner's boilerplate.
    pub said: Option<String>,
    /// What the container ended with.
    pub exit_code: Option<i64>,
}

/// The most telling cause, and of equally telling lines the last; a container's end with its exit code before one
/// without, and a line that says what was seen before the bare closing line of the deployment, which comes later. A role line that
/// comes after a rollback began is noise that App Runner is known to write, and is passed over.
#[must_use]
pub fn find<'a>(lines: impl IntoIterator<Item = &'a str>) -> Finding {
    let mut best: Option<((Cause, bool, bool), &str)> = None;
    let mut rolling_back = false;
    for line in lines {
        let line = super::without_prefix(line);
        let text = line.to_ascii_lowercase();
        rolling_back |= text.contains("rollback") || text.contains("rolling back");
        let Some(cause) = weigh(&text) else { continue };
        let weight = (cause, exit_code(line).is_some(), !text.contains(CLOSING));
        let noise = cause == Cause::Role && rolling_back;
        if !noise && best.is_none_or(|(held, _)| weight >= held) {
            best = Some((weight, line));
        }
    }
    best.map_or(Finding { cause: Cause::Unknown, said: None, exit_code: None }, |((cause, _, _), line)| Finding {
        cause,
        said: Some(tidy(line)),
        exit_code: exit_code(line),
    })
}

/// What the last line of a failed deployment has before the reason, which is short: `Health check failed.`
const CLOSING: &str = "failure reason :";

fn weigh(text: &str) -> Option<Cause> {
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["container exit code", "stopped or failed to start"]) {
        Some(Cause::ContainerExit)
    } else if says(&["health check failed", "failed health check", "health check is unsuccessful"]) {
        Some(Cause::HealthCheck)
    } else if says(&["failed to pull", "failed to copy the image", "exec format error"]) {
        Some(Cause::Image)
    } else if says(&["invalid access role", "error in assuming"]) {
        Some(Cause::Role)
    } else if says(&["failure reason", "failed to deploy"]) {
        Some(Cause::Other)
    } else {
        None
    }
}

/// `… Container exit code: 1`.
fn exit_code(line: &str) -> Option<i64> {
    let (_, code) = line.split_once("exit code")?;
    let code = code.trim_start_matches([':', ' ']);
    code.split(|c: char| !c.is_ascii_digit() && c != '-').next()?.parse().ok()
}

/// `Deployment with ID : … failed. Failure reason : X.` becomes `X`; runs of blanks become one.
fn tidy(line: &str) -> String {
    let told = line.split_once("Failure reason :").map_or(line, |(_, reason)| reason);
    told.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

/// What to do about a cause.
pub(super) fn next(cause: Cause, exit_code: Option<i64>, probing: Option<&Probing>) -> String {
    match cause {
        Cause::ContainerExit => ended(exit_code).to_owned(),
        Cause::HealthCheck => unhealthy(probing),
        Cause::Image => "see that the service's access role may pull from the repository, and that the image is for \
             linux/amd64 and fits App Runner's 3 GB, packed and unpacked"
            .to_owned(),
        Cause::Role => {
            "let App Runner assume the role: its trust policy must name build.apprunner.amazonaws.com for an \
             access role, tasks.apprunner.amazonaws.com for an instance role"
                .to_owned()
        }
        Cause::Other | Cause::Unknown => {
            "read the service's log groups; what only the service is given can be given to \
             the local check too (`verify.environment`)"
                .to_owned()
        }
    }
}

/// Exit codes as shells and container engines use them.
fn ended(exit_code: Option<i64>) -> &'static str {
    match exit_code {
        Some(137) => {
            "the container was killed, most likely for want of memory: give the service more, or the application less to do"
        }
        Some(126 | 127) => {
            "the start command is not in the image or cannot be run: mend the image's command or the service's start command"
        }
        Some(_) | None => {
            "mend what the application's last lines tell of; what only the service is given (secrets, environment, a network) can \
             be given to the local check too (`verify.environment`)"
        }
    }
}

fn unhealthy(probing: Option<&Probing>) -> String {
    let Some(Probing { port, health_check: check }) = probing else {
        return "have the application answer the service's health check in time".to_owned();
    };
    let answer = match check.protocol {
        Protocol::Tcp => format!("take connections on port {port}"),
        Protocol::Http => format!("answer GET {} on port {port} with 200, without a log-in", check.path),
    };
    let seconds = check.interval_seconds.saturating_mul(check.unhealthy_threshold);
    format!(
        "have the application {answer}, on all addresses, within {seconds} s of its start, or change the health check"
    )
}

#[cfg(test)]
mod tests {
    use super::{Cause, find, next};
    use crate::{
        health::{HealthCheck, Protocol},
        reason::Probing,
    };

    const EXIT: &str =
        "Your application stopped or failed to start. See logs for more information.  Container exit code: 1";
    const HEALTH: &str =
        "Deployment with ID : 17fe9f557e914097b243fcabbb69a4cf failed. Failure reason : Health check failed.";
    const STOPPED: &str = "Deployment with ID : 17fe9f557e914097b243fcabbb69a4cf failed. Failure reason : Your application stopped or failed to start.";
    const ROLE: &str = "Invalid Access Role in AuthenticationConfiguration";
    const PULL: &str = "Failed to pull your application image. Be sure that it exists.";
    const STARTED: &str =
        "Deployment with ID : 17fe9f557e914097b243fcabbb69a4cf started. Triggering event : SERVICE_DEPLOY";

    #[test]
    fn the_order_of_meaning() {
        let exit = "Your application stopped or failed to start. See logs for more information. Container exit code: 1";
        let table: [(&[&str], Cause, Option<&str>); 12] = [
            (&[], Cause::Unknown, None),
            (&[STARTED, "Successfully pulled your application image from ECR."], Cause::Unknown, None),
            (&[STARTED, HEALTH], Cause::HealthCheck, Some("Health check failed")),
            (&[STARTED, EXIT, HEALTH], Cause::ContainerExit, Some(exit)),
            (&[HEALTH, EXIT], Cause::ContainerExit, Some(exit)),
            (&[EXIT, STOPPED], Cause::ContainerExit, Some(exit)),
            (&[PULL, HEALTH], Cause::HealthCheck, Some("Health check failed")),
            (&[PULL, ROLE], Cause::Image, Some("Failed to pull your application image. Be sure that it exists")),
            (&[ROLE], Cause::Role, Some(ROLE)),
            (&[ROLE, HEALTH], Cause::HealthCheck, Some("Health check failed")),
            (&["Rollback started", ROLE], Cause::Unknown, None),
            (&[HEALTH, "Rolling back", ROLE], Cause::HealthCheck, Some("Health check failed")),
        ];
        for (lines, cause, said) in table {
            let found = find(lines.iter().copied());
            assert_eq!((found.cause, found.said.as_deref()), (cause, said), "{lines:?}");
        }
    }

    /// Lines of public logs begin with `[AppRunner] `, and the informative line comes before the bare one.
    #[test]
    fn informative_line_wins_over_closing_line() {
        let seen = "[AppRunner] Health check failed on protocol `TCP` [Port: '3000']. Check your configured port number. For more \
                    information, see the application logs.";
        let said = "Health check failed on protocol `TCP` [Port: '3000']. Check your configured port number. For more \
                    information, see the application logs";
        let closing = format!("[AppRunner] {HEALTH}");
        let (exit, stopped) = (format!("[AppRunner] {EXIT}"), format!("[AppRunner] {STOPPED}"));
        let pull = "[AppRunner] Failed to pull your application image. The access role may not read the repository.";
        let not_pulled =
            "[AppRunner] Deployment with ID : 17fe failed. Failure reason : Failed to pull your application image.";
        let table: [(&[&str], Cause, &str); 7] = [
            (&[seen, &closing], Cause::HealthCheck, said),
            (&[&closing, seen], Cause::HealthCheck, said),
            (&[&closing], Cause::HealthCheck, "Health check failed"),
            (
                &["2026-11-30T18:00:00Z [AppRunner] Health check failed on port '80'."],
                Cause::HealthCheck,
                "Health check failed on port '80'",
            ),
            (
                &[seen, &exit, &stopped],
                Cause::ContainerExit,
                "Your application stopped or failed to start. See logs for more information. Container exit code: 1",
            ),
            (
                &[pull, not_pulled],
                Cause::Image,
                "Failed to pull your application image. The access role may not read the repository",
            ),
            (
                &["[AppRunner] Deployment with ID : 17fe failed. Failure reason : Something else."],
                Cause::Other,
                "Something else",
            ),
        ];
        for (lines, cause, said) in table {
            let found = find(lines.iter().copied());
            assert_eq!((found.cause, found.said.as_deref()), (cause, Some(said)), "{lines:?}");
        }
    }

    #[test]
    fn exit_codes_are_read() {
        for (line, code) in [(EXIT, Some(1)), ("Container exit code: 137.", Some(137)), (STOPPED, None)] {
            assert_eq!(find([line]).exit_code, code, "{line}");
        }
    }

    #[test]
    fn what_to_do_depends_on_the_cause() {
        let check = HealthCheck { protocol: Protocol::Http, path: "/ready".to_owned(), ..HealthCheck::default() };
        let probing = Probing { port: 3000, health_check: check };
        let table = [
            (Cause::ContainerExit, Some(1), "`verify.environment`"),
            (Cause::ContainerExit, Some(137), "memory"),
            (Cause::ContainerExit, Some(127), "start command"),
            (Cause::HealthCheck, None, "GET /ready on port 3000 with 200"),
            (Cause::HealthCheck, None, "within 25 s"),
            (Cause::Image, None, "access role may pull"),
            (Cause::Role, None, "trust policy"),
            (Cause::Unknown, None, "log groups"),
        ];
        for (cause, code, words) in table {
            let told = next(cause, code, Some(&probing));
            assert!(told.contains(words), "{cause:?}: {told}");
        }
    }
}
