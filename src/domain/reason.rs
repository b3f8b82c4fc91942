//! Why a deployment failed, read from the lines App Runner and the application left: its operations carry no reason.

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
/// no line speaks of a failure. Order of meaning: container exit (with its code before without), health check, image pull, App Runner's own summary,
/// role. A role line that comes after a rollback began is noise that App Runner is known to write, and is passed over.
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
    use super::most_telling;

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
}
