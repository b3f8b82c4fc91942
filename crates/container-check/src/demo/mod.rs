//! What the demonstration and the tests deploy: a small application. Its image is this executable's (`packing`).

pub mod app;
mod environment;
