//! Types and pure decisions that the other crates share. No network, no async, no clock: tables can test almost everything here. The
//! one exception is `whole_file`, which writes files.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic"))]

pub mod characters;
pub mod html;
pub mod whole_file;

pub mod access;
pub mod account;
pub mod arn;
pub mod ci;
pub mod connection;
pub mod credentials;
pub mod diagnosis;
pub mod digest;
pub mod engine_image;
pub mod event;
pub mod exit_code;
mod facts;
pub mod finding;
pub mod forecast;
pub mod health;
pub mod image;
pub mod json;
pub mod log_group;
pub mod manifest;
pub mod mask;
pub mod mutability;
pub mod oidc;
pub mod operation;
pub mod permissions;
pub mod proxy;
pub mod pull_through;
pub mod reach;
pub mod reason;
pub mod referrers;
pub mod release;
pub mod repository;
pub mod secret;
pub mod service;
pub mod service_secret;
pub mod smoke;
pub mod start_command;
pub mod status;
pub mod tag_pattern;
