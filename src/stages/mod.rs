//! The stages of a deployment, one file each, in the order of the pipeline: resolve, preflight, copy beside verify,
//! promote, release, gate, aftercare.

pub mod aftercare;
pub mod copy;
pub mod gate;
pub mod preflight;
pub mod promote;
pub mod pull_through;
pub mod release;
pub mod resolve;
pub mod secrets;
pub mod verify;
