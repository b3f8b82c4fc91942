//! Tests of the whole App Runner.
