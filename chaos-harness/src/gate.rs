//! The gates of `chaos.toml`, which judge a run as a whole, in addition to each of its tests.
//!
//! Each says what was found, by how much it was missed, and which tests are to blame. Every test counts,
//! also one that may fail or is in quarantine; a failed test that must pass fails the run in any case.
//! If only a part of the suite ran, that part is judged, with a remark: see `gate::part`.

use std::collections::BTreeSet;
use std::time::Duration;

use chaos_core::duration::{Display, rounded};
use chaos_core::stats::{Category, LEAST_ATTEMPTS};
use chaos_core::verdict::FailureKind;
use serde::{Deserialize, Serialize};

use self::part::Part;
use crate::baselines::Conclusion;
use crate::config::gates::Limits;
use crate::config::{Config, Found, Located, members};
use crate::quarantine::{Date, Quarantine};
use crate::report::record::{RunRecord, TestRecord};
use crate::report::words;
use crate::run_event::TestOutcome;
use crate::selection::Selected;

mod baselines;
pub(crate) mod part;

/// From which probability on a category is a fact.
const CONFIRMED: f64 = 0.95;

/// As many tests are named in a message.
const NAMED: usize = 5;

/// A gate, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GateJudged {
    /// Which gate: `pass-rate`, `flaky`, `recovery`, `vacuous`, `undeclared-flaky`,
    /// `baselines` (they could not be saved or compared), `baseline-regressions`, `quarantine` or
    /// `phase`.
    pub gate: String,
    /// The domain whose tests it judges; absent for all tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The phase that it says was unlocked or stays locked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Whether it is passed; also set where it is not judged.
    pub passed: bool,
    /// Whether it could not be judged, because only a part of the suite ran.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_judged: bool,
    /// What was found, and by how much it misses.
    pub message: String,
    /// Where it is set.
    pub place: String,
}

/// The share of `part` in `whole`, in percent.
#[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 tests")]
fn percent(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64 * 100.0
}

/// The domains that have gates and no test of this binary: where that is set, and what may have been
/// meant. Such a gate would be passed by nobody's doing.
pub(crate) fn without_tests(config: &Config, binary: &str, tests: &[Selected]) -> Vec<String> {
    let tests: Vec<_> = tests.iter().map(|it| (&*it.name, it.case.options.domain)).collect();
    let gates = config.of_suite().flat_map(|sections| &sections.gates.domains);
    let wrong = gates.filter(|gates| gates.value.2.include(binary)).filter_map(|gates| {
        let message = members::without_tests(&gates.value.0, &tests)?;
        Some(format!("{}: {message}", config.place(gates.line, "")))
    });
    wrong.collect()
}

/// The domains that have gates of their own in this test binary.
pub(crate) fn domains<'a>(config: &'a Config, binary: &str) -> BTreeSet<&'a str> {
    let gates = config.of_suite().flat_map(|sections| &sections.gates.domains);
    let own = gates.filter(|gates| gates.value.2.include(binary));
    own.map(|gates| gates.value.0.as_str()).collect()
}

/// What a gate of a domain, or of all tests, is set to.
pub(crate) fn limit<T: Clone>(
    config: &Config,
    domain: Option<&str>,
    pick: fn(&Limits) -> Option<&Located<T>>,
) -> Option<Found<T>> {
    config.get(None, |sections| match domain {
        None => pick(&sections.gates.all),
        Some(name) => {
            let mut domains = sections.gates.domains.iter();
            domains.find(|domain| domain.value.0 == name).and_then(|it| pick(&it.value.1))
        }
    })
}

/// Judges the gates that are set, in a fixed order.
pub(crate) fn judge(
    config: &Config,
    quarantine: &Quarantine,
    binary: &str,
    today: Date,
    runs: &[RunRecord],
    part: &Part,
) -> Vec<GateJudged> {
    let tests: Vec<&TestRecord> = runs.iter().flat_map(|run| &run.tests).collect();
    let conclusions: Vec<_> = runs.iter().flat_map(|run| &run.baselines).collect();
    let mut judged = Vec::new();
    for domain in std::iter::once(None).chain(domains(config, binary).into_iter().map(Some)) {
        let of_domain = |test: &&&TestRecord| {
            let own = test.description.as_ref().and_then(|it| it.domain.as_deref());
            domain.is_none() || own == domain
        };
        let tests: Vec<&TestRecord> = tests.iter().filter(of_domain).copied().collect();
        let missing = part.remark(domain);
        let scope = Scope { config, domain, tests, missing };
        judged.extend(scope.judge());
        judged.extend(scope.refused(&conclusions));
        judged.extend(scope.baselines(&conclusions));
    }
    judged.extend(quarantined(quarantine, binary, today, &tests));
    judged
}

/// Judges what one test measured, where nothing is known of the others.
pub(crate) fn of_baselines(config: &Config, conclusion: &Conclusion) -> Vec<GateJudged> {
    let scope = Scope { config, domain: None, tests: Vec::new(), missing: None };
    let judged = [scope.refused(&[conclusion]), scope.baselines(&[conclusion])];
    judged.into_iter().flatten().collect()
}

/// The tests of a domain, or all.
struct Scope<'a> {
    config: &'a Config,
    domain: Option<&'a str>,
    tests: Vec<&'a TestRecord>,
    /// What did not run of them, in words.
    missing: Option<String>,
}

impl Scope<'_> {
    fn judge(&self) -> Vec<GateJudged> {
        [self.pass_rate(), self.flaky(), self.recovery(), self.vacuous(), self.undeclared_flaky()]
            .into_iter()
            .flatten()
            .collect()
    }

    fn limit<T: Clone>(&self, pick: fn(&Limits) -> Option<&Located<T>>) -> Option<Found<T>> {
        limit(self.config, self.domain, pick)
    }

    /// A gate that was judged, if only by a part.
    fn judged<T>(
        &self,
        gate: &str,
        limit: &Found<T>,
        passed: bool,
        mut message: String,
    ) -> GateJudged {
        if let Some(missing) = &self.missing {
            message.push_str(&format!("; judged by a part of the suite: {missing}"));
        }
        GateJudged {
            gate: gate.to_owned(),
            domain: self.domain.map(str::to_owned),
            phase: None,
            passed,
            not_judged: false,
            message,
            place: limit.place.to_string(),
        }
    }

    /// A gate of which a part of the suite says nothing.
    fn not_judged<T>(&self, gate: &str, limit: &Found<T>, missing: &str) -> GateJudged {
        GateJudged {
            message: format!("it takes the whole suite to judge it, and {missing}"),
            not_judged: true,
            ..self.judged(gate, limit, true, String::new())
        }
    }

    fn pass_rate(&self) -> Option<GateJudged> {
        let limit = self.limit(|limits| limits.pass_rate.as_ref())?;
        let has_no_answer = |test: &TestRecord| {
            matches!(test.outcome(), None | Some(TestOutcome::Skipped | TestOutcome::Environment))
        };
        let is_judged = |test: &&&TestRecord| test.is_cut_short || !has_no_answer(test);
        let judged: Vec<_> = self.tests.iter().filter(is_judged).copied().collect();
        let failed: Vec<_> = judged.iter().filter(|test| has_failed(test)).copied().collect();
        let (passed, total) = (judged.len() - failed.len(), judged.len());
        let needed = limit.value.get() * 100.0;
        if let (0, Some(missing)) = (total, &self.missing) {
            return Some(self.not_judged("pass-rate", &limit, missing));
        }
        if total == 0 {
            let message = format!("no test was judged; {needed:.1} % of them have to pass");
            return Some(self.judged("pass-rate", &limit, true, message));
        }
        let found = percent(passed, total);
        let mut message = format!("{passed} of {total} tests passed ({found:.1} %)");
        // A share such as 0.85 is no exact float.
        let holds = found >= needed - 1e-9;
        message.push_str(&match holds {
            true => format!(", at least {needed:.1} % have to"),
            false => format!(
                ", {:.1} points below the {needed:.1} % that are needed; failed: {}",
                needed - found,
                names(&failed)
            ),
        });
        Some(self.judged("pass-rate", &limit, holds, message))
    }

    fn flaky(&self) -> Option<GateJudged> {
        let limit = self.limit(|limits| limits.flaky.as_ref())?;
        if let Some(missing) = &self.missing {
            return Some(self.not_judged("flaky", &limit, missing));
        }
        let flaky: Vec<_> = self.tests.iter().filter(|test| is_flaky(test)).copied().collect();
        let allowed = limit.value.get() * 100.0;
        // What did not run here has no category.
        let total = self.tests.iter().filter(|test| test.ended.is_some()).count();
        let found = if total == 0 { 0.0 } else { percent(flaky.len(), total) };
        let holds = found <= allowed + 1e-9;
        let mut message = format!("{} of {total} tests are flaky ({found:.1} %)", flaky.len());
        message.push_str(&match holds {
            true => format!(", at most {allowed:.1} % may be"),
            false => format!(
                ", {:.1} points above the {allowed:.1} % that may be: {}",
                found - allowed,
                names(&flaky)
            ),
        });
        Some(self.judged("flaky", &limit, holds, message))
    }

    fn recovery(&self) -> Option<GateJudged> {
        let limit = self.limit(|limits| limits.recovery.as_ref())?;
        let bound = limit.value;
        let shown = |time: Duration| Display(rounded(time)).to_string();
        let unrecovered = self.tests.iter().filter_map(|test| {
            let (watched, fault) = test.last_ended()?.not_recovered()?;
            let (test, label, time) = (&test.name, &fault.label, shown(watched));
            let message = format!("`{test}` had not recovered from `{label}` {time} after its end");
            Some((watched, message))
        });
        // What never recovered has no time of recovery to be judged by.
        let unrecovered = unrecovered.max_by_key(|(watched, _)| *watched);
        if let Some((_, message)) = unrecovered.as_ref().filter(|(watched, _)| *watched >= bound) {
            let message = format!("{message}, at most {} may be taken", Display(bound));
            return Some(self.judged("recovery", &limit, false, message));
        }
        let not_seen = unrecovered.map_or_else(String::new, |(_, message)| {
            format!("; {message}, and was not looked at any longer")
        });
        let recoveries = self.tests.iter().filter_map(|test| Some((test.recovery()?, test)));
        let Some((longest, test)) = recoveries.max_by_key(|(recovery, _)| *recovery) else {
            let message = format!("no recovery was measured{not_seen}");
            return Some(self.judged("recovery", &limit, true, message));
        };
        let mut message = format!("the longest recovery took {} (`{}`)", shown(longest), test.name);
        let holds = longest <= bound;
        message.push_str(&match holds {
            true => format!(", at most {} may be taken", Display(bound)),
            false => {
                format!(", {} more than the {} allowed", shown(longest - bound), Display(bound))
            }
        });
        message.push_str(&not_seen);
        Some(self.judged("recovery", &limit, holds, message))
    }

    fn vacuous(&self) -> Option<GateJudged> {
        let limit = self.limit(|limits| limits.vacuous.as_ref())?;
        let is_vacuous = |test: &&&TestRecord| {
            let mut failures = test.attempts.iter().filter_map(|attempt| attempt.failure());
            failures.any(|failure| {
                use FailureKind::{NeverHeld, Unproven, Vacuous};
                matches!(failure.kind, Vacuous | NeverHeld | Unproven)
            })
        };
        let found: Vec<_> = self.tests.iter().filter(is_vacuous).copied().collect();
        let holds = found.len() as u64 <= limit.value;
        let count = words::counted(found.len() as u64, "test");
        let mut message = format!("{count} proved nothing in an attempt");
        if !holds {
            let most = match limit.value {
                0 => "none may".to_owned(),
                most => format!("at most {most} may"),
            };
            message.push_str(&format!(", {most}: {}", names(&found)));
        }
        Some(self.judged("vacuous", &limit, holds, message))
    }

    fn undeclared_flaky(&self) -> Option<GateJudged> {
        let limit = self.limit(|limits| limits.undeclared_flaky.as_ref())?;
        if limit.value {
            return None;
        }
        let is_undeclared = |test: &&&TestRecord| {
            let declared = test.description.as_ref().map(|it| it.declared);
            is_surely_flaky(test) && declared == Some(Category::Stable)
        };
        let found: Vec<_> = self.tests.iter().filter(is_undeclared).copied().collect();
        let message = match found.as_slice() {
            [] => "every test that is flaky says so".to_owned(),
            [one] => format!("`{}` is flaky and does not say so", one.name),
            some => format!("{} tests are flaky and do not say so: {}", some.len(), names(some)),
        };
        Some(self.judged("undeclared-flaky", &limit, found.is_empty(), message))
    }
}

/// What has ended in the quarantine, and what need not be there any more.
fn quarantined(
    quarantine: &Quarantine,
    binary: &str,
    today: Date,
    tests: &[&TestRecord],
) -> Vec<GateJudged> {
    let judged = |passed, message, place| GateJudged {
        gate: "quarantine".to_owned(),
        domain: None,
        phase: None,
        passed,
        not_judged: false,
        message,
        place,
    };
    // Whoever runs one test is not told about another.
    let expired = quarantine.expired(binary, today);
    let expired = expired.filter(|entry| tests.iter().any(|test| test.name == entry.test));
    let expired = expired.map(|entry| {
        let (test, expires, owner, issue) =
            (&entry.test, entry.expires, &entry.owner, &entry.issue);
        let message = format!(
            "the quarantine of `{test}` ended on {expires} ({owner}, {issue}): mend the test, or \
             renew the entry"
        );
        judged(false, message, quarantine.place(entry))
    });
    let stable = tests.iter().filter_map(|test| {
        let entry = quarantine.entry(binary, &test.name, today)?;
        let category = &test.ended.as_ref()?.category;
        let is_stable = category.category == Category::Stable && is_confirmed(test);
        let message = format!("`{}` is stable again (n = {}): remove it", test.name, category.n);
        is_stable.then(|| judged(true, message, quarantine.place(entry)))
    });
    expired.chain(stable).collect()
}

fn has_failed(test: &TestRecord) -> bool {
    test.is_cut_short
        || matches!(test.outcome(), Some(TestOutcome::Failed | TestOutcome::FailedAsAllowed))
}

fn is_flaky(test: &TestRecord) -> bool {
    let category = test.ended.as_ref().map(|ended| &ended.category);
    category.is_some_and(|it| it.n >= LEAST_ATTEMPTS && it.is_worse_than(Category::Stable))
}

fn is_confirmed(test: &TestRecord) -> bool {
    test.ended.as_ref().is_some_and(|ended| ended.category.confidence >= CONFIRMED)
}

/// Whether it is a fact that a test is flaky; of an undetermined one the whole interval says so.
fn is_surely_flaky(test: &TestRecord) -> bool {
    let category = test.ended.as_ref().map(|ended| ended.category.category);
    is_flaky(test) && (is_confirmed(test) || category == Some(Category::Undetermined))
}

fn names(tests: &[&TestRecord]) -> String {
    let names: Vec<String> = tests.iter().map(|test| format!("`{}`", test.name)).collect();
    words::first_of(&names, NAMED)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use chaos_core::verdict::{Failure, Verdict};

    use super::part::Why;
    use super::*;
    use crate::config::File;
    use crate::config::profile::Hardware;
    use crate::report::sample;
    use crate::run_event::AttemptEnded;

    fn judged(toml: &str) -> Vec<GateJudged> {
        judged_of(toml, false)
    }

    /// With or without a test of the domain `network` that was filtered out.
    fn judged_of(toml: &str, filtered: bool) -> Vec<GateJudged> {
        let left_out = match filtered {
            true => vec![(Some("network".to_owned()), Why::Filtered)],
            false => Vec::new(),
        };
        let run = suite();
        let part = Part::of(left_out, std::slice::from_ref(&run));
        judged_as(toml, run, &part)
    }

    fn judged_as(toml: &str, run: RunRecord, part: &Part) -> Vec<GateJudged> {
        let file = File::parse(Path::new("chaos.toml"), toml).unwrap();
        let config = Config::new(Some(file), "local", None, Hardware::default()).unwrap();
        let today = Date::parse("2026-11-20").unwrap();
        judge(&config, &Quarantine::default(), "chaos", today, &[run], part)
    }

    /// All of it ran, unless that is what a test is about.
    fn suite() -> RunRecord {
        let mut run = RunRecord::default();
        sample::events().iter().for_each(|event| run.add(0, event));
        run.baselines.clear();
        run.tests.iter_mut().for_each(|test| test.skip_cause = None);
        run
    }

    /// What the attempts of a run came to.
    fn ends(run: &mut RunRecord) -> impl Iterator<Item = &mut AttemptEnded> {
        let attempts = run.tests.iter_mut().flat_map(|test| &mut test.attempts);
        attempts.filter_map(|attempt| attempt.ended.as_mut())
    }

    fn only(toml: &str) -> GateJudged {
        let mut all = judged(toml);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    #[test]
    fn without_gates_nothing_is_judged() {
        assert_eq!(judged(""), []);
    }

    #[test]
    fn a_pass_rate_says_by_how_much_it_misses_and_who_failed() {
        let gate = only("[gates]\npass-rate = \"85 %\"\n");
        assert!(!gate.passed);
        assert!(
            gate.message.contains("points below the 85.0 % that are needed; failed: `"),
            "{gate:?}"
        );
        assert_eq!(gate.place, "chaos.toml:2");
        assert!(only("[gates]\npass-rate = \"10 %\"\n").passed);
    }

    #[test]
    fn a_domain_has_gates_of_its_own() {
        let gate = only("[gates.domains.network]\npass-rate = \"100 %\"\n");
        assert_eq!((gate.domain.as_deref(), gate.passed), (Some("network"), true), "{gate:?}");
        let nobody = only("[gates.domains.nobody]\npass-rate = \"100 %\"\n");
        assert!(nobody.passed && nobody.message.starts_with("no test was judged"), "{nobody:?}");
    }

    #[test]
    fn a_part_of_the_suite_is_judged_as_one_and_no_share_of_the_suite_by_it() {
        let toml = "[gates]\npass-rate = \"10 %\"\nflaky = \"100 %\"\nrecovery = \"1h\"\n\
                    [gates.domains.network]\nflaky = \"50 %\"\n[gates.domains.nobody]\nflaky = \"50 %\"\n";
        let gates = judged_of(toml, true);
        let said = |gate: &str, domain: Option<&str>| {
            let found = gates.iter().find(|it| it.gate == gate && it.domain.as_deref() == domain);
            let found = found.unwrap();
            assert!(found.passed, "{found:?}");
            (found.not_judged, found.message.as_str())
        };
        let missing = "1 test did not run (1 filtered out)";
        let (not_judged, message) = said("pass-rate", None);
        assert!(!not_judged && message.ends_with(&format!("by a part of the suite: {missing}")));
        assert!(said("recovery", None).1.ends_with(missing));
        let expected = format!("it takes the whole suite to judge it, and {missing}");
        assert_eq!(said("flaky", None), (true, expected.as_str()));
        assert_eq!(said("flaky", Some("network")), (true, expected.as_str()));
        // Nothing is missing of this one.
        assert!(!said("flaky", Some("nobody")).0);
    }

    #[test]
    fn an_environment_has_gates_of_its_own() {
        let toml =
            "[gates]\npass-rate = \"85 %\"\n[environments.local.gates]\npass-rate = \"1 %\"\n";
        let gate = only(toml);
        assert!(gate.passed, "{gate:?}");
        assert!(gate.place.contains("environments.local"), "{gate:?}");
    }

    #[test]
    fn recoveries_and_what_proves_nothing_are_bounded() {
        let gate = only("[gates]\nrecovery = \"1ms\"\n");
        assert!(!gate.passed && gate.message.contains("more than the 1ms allowed"), "{gate:?}");
        assert!(only("[gates]\nrecovery = \"1h\"\n").passed);
        let message = only("[gates]\nvacuous = 0\n").message;
        assert_eq!(message, "0 tests proved nothing in an attempt");
        let mut run = suite();
        let vacuous = Failure::new(FailureKind::Vacuous, "it touched nothing");
        ends(&mut run).last().unwrap().verdict = Verdict::Failed(vacuous);
        let gate = judged_as("[gates]\nvacuous = 0\n", run, &Part::default()).remove(0);
        let part = "1 test proved nothing in an attempt, none may: `";
        assert!(!gate.passed && gate.message.starts_with(part), "{gate:?}");
    }

    #[test]
    fn what_never_recovered_has_not_recovered_in_time() {
        let judged = |watched_ms: u64| {
            let mut run = suite();
            for fault in ends(&mut run).flat_map(|ended| &mut ended.summary.faults) {
                if let Some(impact) = &mut fault.impact {
                    (fault.recovery_ns, impact.watched) = (None, Duration::from_millis(watched_ms));
                }
            }
            judged_as("[gates]\nrecovery = \"2s\"\n", run, &Part::default()).remove(0)
        };
        let gate = judged(2_100);
        let part = "had not recovered from `cut` 2.1s after its end, at most 2s may be taken";
        assert!(!gate.passed && gate.message.contains(part), "{gate:?}");
        // Who looked away before has not seen that it took too long.
        let gate = judged(1_900);
        let part =
            "had not recovered from `cut` 1.9s after its end, and was not looked at any longer";
        assert!(gate.passed && gate.message.contains(part), "{gate:?}");
    }

    #[test]
    fn flakiness_is_bounded_and_has_to_be_declared() {
        let gate = only("[gates]\nflaky = \"0 %\"\n");
        assert!(gate.message.contains("tests are flaky"), "{gate:?}");
        let gate = only("[gates]\nundeclared-flaky = false\n");
        assert!(gate.passed, "all of the sample say so: {gate:?}");
        assert_eq!(judged("[gates]\nundeclared-flaky = true\n"), []);
    }

    #[test]
    fn a_test_between_two_bands_of_flakiness_is_flaky() {
        let test = |attempts, failures| {
            let mut tests = suite().tests.into_iter().filter(|test| test.ended.is_some());
            let mut test = tests.next().unwrap();
            test.ended.as_mut().unwrap().category = sample::category(attempts, failures, 0);
            test
        };
        let between = test(60, 30);
        assert_eq!(between.ended.as_ref().unwrap().category.category, Category::Undetermined);
        assert!(is_flaky(&between) && is_surely_flaky(&between));
        // One that is stable or flaky is neither for certain, and few attempts say nothing.
        assert!(!is_flaky(&test(30, 2)) && !is_flaky(&test(5, 5)));
    }
}
