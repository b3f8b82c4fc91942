//! Tests of the whole: the built binary, and the shape of the source.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test may panic, and reads the environment itself"
)]

mod at_hand;
mod browser;
mod canary;
mod ci;
mod clients;
mod closed_output;
mod copying;
mod corpus;
mod credentials;
mod doctor;
mod documents;
mod evidence;
mod exit_codes;
mod failures;
mod for_target;
mod iam;
mod identity;
mod images;
mod judges;
mod killed;
mod load;
mod mirror;
mod oidc;
mod output;
mod page;
mod pointing;
mod proof;
mod pull_through;
mod reach;
mod reading;
mod refusals;
mod release;
mod releasing;
mod report_page;
mod roles;
mod said;
mod scenes;
mod secrets;
mod seen;
mod signals;
mod smoke;
mod state;
mod stopping;
mod trouble;
mod verifying;
mod world;
