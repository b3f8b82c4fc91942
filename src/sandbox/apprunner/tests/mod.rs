//! Tests of the whole App Runner: `calls` without containers, `containers` with the real Docker engine.

mod calls;
mod containers;
mod fixture;
mod images;
mod validation;
