//! What the compiler itself says of wrong tests, and that it has nothing to say of right ones.
//!
//! The messages of the attribute are tested in the crate, where that is fast; here are those that
//! need types, and a proof that no message is followed by others that have the same cause.

use std::process::Command;

/// The compiler whose words the `.stderr` files hold.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn the_compiler_points_at_what_is_wrong() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/without_libtest.rs");
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(compiler).arg("--version").output().expect("the compiler runs");
    let version = String::from_utf8_lossy(&version.stdout);
    if version.starts_with(COMPILER) {
        cases.compile_fail("tests/ui/fail/*.rs");
    } else {
        eprintln!("not compared: the messages are those of {COMPILER}x, and this is {version}");
    }
}
