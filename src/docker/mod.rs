//! The local container engine: found, asked for containers and images, and left as it was. The only user of bollard.
//!
//! Nothing here judges an application; `stages::verify` does.

pub mod connect;
pub mod container;
pub mod error;
pub mod image;
pub mod labels;
pub mod logs;
pub mod memory;
pub mod network;
mod owner;
pub mod reach;
pub mod sidecar;
pub mod sockets;
mod sweep;
pub mod whereabouts;

pub use connect::{DockerEnvironment, Engine};
pub use error::EngineError;
