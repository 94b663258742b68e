//! Chaos tests.
fn main() {}
