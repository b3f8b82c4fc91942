//! The log lines of a service: App Runner's own words, in the groups and streams App Runner puts them.

use std::sync::Arc;

use super::{config::HealthRule, source::LogSink, word::ServiceStatus};
use shipgate_core::account::{AccountId, Region};

/// Writes to the log groups of one service.
#[derive(Clone)]
pub(super) struct Journal {
    sink: Arc<dyn LogSink>,
    account: AccountId,
    region: Region,
    /// `/aws/apprunner/NAME/ID`.
    prefix: String,
}

impl Journal {
    pub(super) fn new(sink: Arc<dyn LogSink>, account: AccountId, region: Region, name: &str, id: &str) -> Self {
        Self { sink, account, region, prefix: format!("/aws/apprunner/{name}/{id}") }
    }

    /// To the stream `events` of the service's group.
    pub(super) fn event(&self, line: &str) {
        self.put("service", "events", &of_app_runner(line));
    }

    /// To the stream of one deployment in the service's group.
    pub(super) fn deployment(&self, operation: &str, line: &str) {
        self.put("service", &format!("deployment/{}", without_dashes(operation)), &of_app_runner(line));
    }

    /// To the stream of one instance in the application's group, which begins to exist with its first line.
    pub(super) fn application(&self, instance: &str, line: &str) {
        self.put("application", &format!("instance/{instance}"), line);
    }

    fn put(&self, kind: &str, stream: &str, line: &str) {
        self.sink.put(&self.account, &self.region, &format!("{}/{kind}", self.prefix), stream, line);
    }
}

/// Every line of a real service log has this prefix (public service logs).
fn of_app_runner(line: &str) -> String {
    if line.starts_with("[AppRunner]") { line.to_owned() } else { format!("[AppRunner] {line}") }
}

fn without_dashes(id: &str) -> String {
    id.chars().filter(|c| *c != '-').collect()
}

// The lines below are App Runner's own (developer guide and field reports, collected in the project's facts), save
// where a comment says otherwise.

pub(super) fn started(operation: &str, trigger: &str) -> String {
    format!("Deployment with ID : {} started. Triggering event : {trigger}", without_dashes(operation))
}

pub(super) fn failed(operation: &str, reason: &str) -> String {
    format!("Deployment with ID : {} failed. Failure reason : {reason}", without_dashes(operation))
}

pub(super) const PULLED: &str = "Successfully pulled your application image from ECR.";

/// The first sentence is App Runner's; what follows it is the sandbox's.
pub(super) fn not_pulled(cause: &str) -> String {
    format!("Failed to pull your application image. {cause}")
}

pub(super) const PROVISIONING: &str = "Provisioning instances and deploying image for publicly accessible service.";

pub(super) fn checking(rule: &HealthRule, port: u16) -> String {
    format!("Performing health check on protocol {}.", target(rule, port))
}

pub(super) fn unhealthy(rule: &HealthRule, port: u16) -> String {
    format!(
        "Health check failed on protocol {}. Check your configured port number. For more information, see the application logs.",
        target(rule, port)
    )
}

fn target(rule: &HealthRule, port: u16) -> String {
    match &rule.http_path {
        Some(path) => format!("`HTTP` [Path: '{path}'], [Port: '{port}']"),
        None => format!("`TCP` [Port: '{port}']"),
    }
}

pub(super) const HEALTHY: &str = "Health check is successful. Routing traffic to application.";

pub(super) const ROUTED: &str = "Successfully routed incoming traffic to application.";

pub(super) fn exited(exit_code: i64) -> String {
    format!(
        "Your application stopped or failed to start. See logs for more information.  Container exit code: {exit_code}"
    )
}

/// Formed after field reports.
pub(super) fn status_set(status: ServiceStatus) -> String {
    format!("Service status is set to {}.", status.word())
}

/// The bytes a program writes, cut into lines. A line without an end is held back until it has one, or the program
/// ends.
#[derive(Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// The lines that are complete with these bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for byte in bytes {
            if *byte == b'\n' {
                lines.push(self.take());
            } else {
                self.0.push(*byte);
            }
        }
        lines
    }

    /// What is left when no more will come.
    pub(super) fn finish(mut self) -> Option<String> {
        if self.0.is_empty() { None } else { Some(self.take()) }
    }

    fn take(&mut self) -> String {
        let bytes = std::mem::take(&mut self.0);
        String::from_utf8_lossy(bytes.strip_suffix(b"\r").unwrap_or(&bytes)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, checking};
    use crate::apprunner::config::HealthRule;

    #[test]
    fn output_is_cut_into_lines() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(b"one\ntw"), ["one"]);
        assert_eq!(lines.push(b"o\r\n\nthree \xff"), ["two", ""]);
        assert_eq!(lines.finish().as_deref(), Some("three \u{fffd}"));
        assert_eq!(Lines::default().finish(), None);
    }

    #[test]
    fn the_health_check_line_is_the_real_one() {
        let rule = HealthRule { http_path: Some("/".to_owned()), ..HealthRule::default() };
        assert_eq!(checking(&rule, 3000), "Performing health check on protocol `HTTP` [Path: '/'], [Port: '3000'].");
    }
}
