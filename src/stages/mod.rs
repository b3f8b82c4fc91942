//! The stages of a deployment, one file each, in the order of the pipeline: resolve (which observes), preflight, copy beside
//! verify, prepare, promote (which keeps the record), release, gate, aftercare. `attempt` is what promote and release do while other
//! runs may do the same.

pub mod aftercare;
pub mod attempt;
pub mod copy;
#[cfg(test)]
mod fake;
pub mod gate;
pub mod history;
pub mod observe;
pub mod permissions;
pub mod preflight;
pub mod prepare;
pub mod promote;
pub mod pull_through;
pub mod record;
pub mod release;
pub mod resolve;
pub mod secrets;
pub mod smoke;
pub mod tags;
