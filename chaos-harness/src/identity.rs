//! The names by which cargo knows this test binary.

use std::path::Path;

use crate::registry::TestCase;
use crate::repeat_command::RepeatCommand;

/// The names by which cargo knows this test binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The name of the package.
    pub(crate) package: String,
    /// The name of the target, as `cargo test --test` wants it.
    pub(crate) target: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A file below `tests`.
    Test,
    /// The unit tests of a library or a program, which have no name to be selected by.
    Unit,
}

impl Identity {
    /// Finds the names out from what cargo tells at run time and where the tests are written.
    pub(crate) fn of(cases: &[&'static TestCase]) -> Self {
        let file = cases.first().map(|case| Path::new(case.file));
        let krate = cases.first().map(|case| case.module.split("::").next().unwrap_or_default());
        let program = std::env::args_os().next().unwrap_or_default();
        let program = Path::new(&program).file_stem().unwrap_or_default().to_string_lossy();
        let krate = krate.unwrap_or_else(|| without_hash(&program));
        // cargo and nextest set it for every test that they start.
        let package = std::env::var("CARGO_PKG_NAME").unwrap_or_else(|_| krate.to_owned());
        Self::from(package, krate, file)
    }

    fn from(package: String, krate: &str, file: Option<&Path>) -> Self {
        let components = || {
            let components = file.into_iter().flat_map(Path::components);
            components
                .filter_map(|component| Path::new(component.as_os_str()).file_stem()?.to_str())
        };
        // The name of a crate has lost the hyphens that the name of its target may have; the file
        // or the directory that the target is named after still has them.
        let target = components().find(|part| part.replace('-', "_") == krate).unwrap_or(krate);
        let below = |directory: &str| components().any(|part| part == directory);
        let kind = if below("src") && !below("tests") { Kind::Unit } else { Kind::Test };
        Self { package, target: target.to_owned(), kind }
    }

    /// The command that judges a run that is over.
    pub(crate) fn judge(&self, run: &str) -> String {
        format!("cargo test {} -- --chaos-judge={run}", self.options())
    }

    /// The command that makes the report of a run.
    pub(crate) fn report(&self, run: &str) -> String {
        format!("cargo test {} -- --chaos-report={run}", self.options())
    }

    /// The command that builds the tests and runs none.
    pub(crate) fn build(&self) -> String {
        format!("cargo test {} --no-run", self.options())
    }

    /// The command that runs one test, to which options of the harness may be added.
    pub(crate) fn test(&self, test: &str) -> String {
        format!("cargo test {} -- --exact {test}", self.options())
    }

    /// What cargo has to be told to find the tests.
    fn options(&self) -> String {
        let Self { package, target, kind } = self;
        match kind {
            Kind::Test => format!("-p {package} --test {target}"),
            Kind::Unit => format!("-p {package}"),
        }
    }

    /// The command that makes one attempt at a test again, with the same seed.
    pub(crate) fn reproduce(&self, test: &str, seed: u64, replay: Option<&str>) -> String {
        let Self { package, target, kind } = self;
        let target = (*kind == Kind::Test).then_some(target.as_str());
        let command = RepeatCommand {
            package,
            target,
            test,
            seed,
            replay,
            has_retries: true,
            is_ignored: false,
        };
        command.to_string()
    }
}

/// `chaos` of `chaos-0123456789abcdef`.
fn without_hash(stem: &str) -> &str {
    match stem.rsplit_once('-') {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            name
        }
        _ => stem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reproduce(krate: &str, file: &str) -> String {
        Identity::from("bank".into(), krate, Some(Path::new(file))).reproduce(
            "pool::drains",
            42,
            None,
        )
    }

    #[test]
    fn the_command_names_the_target_as_cargo_does() {
        let ending = "-- --exact pool::drains";
        for (krate, file, target) in [
            ("chaos", "examples/bank/tests/chaos.rs", "--test chaos "),
            ("my_chaos", "tests/my-chaos.rs", "--test my-chaos "),
            ("my_chaos", "tests/my-chaos/pool.rs", "--test my-chaos "),
            ("renamed", "tests/file.rs", "--test renamed "),
            ("bank", "src/pool.rs", ""),
        ] {
            let expected =
                format!("CHAOS_SEED=42 CHAOS_RETRIES=0 cargo test -p bank {target}{ending}");
            assert_eq!(reproduce(krate, file), expected);
        }
    }

    #[test]
    fn a_report_and_a_judgement_are_asked_of_the_target_that_ran() {
        let unit = Identity::from("bank".into(), "bank", Some(Path::new("src/pool.rs")));
        assert_eq!(unit.report("7c2a"), "cargo test -p bank -- --chaos-report=7c2a");
        assert_eq!(unit.judge("7c2a"), "cargo test -p bank -- --chaos-judge=7c2a");
        let test = Identity::from("bank".into(), "chaos", Some(Path::new("tests/chaos.rs")));
        assert_eq!(test.report("7c2a"), "cargo test -p bank --test chaos -- --chaos-report=7c2a");
    }

    #[test]
    fn the_hash_of_a_program_is_no_part_of_its_name() {
        assert_eq!(without_hash("my_chaos-0123456789abcdef"), "my_chaos");
        assert_eq!(without_hash("by-hand"), "by-hand");
    }
}
