//! The rules, in the order in which they are tried. `docs/triage.md` has the same table.

use std::time::Duration;

use chaos_core::duration::{self, Display};
use chaos_core::fault::Effect;
use chaos_core::run::{Bound, Side};
use chaos_core::verdict::{Failure, FailureKind};

use super::{Class, errors};
use crate::run_event::{AttemptSummary, FaultSummary};

/// A bound that was missed by no more than its own size, so by a factor of two, is one that wants tuning.
const LITTLE: f64 = 1.0;

/// A failed attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) failure: &'a Failure,
    pub(super) summary: &'a AttemptSummary,
    /// When the attempt was to have ended, since it began.
    pub(super) deadline: Option<Duration>,
}

/// When a failure is of a class.
pub(super) struct Rule {
    /// By what reports know it.
    pub(super) name: &'static str,
    pub(super) class: Class,
    /// When it applies, in words; those of `docs/triage.md`.
    #[cfg_attr(not(test), allow(dead_code, reason = "compared with the document"))]
    pub(super) when: &'static str,
    /// What speaks for it, if it applies.
    pub(super) applies: fn(&Case<'_>) -> Option<String>,
}

/// All rules.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "interrupted",
        class: Class::Environment,
        when: "the run was interrupted",
        applies: |case| case.is(&[FailureKind::Interrupted]),
    },
    Rule {
        name: "machine-trouble",
        class: Class::Environment,
        when: "the error is one of the machine (no space left, no descriptors, no memory, a port \
               in use, no PostgreSQL found or started; recognised by its I/O error kind, SQLSTATE \
               53100, 53200 or class 58, or its text), and the test injected only delays and lost \
               connections",
        applies: machine_trouble,
    },
    Rule {
        name: "harness",
        class: Class::Environment,
        when: "the harness itself could not do its work",
        applies: |case| case.is(&[FailureKind::Harness]),
    },
    Rule {
        name: "untouched-fault",
        class: Class::TestDesign,
        when: "a fault was injected and touched nothing",
        applies: |case| case.is(&[FailureKind::Vacuous]),
    },
    Rule {
        name: "never-brought-about",
        class: Class::TestDesign,
        when: "a `sometimes!` never held, or a place that has to be reached never was",
        applies: |case| case.is(&[FailureKind::NeverHeld]),
    },
    Rule {
        name: "nothing-proven",
        class: Class::TestDesign,
        when: "a checker had nothing to judge, or could not finish; no recovery could be watched; \
               a figure could not be computed; or a bound is on a phase or a fault that the run \
               does not have",
        applies: nothing_proven,
    },
    Rule {
        name: "broken-without-fault",
        class: Class::TestDesign,
        when: "the system was not in its steady state before the first fault",
        applies: |case| case.is(&[FailureKind::SteadyState]),
    },
    Rule {
        name: "late-without-fault",
        class: Class::TestDesign,
        when: "the test was still running at its deadline, with no fault active",
        applies: |case| late(case, false),
    },
    Rule {
        name: "stuck-under-fault",
        class: Class::PotentialBug,
        when: "the test was still running at its deadline while a fault was active: something \
               waits without a timeout",
        applies: |case| late(case, true),
    },
    Rule {
        name: "bound-missed-by-little",
        class: Class::TuningNeeded,
        when: "a bound was missed by no more than a factor of two (a p99 of 380ms under a bound of \
               200ms, a rate of 30/s where at least 50/s are asked for)",
        applies: |case| bound(case, true),
    },
    Rule {
        name: "bound-missed-by-far",
        class: Class::PotentialBug,
        when: "a bound was missed by more than a factor of two, or what it bounds never happened",
        applies: |case| bound(case, false),
    },
    Rule {
        name: "slow-recovery",
        class: Class::TuningNeeded,
        when: "recovery took up to twice as long as it may",
        applies: |case| recovery(case, true),
    },
    Rule {
        name: "no-recovery",
        class: Class::PotentialBug,
        when: "recovery took more than twice as long as it may, or did not happen",
        applies: |case| recovery(case, false),
    },
    Rule {
        name: "fault-let-through",
        class: Class::PotentialBug,
        when: "the test returned an error that a fault causes (its own SQLSTATE, a lost or \
               refused connection, a timeout), and this fault had touched something and was \
               active, or had ended at most 100 ms before. The code under test did not handle the \
               fault",
        applies: errors::let_through,
    },
    Rule {
        name: "not-over-its-fault",
        class: Class::PotentialBug,
        when: "the test returned a connection error (lost, refused, or none free in the pool), \
               and a fault that had broken connections was over: the code under test did not \
               recover by itself",
        applies: errors::not_over_it,
    },
    Rule {
        name: "conflict-let-through",
        class: Class::PotentialBug,
        when: "the test returned SQLSTATE 40001 or 40P01: PostgreSQL asks to run the transaction again",
        applies: errors::conflict,
    },
    Rule {
        name: "limit-without-fault",
        class: Class::TuningNeeded,
        when: "the test returned an error about a limit (a timeout, SQLSTATE 57014, 55P03, 25P03, \
               57P05; connections of the pool or the server, 53300, 53400), and no active fault \
               explains it",
        applies: errors::limit,
    },
    Rule {
        name: "statement-refused",
        class: Class::PotentialBug,
        when: "the test returned SQLSTATE class 21, 22, 23, 25 or 42: a statement or its data is \
               wrong, or violates a constraint, and no fault explains it",
        applies: errors::refused,
    },
    Rule {
        name: "lost-without-fault",
        class: Class::Environment,
        when: "the test returned the error of a lost or refused connection (by its I/O error \
               kind, or SQLSTATE class 08, 57P01 to 57P03), and had injected only delays",
        applies: errors::lost,
    },
    Rule {
        name: "promise-broken",
        class: Class::PotentialBug,
        when: "a check, an invariant, a property or an assertion in the code did not hold, an \
               exploration found a broken promise, something was left in a database, or a \
               declared panic did not happen",
        applies: |case| {
            case.is(&[
                FailureKind::Check,
                FailureKind::Violation,
                FailureKind::Property,
                FailureKind::Exploration,
                FailureKind::Assertion,
                FailureKind::Leftover,
                FailureKind::MissingPanic,
            ])
        },
    },
    Rule {
        name: "crash",
        class: Class::PotentialBug,
        when: "something panicked, the process was ended by a signal or exited, or left a process \
               running",
        applies: |case| {
            case.is(&[
                FailureKind::Panic,
                FailureKind::BackgroundPanic,
                FailureKind::Signal,
                FailureKind::Exit,
                FailureKind::LeakedProcess,
            ])
        },
    },
];

impl Case<'_> {
    /// What happened, if it is one of these kinds.
    fn is(&self, kinds: &[FailureKind]) -> Option<String> {
        kinds.contains(&self.failure.kind).then(|| self.first_line().to_owned())
    }

    pub(super) fn first_line(&self) -> &str {
        self.failure.message.lines().next().unwrap_or_default()
    }

    /// The faults that were active at the deadline. A test that is given up at it drops its guards, so
    /// such a fault may have an end, and that after it.
    fn active(&self) -> Vec<&str> {
        let is_later = |ended| self.deadline.is_some_and(|it| Duration::from_nanos(ended) >= it);
        let is_active = |fault: &&FaultSummary| fault.ended_ns.is_none_or(is_later);
        let faults = self.summary.faults.iter().filter(is_active);
        faults.map(|fault| fault.label.as_str()).collect()
    }
}

/// What operating systems and PostgreSQL say when the machine is in trouble. Faults of ours that make
/// the same trouble on purpose are not taken for it.
const TROUBLE: [&str; 9] = [
    "No space left on device",
    "Too many open files",
    "Cannot allocate memory",
    "Address already in use",
    "found no PostgreSQL",
    "no server is available",
    "Resource temporarily unavailable",
    "could not fork new process",
    "Read-only file system",
];

fn machine_trouble(case: &Case<'_>) -> Option<String> {
    let kinds = [FailureKind::Error, FailureKind::Fixture, FailureKind::Harness];
    let may_do_it = |effect| !matches!(effect, Some(Effect::Delays | Effect::Interrupts));
    let is_on_purpose = case.summary.faults.iter().any(|fault| may_do_it(fault.effect));
    if !kinds.contains(&case.failure.kind) || is_on_purpose {
        return None;
    }
    if let Some(exhausted) = case.exhausted() {
        return Some(format!("{exhausted}, and no fault of the test does that"));
    }
    let message = &case.failure.message;
    let said = TROUBLE.iter().find(|trouble| message.contains(**trouble))?;
    Some(format!("it says \"{said}\", and no fault of the test does that"))
}

fn nothing_proven(case: &Case<'_>) -> Option<String> {
    let is_unwatched = case.failure.kind == FailureKind::Recovery
        && case.failure.message.contains("no recovery could be watched");
    let is_unproven = case.failure.kind == FailureKind::Unproven;
    (is_unwatched || is_unproven).then(|| case.first_line().to_owned())
}

fn late(case: &Case<'_>, under_fault: bool) -> Option<String> {
    if ![FailureKind::Timeout, FailureKind::Hang].contains(&case.failure.kind) {
        return None;
    }
    let active = case.active();
    match (under_fault, active.as_slice()) {
        (false, []) => Some("no fault was active at the deadline".to_owned()),
        (true, [_, ..]) => Some(format!("`{}` was active at the deadline", active.join("`, `"))),
        _ => None,
    }
}

fn bound(case: &Case<'_>, by_little: bool) -> Option<String> {
    if case.failure.kind != FailureKind::Bound {
        return None;
    }
    // The demand that failed the test is the last one that did not hold.
    let missed = case.summary.bounds.iter().rev().find(|bound| !bound.held)?;
    let Bound { side, bound, found, .. } = missed.bound;
    let is_little = match side {
        Side::AtMost => found - bound <= LITTLE * bound,
        // As many times too little: of the bound itself nothing can lack more.
        Side::AtLeast => bound - found <= LITTLE * found,
    };
    (is_little == by_little).then(|| missed.bound.to_string())
}

fn recovery(case: &Case<'_>, by_little: bool) -> Option<String> {
    if case.failure.kind != FailureKind::Recovery {
        return None;
    }
    let (is_little, evidence) = match took_and_bound(&case.failure.message) {
        Some((took, bound)) => {
            let times = took.as_secs_f64() / bound.as_secs_f64();
            let evidence = format!(
                "recovery took {}, {times:.1} times the {} that it may",
                Display(took),
                Display(bound)
            );
            (times - 1.0 <= LITTLE, evidence)
        }
        None => (false, case.first_line().to_owned()),
    };
    (is_little == by_little).then_some(evidence)
}

/// The two times in the sentence of `RecoveryError::TooSlow`.
fn took_and_bound(message: &str) -> Option<(Duration, Duration)> {
    let (_, rest) = message.split_once(" took ")?;
    let (took, rest) = rest.split_once(", more than the ")?;
    let (bound, _) = rest.split_once(" allowed")?;
    Some((duration::parse(took).ok()?, duration::parse(bound).ok()?))
}

#[cfg(test)]
mod tests {
    use chaos_core::recovery::RecoveryError;
    use serde_json::json;

    use super::*;
    use crate::triage::{Triage, triage};

    const OF_ERRORS: [&str; 6] = [
        "fault-let-through",
        "not-over-its-fault",
        "conflict-let-through",
        "limit-without-fault",
        "statement-refused",
        "lost-without-fault",
    ];

    const DEADLINE: Duration = Duration::from_secs(2);
    const AFTER: u64 = 2_003_000_000;
    const BEFORE: u64 = 1_999_000_000;

    fn judged(kind: FailureKind, message: &str, summary: &AttemptSummary) -> Triage {
        triage(&Failure::new(kind, message), summary, Some(DEADLINE))
    }

    fn rule(kind: FailureKind, message: &str, summary: &AttemptSummary) -> (Class, String) {
        let Triage { class, rule, .. } = judged(kind, message, summary);
        (class, rule.unwrap_or_default())
    }

    fn quiet() -> AttemptSummary {
        AttemptSummary::default()
    }

    fn with_fault(ended: Option<u64>) -> AttemptSummary {
        let fault = json!({
            "label": "stall ↓", "target": "postgres", "began_ns": 5, "ended_ns": ended, "hits": 1,
            "connections": 1,
        });
        let fault: FaultSummary = serde_json::from_value(fault).unwrap();
        AttemptSummary { faults: vec![fault], ..AttemptSummary::default() }
    }

    fn with_bound(found: f64) -> AttemptSummary {
        let bound = json!({
            "held": false, "subject": "calm", "figure": "p99", "unit": "seconds", "side": "at_most",
            "bound": 0.2, "found": found, "n": 40,
        });
        let bound = serde_json::from_value(bound).unwrap();
        AttemptSummary { bounds: vec![bound], ..AttemptSummary::default() }
    }

    fn with_rate(found: f64) -> AttemptSummary {
        let bound = json!({
            "held": false, "subject": "calm", "figure": "rate", "unit": "per_second",
            "side": "at_least", "bound": 50.0, "found": found, "n": 40,
        });
        let bound = serde_json::from_value(bound).unwrap();
        AttemptSummary { bounds: vec![bound], ..AttemptSummary::default() }
    }

    fn too_slow(millis: u64) -> String {
        RecoveryError::TooSlow {
            label: "cut on postgres".to_owned(),
            took: Duration::from_millis(millis),
            bound: Duration::from_secs(1),
            last_error: Some("connection took too long".to_owned()),
        }
        .to_string()
    }

    #[test]
    fn each_rule_applies_to_its_case() {
        use Class::{Environment, PotentialBug, TestDesign, TuningNeeded};
        use FailureKind::{Bound, Error, Fixture, Hang, Recovery, Timeout};
        let space = "write: No space left on device (os error 28)";
        let unwatched = RecoveryError::NotWatched.to_string();
        let cases = [
            (Environment, "interrupted", FailureKind::Interrupted, "Ctrl-C", quiet()),
            (Environment, "machine-trouble", Error, space, quiet()),
            (Environment, "machine-trouble", Fixture, "found no PostgreSQL 13 to 18", quiet()),
            (Environment, "harness", FailureKind::Harness, "failed to start", quiet()),
            (TestDesign, "untouched-fault", FailureKind::Vacuous, "met no traffic", quiet()),
            (TestDesign, "never-brought-about", FailureKind::NeverHeld, "never held", quiet()),
            (TestDesign, "nothing-proven", FailureKind::Unproven, "nothing to judge", quiet()),
            (TestDesign, "nothing-proven", Recovery, &*unwatched, quiet()),
            (TestDesign, "broken-without-fault", FailureKind::SteadyState, "0 of 16", quiet()),
            (TestDesign, "late-without-fault", Timeout, "still running", with_fault(Some(9))),
            (PotentialBug, "stuck-under-fault", Hang, "did not stop", with_fault(None)),
            // Its guard was dropped with the test that was given up.
            (PotentialBug, "stuck-under-fault", Timeout, "still running", with_fault(Some(AFTER))),
            (TestDesign, "late-without-fault", Timeout, "still running", with_fault(Some(BEFORE))),
            (TuningNeeded, "bound-missed-by-little", Bound, "p99", with_bound(0.38)),
            (PotentialBug, "bound-missed-by-far", Bound, "p99", with_bound(0.5)),
            (TuningNeeded, "bound-missed-by-little", Bound, "rate", with_rate(25.0)),
            (PotentialBug, "bound-missed-by-far", Bound, "rate", with_rate(24.0)),
            (PotentialBug, "bound-missed-by-far", Bound, "rate", with_rate(0.0)),
            (TuningNeeded, "slow-recovery", Recovery, &too_slow(1_900), quiet()),
            (PotentialBug, "no-recovery", Recovery, &too_slow(2_100), quiet()),
            (PotentialBug, "no-recovery", Recovery, "no recovery after `cut`", quiet()),
            (PotentialBug, "promise-broken", FailureKind::Check, "money", quiet()),
            (PotentialBug, "promise-broken", FailureKind::Leftover, "a lock", quiet()),
            (PotentialBug, "promise-broken", FailureKind::MissingPanic, "no panic", quiet()),
            (PotentialBug, "crash", FailureKind::Panic, "index out of bounds", quiet()),
        ];
        let mut tried: Vec<&str> = Vec::new();
        for (class, name, kind, message, summary) in &cases {
            assert_eq!(rule(*kind, message, summary), (*class, (*name).to_owned()), "{message}");
            tried.push(name);
        }
        // Those of errors have cases in a file of their own.
        let own = RULES.iter().filter(|rule| !OF_ERRORS.contains(&rule.name));
        for rule in own {
            assert!(tried.contains(&rule.name), "no case for {}", rule.name);
        }
    }

    #[test]
    fn what_no_rule_knows_stays_unclassified() {
        let triage = judged(FailureKind::Error, "the ledger is closed", &quiet());
        assert_eq!((triage.class, triage.rule), (Class::Unclassified, None));
        // The trouble may be the fault's own.
        let on_purpose = judged(FailureKind::Error, "No space left on device", &with_fault(None));
        assert_eq!(on_purpose.class, Class::Unclassified);
    }

    #[test]
    fn the_evidence_has_the_figures() {
        let triage = judged(FailureKind::Recovery, &too_slow(1_900), &quiet());
        let text = "tuning needed: recovery took 1.9s, 1.9 times the 1s that it may";
        assert_eq!(triage.to_string(), text);
        let triage = judged(FailureKind::Bound, "p99", &with_bound(0.38));
        assert!(triage.evidence.contains("380ms") && triage.evidence.contains("90 %"), "{triage}");
    }

    #[test]
    fn the_document_has_the_rules_in_their_order() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/triage.md");
        // A published crate is without it.
        let Ok(document) = std::fs::read_to_string(path) else { return };
        let rows = RULES.iter().map(|rule| {
            let when = rule.when.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("| `{}` | {} | {when} |", rule.name, rule.class)
        });
        let table = rows.collect::<Vec<_>>().join("\n");
        assert!(document.contains(&table), "docs/triage.md is to have:\n{table}");
    }
}
