//! What App Runner's lines say of how near the end of a deployment is.

/// How near the end is, as far as is told; later ones are nearer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Outlook {
    /// Nothing is told.
    #[default]
    Open,
    /// The health check has passed, and traffic is being routed: a minute or so.
    Routing,
    /// The traffic is routed, or something has failed: seconds.
    Ending,
    /// It failed, and App Runner goes back: a quarter of an hour. Only an operation's status tells that.
    RollingBack,
}

/// What a line says of it; `Open` when it says nothing.
#[must_use]
pub fn foretold(line: &str) -> Outlook {
    let text = line.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&[
        "successfully routed",
        "completed successfully",
        "failed",
        "failure",
        "unsuccessful",
        "rollback",
        "rolling back",
    ]) {
        Outlook::Ending
    } else if says(&["health check is successful", "routing traffic"]) {
        Outlook::Routing
    } else {
        Outlook::Open
    }
}

#[cfg(test)]
mod tests {
    use super::{Outlook, foretold};

    #[test]
    fn lines_tell_how_near_the_end_is() {
        let table = [
            ("Deployment with ID : 17fe started. Triggering event : SERVICE_DEPLOY", Outlook::Open),
            ("Successfully pulled your application image from ECR.", Outlook::Open),
            ("Provisioning instances and deploying image for publicly accessible service.", Outlook::Open),
            ("Performing health check on protocol `HTTP` [Path: '/'], [Port: '3000'].", Outlook::Open),
            ("Health check is successful. Routing traffic to application.", Outlook::Routing),
            ("Successfully routed incoming traffic to application.", Outlook::Ending),
            ("Deployment completed successfully.", Outlook::Ending),
            ("Your application stopped or failed to start. Container exit code: 1", Outlook::Ending),
            ("Failed to pull your application image.", Outlook::Ending),
            ("Deployment with ID : 17fe failed. Failure reason : Health check failed.", Outlook::Ending),
            ("Rolling back to the previous version.", Outlook::Ending),
        ];
        for (line, outlook) in table {
            assert_eq!(foretold(line), outlook, "{line}");
        }
    }
}
