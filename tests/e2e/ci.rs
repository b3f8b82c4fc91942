//! In the CIs: the GitHub Action, and every file of `pipeline-examples/` as its CI would run it, against the sandbox.

mod action;
mod expression;
mod github;
mod job;
mod release;

use std::path::PathBuf;

/// The project's folder.
fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
