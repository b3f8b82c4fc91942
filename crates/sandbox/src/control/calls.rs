//! The log of calls: what tests read to prove that nothing was deployed or tagged.

use std::{collections::VecDeque, sync::Mutex};

use jiff::Timestamp;
use serde::Serialize;

use crate::locking::lock;

/// How many calls are remembered.
const REMEMBERED: usize = 20_000;

/// The longest action that is remembered whole, in bytes.
const LONGEST_ACTION: usize = 128;
/// The longest resource: a repository name of 256 characters and a tag of 128, or a digest.
const LONGEST_RESOURCE: usize = 512;

/// The text up to this many bytes.
fn shortened(text: String, most: usize) -> String {
    if text.len() <= most {
        return text;
    }
    text[..text.floor_char_boundary(most)].to_owned()
}

/// One call, as `GET /_sandbox/calls` lists it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Call {
    /// When it was answered.
    pub(crate) at: Timestamp,
    /// `sts`, `ecr`, `apprunner`, `logs`, or `registry` for the OCI side, `layers` for the second address.
    pub(crate) service: &'static str,
    /// Such as `StartDeployment`; on the registry the method and the kind, such as `PUT manifest`.
    pub(crate) action: String,
    /// The caller's account; on the registry, the registry's. Empty when the caller is unknown.
    pub(crate) account: String,
    /// The caller's ARN. Empty when unknown.
    pub(crate) caller: String,
    /// What it was about, on the registry: `repository:tag`, `repository@digest`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) resource: String,
    /// Whether it named an id of zeros, which nothing has: shipgate tries a permission like this, and nothing changes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) names_nothing: bool,
    /// The HTTP status of the answer.
    pub(crate) status: u16,
}

/// The last calls, oldest first.
#[derive(Default)]
pub(crate) struct Calls(Mutex<VecDeque<Call>>);

impl Calls {
    /// Remembers a call.
    pub(crate) fn record(&self, mut call: Call) {
        // Anyone may send a header of any length for an action.
        call.action = shortened(call.action, LONGEST_ACTION);
        call.resource = shortened(call.resource, LONGEST_RESOURCE);
        let mut calls = lock(&self.0);
        if calls.len() == REMEMBERED {
            calls.pop_front();
        }
        calls.push_back(call);
    }

    /// What is remembered.
    pub(crate) fn list(&self) -> Vec<Call> {
        lock(&self.0).iter().cloned().collect()
    }

    /// Forgets.
    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }
}
