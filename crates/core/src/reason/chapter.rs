//! Which lines of a service's log of events speak of one deployment.

use crate::operation::OperationId;

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

#[cfg(test)]
mod tests {
    use super::{Chapter, OperationId};

    #[test]
    fn a_chapter_ends_where_another_deployment_begins() {
        let mut ours = Chapter::of(&OperationId::new("17FE9F55-7E91-4097-B243-FCABBB69A4CF"));
        let other = "Deployment with ID : 27fe9f557e914097b243fcabbb69a4cf started. Triggering event : SERVICE_DEPLOY";
        let begins = "[AppRunner] Deployment with ID : 17fe9f557e914097b243fcabbb69a4cf started. Triggering event : SERVICE_DEPLOY";
        let failed =
            "Deployment with ID : 17fe9f557e914097b243fcabbb69a4cf failed. Failure reason : Health check failed.";
        let table = [
            ("Service status is set to RUNNING.", false),
            (begins, true),
            ("Your application stopped or failed to start.", true),
            (other, false),
            ("[AppRunner] Health check failed on protocol `TCP` [Port: '8080'].", false),
            (failed, true),
        ];
        for (line, belongs) in table {
            assert_eq!(ours.takes(line), belongs, "{line}");
        }
    }
}
