//! How a version is to be released: the `release` block, and what is consented to on the command line alone.

use std::time::Duration;

use schemars::{Schema, json_schema};

use super::{deployment::ReleaseSettings, overrides::Overrides, read::Scalar, scalars::in_schema, shape};
use shipgate_core::release::{Consent, IfBusy, Naming, OnPush};

/// Longer than a deployment takes (about 5 minutes), and than AWS's maintenance (minutes); shorter than a failing one with its
/// rollback, whose end another job is waiting for too.
const BUSY_TIMEOUT: Duration = Duration::from_mins(20);

/// Resolves a `release` block. What is consented to for this run alone is [`agree`]'s.
pub(super) fn settings(given: shape::Release) -> ReleaseSettings {
    ReleaseSettings {
        consent: Consent {
            if_busy: given.if_busy.value().unwrap_or_default(),
            on_push: given.auto_deployments.value().unwrap_or_default(),
            ..Consent::default()
        },
        busy_timeout: given.busy_timeout.value().map_or(BUSY_TIMEOUT, |timeout| timeout.0),
        naming: given.identifier.value().unwrap_or_default(),
        unchecked: false,
    }
}

/// Adds what only flags can say: each is typed out for the run it is meant for.
pub(super) fn agree(settings: &mut ReleaseSettings, overrides: &Overrides) {
    settings.consent.resume = overrides.resume;
    settings.consent.recreate = overrides.recreate;
    settings.consent.force = overrides.force;
    settings.unchecked = overrides.no_verify;
}

impl Scalar for IfBusy {
    const EXPECTED: &'static str = "what to do about a busy service (wait or fail)";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "wait" => Some(Self::Wait),
            "fail" => Some(Self::Fail),
            _ => None,
        }
    }

    fn schema() -> Schema {
        json_schema!({ "enum": ["wait", "fail"] })
    }
}

impl Scalar for OnPush {
    const EXPECTED: &'static str = "what to do about automatic deployments (follow or off)";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "follow" => Some(Self::Follow),
            "off" => Some(Self::TurnOff),
            _ => None,
        }
    }

    fn schema() -> Schema {
        json_schema!({ "enum": ["follow", "off"] })
    }
}

impl Scalar for Naming {
    const EXPECTED: &'static str = "how the service names its image (live, tag or digest)";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "live" => Some(Self::AsLive),
            "tag" => Some(Self::Tag),
            "digest" => Some(Self::Digest),
            _ => None,
        }
    }

    fn schema() -> Schema {
        json_schema!({ "enum": ["live", "tag", "digest"] })
    }
}

in_schema!(IfBusy, OnPush, Naming);
