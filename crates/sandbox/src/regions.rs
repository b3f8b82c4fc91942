//! The regions that have App Runner. Elsewhere its host name does not resolve on AWS.

use shipgate_core::account::Region;

/// The regions of App Runner's endpoints (botocore 1.43, endpoints.json).
const APP_RUNNER: [&str; 11] = [
    "ap-northeast-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "us-east-1",
    "us-east-2",
    "us-west-2",
];

/// Whether App Runner is in this region.
pub(crate) fn have_app_runner(region: &Region) -> bool {
    APP_RUNNER.contains(&region.as_str())
}
