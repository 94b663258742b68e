//! The names of the options, and what is said about each when it is used wrongly.

use std::fmt;

use crate::suggestion;

/// An option of `#[chaos_test]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OptionName {
    Retries,
    OnlyRetry,
    Backoff,
    Cases,
    Workers,
    Flaky,
    VeryFlaky,
    Timeout,
    Domain,
    MustPass,
    MayFail,
    Seed,
    Requires,
    Exclusive,
    Covers,
    Crate,
}

impl OptionName {
    pub(crate) const ALL: [Self; 16] = [
        Self::Retries,
        Self::OnlyRetry,
        Self::Backoff,
        Self::Cases,
        Self::Workers,
        Self::Flaky,
        Self::VeryFlaky,
        Self::Timeout,
        Self::Domain,
        Self::MustPass,
        Self::MayFail,
        Self::Seed,
        Self::Requires,
        Self::Exclusive,
        Self::Covers,
        Self::Crate,
    ];

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|option| option.as_str() == name)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Retries => "retries",
            Self::OnlyRetry => "only_retry",
            Self::Backoff => "backoff",
            Self::Cases => "cases",
            Self::Workers => "workers",
            Self::Flaky => "flaky",
            Self::VeryFlaky => "very_flaky",
            Self::Timeout => "timeout",
            Self::Domain => "domain",
            Self::MustPass => "must_pass",
            Self::MayFail => "may_fail",
            Self::Seed => "seed",
            Self::Requires => "requires",
            Self::Exclusive => "exclusive",
            Self::Covers => "covers",
            Self::Crate => "crate",
        }
    }

    /// How it is written.
    fn example(self) -> &'static str {
        match self {
            Self::Retries => "retries = 3",
            Self::OnlyRetry => "only_retry = \"40001\"",
            Self::Backoff => "backoff = \"100ms\"",
            Self::Cases => "cases = 64",
            Self::Workers => "workers = 4",
            Self::Timeout => "timeout = \"30s\"",
            Self::Domain => "domain = \"network\"",
            Self::Seed => "seed = 42",
            Self::Requires => "requires(root, redis)",
            Self::Covers => "covers = [\"N1\"]",
            Self::Crate => "crate = path::to::chaos_harness",
            flag => flag.as_str(),
        }
    }

    /// A sentence about what it takes.
    pub(crate) fn usage(self) -> &'static str {
        match self {
            Self::Retries => {
                "`retries` takes a whole number from 0 to 100, the further attempts of a failed \
                 test: `retries = 3`"
            }
            Self::OnlyRetry => {
                "`only_retry` takes SQLSTATEs, or a regular expression of the failures that get \
                 another attempt, in quotes: `only_retry = \"40001|40P01\"`"
            }
            Self::Backoff => {
                "`backoff` takes a number and a unit (us, ms, s or m) in quotes, the pause before the \
                 first retry: `backoff = \"100ms\"`"
            }
            Self::Cases => {
                "`cases` takes a whole number from 1 to 1000000, the cases on which the property is \
                 tried: `cases = 64`"
            }
            Self::Workers => {
                "`workers` takes a whole number from 1 to 1000, how many carry the operations of a \
                 plan out at once: `workers = 4`"
            }
            Self::Flaky => {
                "write `flaky`, or say more of it: `flaky(reason = \"..\", expected_rate = 0.1)`"
            }
            Self::VeryFlaky => {
                "write `very_flaky`, or say more of it: \
                 `very_flaky(reason = \"..\", expected_rate = 0.3)`"
            }
            Self::Timeout => {
                "`timeout` takes a number and a unit (us, ms, s, m or h) in quotes: \
                 `timeout = \"30s\"`"
            }
            Self::Domain => "`domain` takes a text in quotes: `domain = \"network\"`",
            Self::MustPass => "write `must_pass`, or leave it out",
            Self::MayFail => "write `may_fail`, or leave it out",
            Self::Seed => "`seed` takes a whole number from 0 to 18446744073709551615: `seed = 42`",
            Self::Requires => {
                "`requires` takes what the machine must have in parentheses: \
                 `requires(root, redis)`"
            }
            Self::Exclusive => "write `exclusive`, or leave it out",
            Self::Covers => {
                "`covers` takes the ids of requirements in brackets, each in quotes: \
                 `covers = [\"N1\", \"T6\"]`"
            }
            Self::Crate => {
                "`crate` takes the path to chaos-harness, without quotes: \
                 `crate = path::to::chaos_harness`"
            }
        }
    }

    /// The option that contradicts this one, and how to choose between them.
    pub(crate) fn contradiction(self) -> Option<(Self, &'static str)> {
        const FLAKINESS: &str = "keep `flaky` if 5 % to 20 % of first attempts fail, `very_flaky` \
                                 if 20 % to 50 % do";
        const GATE: &str = "keep `must_pass` if a failure fails the run, `may_fail` if it is only \
                            reported";
        match self {
            Self::Flaky => Some((Self::VeryFlaky, FLAKINESS)),
            Self::VeryFlaky => Some((Self::Flaky, FLAKINESS)),
            Self::MustPass => Some((Self::MayFail, GATE)),
            Self::MayFail => Some((Self::MustPass, GATE)),
            _ => None,
        }
    }
}

impl fmt::Display for OptionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What to say of a name that is none of the options.
pub(crate) fn unknown(written: &str) -> String {
    if let Some(attribute) = ["ignore", "should_panic"].into_iter().find(|name| *name == written) {
        return format!(
            "`{attribute}` is an attribute of its own; write `#[{attribute}]` below `#[chaos_test]`"
        );
    }
    let known = OptionName::ALL.map(OptionName::as_str);
    let meant = synonym(written)
        .map(OptionName::as_str)
        .or_else(|| suggestion::nearest(written, known))
        .map(|option| format!("; did you mean `{option}`?"))
        .unwrap_or_default();
    let examples = OptionName::ALL.map(|option| format!("`{}`", option.example())).join(", ");
    format!("unknown option `{written}`{meant}\nthe options are {examples}")
}

/// What other harnesses call an option.
fn synonym(written: &str) -> Option<OptionName> {
    match written {
        "attempts" | "repeat" | "retry" | "times" => Some(OptionName::Retries),
        "retry_on" | "only_rerun" | "retry_if" => Some(OptionName::OnlyRetry),
        "delay" | "pause" | "retry_delay" => Some(OptionName::Backoff),
        "deadline" | "time_limit" => Some(OptionName::Timeout),
        "category" | "group" | "phase" | "tag" => Some(OptionName::Domain),
        "must_succeed" | "required" => Some(OptionName::MustPass),
        "allow_failure" | "can_fail" | "optional" => Some(OptionName::MayFail),
        "random_seed" | "rng" => Some(OptionName::Seed),
        "needs" | "only_if" | "requirements" => Some(OptionName::Requires),
        "alone" | "sequential" | "serial" => Some(OptionName::Exclusive),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_found_by_its_name_and_shown_in_its_usage() {
        for option in OptionName::ALL {
            assert_eq!(OptionName::parse(option.as_str()), Some(option));
            assert!(option.example().starts_with(option.as_str()));
            assert!(option.usage().contains(&format!("`{option}")), "{}", option.usage());
        }
    }

    #[test]
    fn contradictions_are_mutual() {
        for option in OptionName::ALL {
            if let Some((other, advice)) = option.contradiction() {
                assert_eq!(other.contradiction(), Some((option, advice)));
            }
        }
    }
}
