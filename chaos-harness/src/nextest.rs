//! What nextest tells the tests that it starts.
//!
//! nextest starts one process for each test, with arguments of its own choosing, and reads the
//! verdict from the exit code. The variables are those of nextest 0.9.116 and later; under an
//! older one the absent ones cost a shared run directory and nothing else.

use std::path::PathBuf;

/// The part of nextest's environment that matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Nextest {
    /// The id of the run, which all its processes share.
    pub(crate) run_id: Option<String>,
    /// The root of the workspace, also where an archive was unpacked elsewhere.
    pub(crate) workspace_root: Option<PathBuf>,
    /// Which of nextest's attempts at the test this is, counted from 1.
    pub(crate) attempt: u32,
    /// How many attempts nextest may make.
    pub(crate) total_attempts: u32,
    /// Which repetition of a stress run this is, counted from 0.
    pub(crate) stress: Option<u32>,
}

impl Nextest {
    /// What nextest says, if it runs this process.
    pub(crate) fn detect() -> Option<Self> {
        Self::from(|name| std::env::var(name).ok())
    }

    fn from(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        if variable("NEXTEST_EXECUTION_MODE")? != "process-per-test" {
            return None;
        }
        let number = |name| variable(name).and_then(|value| value.parse().ok());
        Some(Self {
            run_id: variable("NEXTEST_RUN_ID"),
            workspace_root: variable("NEXTEST_WORKSPACE_ROOT").map(PathBuf::from),
            attempt: number("NEXTEST_ATTEMPT").unwrap_or(1),
            total_attempts: number("NEXTEST_TOTAL_ATTEMPTS").unwrap_or(1),
            stress: number("NEXTEST_STRESS_CURRENT"),
        })
    }

    /// Whether nextest itself runs a failed test again.
    pub(crate) fn retries(&self) -> bool {
        self.total_attempts > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_mean_nothing_are_taken_for_absent_ones() {
        let variables = |name: &str| match name {
            "NEXTEST_EXECUTION_MODE" => Some("process-per-test".to_owned()),
            "NEXTEST_ATTEMPT" => Some("2".to_owned()),
            "NEXTEST_TOTAL_ATTEMPTS" => Some("3".to_owned()),
            "NEXTEST_STRESS_CURRENT" => Some("none".to_owned()),
            _ => None,
        };
        let nextest = Nextest::from(variables).unwrap();
        assert_eq!((nextest.attempt, nextest.stress), (2, None));
        assert!(nextest.retries());
        assert_eq!(Nextest::from(|_| None), None);
    }
}
