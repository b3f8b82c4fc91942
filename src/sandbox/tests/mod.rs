//! The sandbox seen by clients that are not its own: the AWS SDK and plain HTTP.

mod ecr;
mod faults;
mod iam;
mod logs;
mod page;
mod registry;
mod sts;
mod world;
