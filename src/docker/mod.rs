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
mod owner;
pub mod reach;
pub mod sockets;
mod sweep;

pub use connect::{DockerEnvironment, Engine};
pub use error::EngineError;
