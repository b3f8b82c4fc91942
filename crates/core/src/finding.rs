//! What was found wrong with an image, as events and reports carry it.

use serde::{Deserialize, Serialize};

/// A trouble by its name, with what to do about it and what it is concluded from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FindingReport {
    /// Stable, in kebab case: `listens-locally`. `docs/verification.md` lists them all.
    pub name: String,
    /// One line that tells it all.
    pub headline: String,
    /// What the user can do about it.
    pub hint: String,
    /// What it is concluded from, a line each. Untrusted: some of it is the application's own words.
    pub evidence: Vec<String>,
}
