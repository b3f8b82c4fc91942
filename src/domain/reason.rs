//! Why a deployment failed, read from the lines App Runner and the application left: its operations carry no reason.

use super::operation::OperationId;

/// How telling a line is, the most telling last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Weight {
    Role,
    Summary,
    ImagePull,
    HealthCheck,
    ContainerStopped,
    ExitCode,
}

/// The most telling line on a failure, without App Runner's boilerplate; of equally telling ones the last. None when
/// no line speaks of a failure. Order of meaning: container exit (with its code before without), health check, image
/// pull, App Runner's own summary, role. A role line that comes after a rollback began is noise that App Runner is known
/// to write, and is passed over.
#[must_use]
pub fn most_telling<'a>(lines: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut best: Option<(Weight, &str)> = None;
    let mut rolling_back = false;
    for line in lines {
        rolling_back |= line.to_ascii_lowercase().contains("rollback");
        let Some(weight) = weigh(line) else { continue };
        let noise = weight == Weight::Role && rolling_back;
        if !noise && best.is_none_or(|(held, _)| weight >= held) {
            best = Some((weight, line));
        }
    }
    best.map(|(_, line)| tidy(line))
}

/// The lines of a service's `events` stream, which speaks of all its deployments, that speak of one of them: from a line
/// that names it until one that names another. Lines may come in portions.
#[derive(Clone, Debug)]
pub struct Chapter {
    operation: String,
    is_open: bool,
}

impl Chapter {
    /// The chapter of this operation.
    #[must_use]
    pub fn of(operation: &OperationId) -> Self {
        Self { operation: operation.without_dashes(), is_open: false }
    }

    /// Whether the next line belongs to it.
    pub fn takes(&mut self, line: &str) -> bool {
        let text = line.replace('-', "").to_ascii_lowercase();
        if text.contains(&self.operation) {
            self.is_open = true;
        } else if text.contains("deployment with id") {
            self.is_open = false;
        }
        self.is_open
    }
}

/// Whether a line of App Runner's says that a deployment is about to end, well or badly.
#[must_use]
pub fn is_near_the_end(line: &str) -> bool {
    let text = line.to_ascii_lowercase();
    [
        "health check is successful",
        "routed incoming traffic",
        "failed",
        "stopped",
        "rollback",
        "rolling back",
        "rolled back",
    ]
    .iter()
    .any(|words| text.contains(words))
}

fn weigh(line: &str) -> Option<Weight> {
    let text = line.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["container exit code"]) {
        Some(Weight::ExitCode)
    } else if says(&["stopped or failed to start"]) {
        Some(Weight::ContainerStopped)
    } else if says(&["health check failed", "failed health check", "health check is unsuccessful"]) {
        Some(Weight::HealthCheck)
    } else if says(&["failed to pull", "failed to copy the image", "exec format error"]) {
        Some(Weight::ImagePull)
    } else if says(&["invalid access role", "error in assuming"]) {
        Some(Weight::Role)
    } else if says(&["failure reason", "failed to deploy"]) {
        Some(Weight::Summary)
    } else {
        None
    }
}

/// `Deployment with ID : … failed. Failure reason : X.` becomes `X`; runs of blanks become one.
fn tidy(line: &str) -> String {
    let told = line.split_once("Failure reason :").map_or(line, |(_, reason)| reason);
    told.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Chapter, OperationId, is_near_the_end, most_telling};

    const EXIT: &str =
        "Your application stopped or failed to start. See logs for more information.  Container exit code: 1";
    const HEALTH: &str =
        "Deployment with ID : 17fe9f557e914097b243fcabbb69a4cf failed. Failure reason : Health check failed.";
    const STOPPED: &str = "Deployment with ID : 17fe9f557e914097b243fcabbb69a4cf failed. Failure reason : Your application stopped or failed to start.";
    const ROLE: &str = "Invalid Access Role in AuthenticationConfiguration";
    const STARTED: &str =
        "Deployment with ID : 17fe9f557e914097b243fcabbb69a4cf started. Triggering event : SERVICE_DEPLOY";

    #[test]
    fn the_order_of_meaning() {
        let exit = "Your application stopped or failed to start. See logs for more information. Container exit code: 1";
        let table: [(&[&str], Option<&str>); 9] = [
            (&[], None),
            (&[STARTED, "Successfully pulled your application image from ECR."], None),
            (&[STARTED, HEALTH], Some("Health check failed")),
            (&[STARTED, EXIT, HEALTH], Some(exit)),
            (&[HEALTH, EXIT], Some(exit)),
            (&[EXIT, STOPPED], Some(exit)),
            (&[ROLE], Some(ROLE)),
            (&[ROLE, HEALTH], Some("Health check failed")),
            (&["Rollback started", ROLE], None),
        ];
        for (lines, reason) in table {
            assert_eq!(most_telling(lines.iter().copied()).as_deref(), reason, "{lines:?}");
        }
    }

    #[test]
    fn the_end_is_announced() {
        let table = [
            (STARTED, false),
            ("Successfully pulled your application image from ECR.", false),
            ("Provisioning instances and deploying image for publicly accessible service.", false),
            ("Performing health check on protocol `HTTP` [Path: '/'], [Port: '3000'].", false),
            ("Health check is successful. Routing traffic to application.", true),
            ("Successfully routed incoming traffic to application.", true),
            (EXIT, true),
            (HEALTH, true),
        ];
        for (line, near) in table {
            assert_eq!(is_near_the_end(line), near, "{line}");
        }
    }

    #[test]
    fn a_chapter_ends_where_another_deployment_begins() {
        let mut ours = Chapter::of(&OperationId::new("17FE9F55-7E91-4097-B243-FCABBB69A4CF"));
        let other = "Deployment with ID : 27fe9f557e914097b243fcabbb69a4cf started. Triggering event : SERVICE_DEPLOY";
        let table = [
            ("Service status is set to RUNNING.", false),
            (STARTED, true),
            (EXIT, true),
            (other, false),
            ("Health check failed on protocol `TCP` [Port: '8080'].", false),
            (HEALTH, true),
        ];
        for (line, belongs) in table {
            assert_eq!(ours.takes(line), belongs, "{line}");
        }
    }
}
