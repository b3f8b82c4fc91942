//! An AWS in this process: STS, ECR and its registry, App Runner, CloudWatch Logs.

pub mod answer;
pub mod apprunner;
pub mod caller;
pub mod ecr;
pub mod logs;
