//! What the harness promises to whoever runs a suite of chaos tests.
//!
//! This binary runs itself: with the variable below it is a suite of chaos tests that misbehave in
//! every way ([`suite`]), and without it a list of ordinary tests that run that suite and judge
//! what the harness made of it.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use parking_lot::RwLock;

mod assertions;
mod attempts;
mod baselines;
mod binary;
mod command_line;
mod configuration;
mod diagnostics;
mod environment;
mod interruption;
mod judging;
mod leftovers;
mod nextest;
#[cfg(target_os = "linux")]
mod overload;
mod phases;
mod properties;
mod retries;
#[cfg(target_os = "linux")]
mod scarcity;
mod selecting;
mod suite;

/// Held by all tests, and by those alone that overload the machine.
static ALONE: RwLock<()> = RwLock::new(());

/// Makes this binary the suite.
const SUITE: &str = "CHAOS_CONTRACT_SUITE";

fn main() -> ExitCode {
    if std::env::var_os(SUITE).is_some() {
        return chaos_harness::__private::main();
    }
    let arguments = Arguments::from_args();
    let tests = [
        assertions::TESTS,
        attempts::TESTS,
        baselines::TESTS,
        command_line::TESTS,
        configuration::TESTS,
        diagnostics::TESTS,
        environment::TESTS,
        interruption::TESTS,
        judging::TESTS,
        leftovers::TESTS,
        nextest::TESTS,
        #[cfg(target_os = "linux")]
        overload::TESTS,
        phases::TESTS,
        properties::TESTS,
        retries::TESTS,
        #[cfg(target_os = "linux")]
        scarcity::TESTS,
        selecting::TESTS,
    ];
    let tests = tests.concat().into_iter().map(|(name, test)| {
        let name = name.trim_start_matches("contract::");
        Trial::test(name, move || {
            // Those that overload the machine run alone, as they would spoil what others see.
            let alone = name.starts_with("overload::").then(|| ALONE.write());
            let beside_others = alone.is_none().then(|| ALONE.read());
            test();
            drop((alone, beside_others));
            Ok(())
        })
    });
    libtest_mimic::run(&arguments, tests.collect()).exit_code()
}

/// The names of functions, and the functions.
#[macro_export]
macro_rules! tests {
    ($($test:ident),* $(,)?) => {
        pub(crate) const TESTS: &[(&str, fn())] =
            &[$((concat!(module_path!(), "::", stringify!($test)), $test)),*];
    };
}
