//! Tests of the whole App Runner: `calls` without containers, `control` and `random` with trouble on demand, `containers` with the real Docker engine.

mod calls;
mod containers;
mod control;
mod fixture;
mod health;
mod images;
mod proxy;
mod random;
mod validation;
