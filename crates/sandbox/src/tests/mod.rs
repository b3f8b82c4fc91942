//! The sandbox seen by clients that are not its own: the AWS SDK and plain HTTP.

mod caching;
mod ecr;
mod faults;
mod iam;
mod logs;
mod manifests;
mod page;
mod protection;
mod regions;
mod registry;
mod secrets;
mod strictness;
mod sts;
mod world;
