//! What the verbs that read have found, as the report holds it.

use serde::Serialize;

use shipgate_core::{
    diagnosis::Diagnosis, event::Event, forecast::Forecast, log_group::LogGroup, status::StatusReport,
};

/// What was read. Its fields are the report's own; absent where nothing of the kind was asked for.
#[derive(Default, Serialize)]
pub(in crate::report) struct Reading {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::report) plan: Option<Forecast>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::report) status: Option<StatusReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::report) diagnoses: Vec<Diagnosis>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::report) orphans: Vec<LogGroup>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::report) log_groups_deleted: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::report) printed: Vec<Printed>,
}

/// Text that was asked for.
#[derive(Serialize)]
pub(in crate::report) struct Printed {
    pub(in crate::report) what: &'static str,
    pub(in crate::report) text: String,
}

impl Reading {
    /// Adds what an event says; events of other verbs say nothing here.
    pub(super) fn add(&mut self, event: Event) {
        if let Event::Planned(plan) = event {
            self.plan = Some(*plan);
        } else if let Event::Status(status) = event {
            self.status = Some(*status);
        } else if let Event::Diagnosed(found) = event {
            self.diagnoses.push(*found);
        } else if let Event::OrphanFound(group) = event {
            self.orphans.push(group);
        } else if let Event::LogGroupDeleted { name } = event {
            self.log_groups_deleted.push(name);
        } else if let Event::Printed { what, text } = event {
            self.printed.push(Printed { what, text });
        }
    }
}
