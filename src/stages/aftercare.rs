//! Aftercare: what is done once there is a verdict. Nothing here can change the verdict.

use shipgate_aws::logs::Logs;
use shipgate_core::{
    arn::ServiceArn,
    event::{Emitter, Event},
};

/// What setting the retention came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Kept {
    /// How many groups were set.
    pub set: usize,
    /// Whether one could not be.
    pub failed: bool,
}

/// Has both log groups of a service keep their lines for so many days. The groups carry the service's id, so nobody
/// can declare them beforehand, and they never expire by themselves.
pub async fn keep_logs_for_days(logs: &Logs, service: &ServiceArn, days: u32, events: &Emitter) -> Kept {
    let mut kept = Kept::default();
    for group in [service.service_log_group(), service.application_log_group()] {
        match logs.keep_for_days(&group, days).await {
            Ok(true) => kept.set += 1,
            Ok(false) => events.emit(Event::Notice {
                message: format!("log group {group} does not exist yet; its retention is set by the next deployment"),
            }),
            Err(fault) => {
                kept.failed = true;
                events.emit(Event::Warning { message: format!("retention of {group} not set: {fault}") });
            }
        }
    }
    kept
}
