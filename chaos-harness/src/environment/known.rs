//! The variables of the library, the options that stand for them, and what may be a slip of the pen.

use crate::suggestion::nearest;

/// An option of the command line that stands for an environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SettingOption {
    pub(crate) name: &'static str,
    pub(crate) variable: &'static str,
    /// What to write as its value.
    pub(crate) expected: &'static str,
}

const fn option(
    name: &'static str,
    variable: &'static str,
    expected: &'static str,
) -> SettingOption {
    SettingOption { name, variable, expected }
}

/// All options that stand for a variable.
pub(crate) const OPTIONS: [SettingOption; 14] = [
    option("--chaos-environment", "CHAOS_ENVIRONMENT", "the name of an environment"),
    option("--chaos-profile", "CHAOS_PROFILE", "the name of a hardware profile"),
    option("--chaos-select", "CHAOS_SELECT", "the name of a selection, such as smoke"),
    option("--chaos-seed", "CHAOS_SEED", "a whole number"),
    option("--chaos-timeout", "CHAOS_TIMEOUT", "a duration such as 30s"),
    option("--chaos-retries", "CHAOS_RETRIES", "a whole number from 0 to 100"),
    option("--chaos-max-failures", "CHAOS_MAX_FAILURES", "a whole number"),
    option("--chaos-flaky-result", "CHAOS_FLAKY_RESULT", "`pass` or `fail`"),
    option("--chaos-baseline", "CHAOS_BASELINE", "`save` or `compare`"),
    option("--chaos-runs", "CHAOS_RUNS", "a whole number from 1 to 100000"),
    option("--chaos-load-multiplier", "CHAOS_LOAD_MULTIPLIER", "a number from 0.01 to 100"),
    option("--chaos-timeout-multiplier", "CHAOS_TIMEOUT_MULTIPLIER", "a number from 0.01 to 100"),
    option("--chaos-pool-size", "CHAOS_POOL_SIZE", "a whole number above 0"),
    option("--chaos-dir", "CHAOS_DIR", "the path of a directory"),
];

/// Every variable that the library reads. The README has a table of them.
const KNOWN: [&str; 27] = [
    "CHAOS_ALLOW_REMOTE",
    "CHAOS_BASELINE",
    "CHAOS_CACHE_DIR",
    "CHAOS_CONFIG",
    "CHAOS_DIAGNOSTICS",
    "CHAOS_DIR",
    "CHAOS_ENVIRONMENT",
    "CHAOS_FLAKY_RESULT",
    "CHAOS_IN_PROCESS",
    "CHAOS_KEEP",
    "CHAOS_LOAD_MULTIPLIER",
    "CHAOS_MAX_FAILURES",
    "CHAOS_PG_BIN",
    "CHAOS_PG_DIR",
    "CHAOS_POOL_SIZE",
    "CHAOS_POSTGRES_URL",
    "CHAOS_PROFILE",
    "CHAOS_REPLAY",
    "CHAOS_RETRIES",
    "CHAOS_RUNS",
    "CHAOS_SEED",
    "CHAOS_SELECT",
    "CHAOS_SET",
    "CHAOS_SHRINK_SECS",
    "CHAOS_TIMEOUT",
    "CHAOS_TIMEOUT_MULTIPLIER",
    "CHAOS_TRACE",
];

/// A sentence for each variable of this process that is probably meant for the library and is not
/// known to it.
pub(crate) fn warnings() -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter_map(|name| warning(&name)).collect()
}

fn warning(name: &str) -> Option<String> {
    // Others may have variables that begin like ours; only what is near to one of ours is told.
    let is_ours = |ours: &&str| name.starts_with(*ours);
    let internal = ["CHAOS_INTERNAL_", "CHAOS_HARNESS_TEST_", "CHAOS_BENCH_", "CHAOS_UPDATE_"];
    if !name.starts_with("CHAOS_") || KNOWN.contains(&name) || internal.iter().any(is_ours) {
        return None;
    }
    let without = |name: &'static str| name.trim_start_matches("CHAOS_");
    let near = nearest(name.trim_start_matches("CHAOS_"), KNOWN.into_iter().map(without))?;
    Some(format!("nothing reads the environment variable {name}; did you mean CHAOS_{near}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_told_and_the_variables_of_others_are_not() {
        let text = warning("CHAOS_TIMOUT").unwrap();
        assert!(text.ends_with("did you mean CHAOS_TIMEOUT?"), "{text}");
        assert!(warning("CHAOS_LOAD_MULTIPLYER").is_some());
        for name in ["CHAOS_SEED", "CHAOS_MONKEY_URL", "CHAOS_INTERNAL_ATTEMPT", "PATH"] {
            assert_eq!(warning(name), None);
        }
        assert!(OPTIONS.iter().all(|option| KNOWN.contains(&option.variable)));
    }

    #[test]
    fn the_readme_tells_of_the_same_variables() {
        let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
        let Ok(readme) = std::fs::read_to_string(readme) else { return };
        let rows = readme.lines().filter_map(|line| line.strip_prefix("| `CHAOS_"));
        let mut told: Vec<_> =
            rows.filter_map(|row| row.split_once('`')).map(|(name, _)| name).collect();
        told.sort_unstable();
        let known = KNOWN.map(|name| name.trim_start_matches("CHAOS_"));
        assert_eq!(told, known);
    }
}
