//! Checks of the repository that no compiler makes.

mod file_length;
mod let_chains;
mod licences;
mod machine_paths;
mod rust_version;

use crate::console;
use crate::error::Error;

/// One check: its name, and what finds the places that break it.
type Check = (&'static str, fn() -> Result<Vec<String>, Error>);

const CHECKS: [Check; 5] = [
    ("no let chain, which the minimum Rust version does not know", let_chains::findings),
    ("one minimum Rust version everywhere", rust_version::findings),
    ("no licence that deny.toml does not allow", licences::findings),
    ("no path of somebody's machine", machine_paths::findings),
    ("no source file that is too long", file_length::findings),
];

/// Makes all checks, and fails when one of them found something.
pub(crate) fn run() -> Result<(), Error> {
    console::step("Checking what no compiler checks.");
    let mut failed = 0;
    for (name, findings) in CHECKS {
        let findings = findings()?;
        let verdict = if findings.is_empty() { "ok" } else { "FAILED" };
        console::note(&format!("{name}: {verdict}"));
        for finding in &findings {
            console::note(&format!("  {finding}"));
        }
        failed += usize::from(!findings.is_empty());
    }
    match failed {
        0 => Ok(()),
        _ => Err(Error::other(format!("{failed} of {} checks found something", CHECKS.len()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_passes_every_check() {
        for (name, findings) in CHECKS {
            let findings = findings().unwrap();
            assert!(findings.is_empty(), "{name}:\n{}", findings.join("\n"));
        }
    }
}
