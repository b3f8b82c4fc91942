//! Copy and verify run side by side: of their two failures, the one that counts.

use crate::pipeline::failure::Failure;

/// An unhealthy image counts most: that is what must be mended. Then the copy's failure, then a check that could not
/// be made; what merely stopped because of the other never counts.
pub(super) fn the_failure_that_counts(copy: Option<Failure>, verify: Option<Failure>) -> Option<Failure> {
    match (copy, verify) {
        (_, Some(unhealthy @ Failure::Unhealthy { .. })) => Some(unhealthy),
        (Some(copy), _) => Some(copy),
        (None, verify) => verify,
    }
}

#[cfg(test)]
mod tests {
    use super::{Failure, the_failure_that_counts};
    use crate::pipeline::cancellation::Signal;
    use shipgate_core::event::Stage;

    fn unhealthy() -> Failure {
        Failure::Unhealthy { reason: "exited with code 1".to_owned(), hint: None }
    }

    fn stopped() -> Failure {
        Failure::cancelled(Some(Signal::Terminate), Stage::Copy)
    }

    #[test]
    fn an_unhealthy_image_counts_more_than_the_copy_it_stopped() {
        assert!(matches!(the_failure_that_counts(Some(stopped()), Some(unhealthy())), Some(Failure::Unhealthy { .. })));
        assert!(matches!(the_failure_that_counts(Some(stopped()), None), Some(Failure::Cancelled { .. })));
        assert!(matches!(the_failure_that_counts(None, Some(unhealthy())), Some(Failure::Unhealthy { .. })));
        assert!(the_failure_that_counts(None, None).is_none());
    }
}
