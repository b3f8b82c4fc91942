//! The local container engine: found, asked for containers and images, and left as it was. The only user of bollard.
//!
//! Nothing here judges an application; `stages::verify` does.

mod address;
pub mod candidates;
pub mod connect;
pub mod container;
mod context;
pub mod error;
pub mod files;
pub mod image;
pub mod labels;
pub mod logs;
pub mod memory;
pub mod neighbours;
pub mod network;
mod owner;
pub mod reach;
mod refusal;
pub mod sidecar;
pub mod sockets;
mod ssh;
mod sweep;
mod tls;
mod transport;
mod unverified;
pub mod whereabouts;

pub use candidates::DockerEnvironment;
pub use connect::Engine;
pub use error::EngineError;
