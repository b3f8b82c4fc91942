//! What continuous integration systems are shown beside the text itself: groups of the log, annotations, outputs, summaries.
//! Pure but for the files that GitHub's runner names. Which system it is, and what is on for it, is decided elsewhere.

mod annotations;
mod card;
mod commands;
mod frame;
mod nonces;
mod outputs;
mod step_files;

pub use self::{
    annotations::Workspace,
    card::{Card, CardMaker},
    frame::{Frame, Syntax},
    nonces::Nonces,
    outputs::Outputs,
    step_files::{StepOutputs, StepSummary},
};

#[cfg(test)]
mod tests;
