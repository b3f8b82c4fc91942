//! Pure types and decisions. No I/O, no async, no clock: everything here can be tested by tables.

pub mod access;
pub mod account;
pub mod arn;
pub mod credentials;
pub mod digest;
pub mod engine_image;
pub mod event;
pub mod exit_code;
pub mod finding;
pub mod health;
pub mod image;
pub mod manifest;
pub mod mask;
pub mod mutability;
pub mod operation;
pub mod pull_through;
pub mod reach;
pub mod reason;
pub mod referrers;
pub mod release;
pub mod repository;
pub mod secret;
pub mod service;
pub mod service_secret;
pub mod tag_pattern;
