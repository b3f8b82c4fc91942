//! What the demonstration and the tests deploy: a small application, and the image it is packed into.

pub mod app;
pub mod image;
