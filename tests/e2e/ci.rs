//! In the CIs: the GitHub Action, and every file of `pipeline-examples/` as its CI would run it, against the sandbox.

mod action;
mod buildkite;
mod circleci;
mod cloud;
mod codebuild;
mod covered;
mod declared;
mod expression;
mod github;
mod gitlab;
mod job;
mod lints;
mod pages;
mod release;
mod shell;
mod stage;
mod terraform;
mod workflows;

use std::path::PathBuf;

/// The project's folder.
fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
