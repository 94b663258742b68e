//! What an error that a test returned points at: by its SQLSTATE or its cause, and by what the faults
//! of the attempt were doing when it came.
//!
//! A test that returns an error has let it through: it neither expected nor judged it. Where a fault
//! was at work that makes such errors, the code under test was given that fault and did not get over
//! it, or did not tell of it in words of its own. Where none was, the error says by its kind whether a
//! limit, a statement or the machine is to be looked at.
//!
//! SQLSTATEs are those of PostgreSQL, "PostgreSQL Error Codes", appendix A of its documentation; by
//! their first two characters where a whole class is meant.

use std::time::Duration;

use chaos_core::duration::{Display, rounded};
use chaos_core::fault::Effect;
use chaos_core::outcome::Cause;
use chaos_core::verdict::FailureKind;

use super::rules::Case;
use crate::run_event::FaultSummary;

/// A fault that ended no longer than this before the test did was at work when the error came: guards
/// are dropped while the error passes through the test, and work in between takes a moment.
const JUST_NOW: Duration = Duration::from_millis(100);

/// A connection was lost, or none was to be had: connection exceptions, and the server or the session
/// going down.
const LOST: [&str; 4] = ["08", "57P01", "57P02", "57P03"];

/// A limit of time or of number was reached: too many connections, statements and locks that took too
/// long, idle sessions that were ended.
const LIMITS: [&str; 6] = ["53300", "53400", "57014", "55P03", "25P03", "57P05"];

/// Transactions that PostgreSQL asks to be run again: serialization failures and deadlocks.
const CONFLICTS: [&str; 2] = ["40001", "40P01"];

/// Resources of the server's machine ran out: the disk, the memory; or its system failed.
const RESOURCES: [&str; 3] = ["53100", "53200", "58"];

/// A statement or its data is wrong, or it breaks a constraint or the rules of its transaction.
const REFUSED: [&str; 5] = ["21", "22", "23", "25", "42"];

impl Case<'_> {
    /// Whether the test itself, or what it was given, ended with an error.
    fn is_error(&self) -> bool {
        matches!(self.failure.kind, FailureKind::Error | FailureKind::Fixture)
    }

    fn has_state(&self, beginnings: &[&str]) -> bool {
        let state = self.failure.sqlstate.as_deref();
        state.is_some_and(|state| beginnings.iter().any(|beginning| state.starts_with(beginning)))
    }

    fn has_cause(&self, causes: &[Cause]) -> bool {
        // Of an answer of the server the SQLSTATE says more.
        let cause = self.failure.cause.filter(|_| self.failure.sqlstate.is_none());
        cause.is_some_and(|cause| causes.contains(&cause))
    }

    fn is_lost(&self) -> bool {
        self.has_state(&LOST) || self.has_cause(&[Cause::ConnectionLost, Cause::ConnectionRefused])
    }

    fn is_limit(&self) -> bool {
        self.has_state(&LIMITS) || self.has_cause(&[Cause::TimedOut, Cause::PoolTimedOut])
    }

    /// What the machine has run out of, in words, if the error says that it has.
    pub(super) fn exhausted(&self) -> Option<String> {
        if let Some(cause) = self.failure.cause.filter(|cause| cause.is_of_the_machine()) {
            return Some(cause.to_string());
        }
        self.has_state(&RESOURCES).then(|| self.what())
    }

    /// What the error is, in words.
    fn what(&self) -> String {
        match (&self.failure.sqlstate, self.failure.cause) {
            (Some(state), _) => format!("the server answered with SQLSTATE {state}"),
            (None, Some(cause)) => cause.to_string(),
            (None, None) => self.first_line().to_owned(),
        }
    }

    /// Whether a fault may be behind such an error.
    fn fits(&self, fault: &FaultSummary) -> bool {
        let touched = fault.hits > 0 || fault.connections > 0 || fault.unobservable;
        let is_named =
            self.failure.sqlstate.as_ref().is_some_and(|state| fault.label.contains(state));
        let is_known = self.failure.sqlstate.is_some() || self.failure.cause.is_some();
        let fits = match fault.effect {
            Some(Effect::Delays) => self.is_limit(),
            Some(Effect::Interrupts) => self.is_limit() || self.is_lost(),
            _ => is_known,
        };
        touched && (is_named || fits)
    }

    /// How long before the end of the test a fault had ended; nothing for one that had not.
    fn since(&self, fault: &FaultSummary) -> Option<Duration> {
        let ended = fault.ended_ns?;
        let at = self.failure.at_ns?;
        let since = Duration::from_nanos(at.saturating_sub(ended));
        (since > JUST_NOW).then_some(since)
    }

    /// The faults that may be behind the error, those that began last first.
    fn suspects(&self) -> Vec<&FaultSummary> {
        if !self.is_error() {
            return Vec::new();
        }
        let mut suspects: Vec<_> =
            self.summary.faults.iter().filter(|fault| self.fits(fault)).collect();
        let state = self.failure.sqlstate.as_deref().unwrap_or("?");
        // One that answers with just this SQLSTATE is the likeliest of all.
        suspects.sort_by_key(|fault| (fault.label.contains(state), fault.began_ns));
        suspects.reverse();
        suspects
    }
}

/// The error is one that a fault makes which was at work.
pub(super) fn let_through(case: &Case<'_>) -> Option<String> {
    let mut active = case.suspects().into_iter().filter(|fault| case.since(fault).is_none());
    let fault = active.next()?;
    let others = match active.count() {
        0 => String::new(),
        1 => "; another fault was active too".to_owned(),
        others => format!("; {others} other faults were active too"),
    };
    let since = case.failure.at_ns.map_or_else(String::new, |at| {
        let lasted = fault.ended_ns.unwrap_or(at).saturating_sub(fault.began_ns);
        format!(", for {} by then", Display(rounded(Duration::from_nanos(lasted))))
    });
    Some(format!(
        "{} while {} was active{since}; it had {}{others}",
        case.what(),
        named(fault),
        acted(fault)
    ))
}

/// The error is one of a connection, and comes from a fault that is over.
pub(super) fn not_over_it(case: &Case<'_>) -> Option<String> {
    if !case.is_lost() && !case.has_cause(&[Cause::PoolTimedOut]) {
        return None;
    }
    let ended = |fault: &&FaultSummary| case.since(fault).is_some();
    let fault = case.suspects().into_iter().filter(ended).max_by_key(|fault| fault.ended_ns)?;
    let since = case.since(fault)?;
    let since = Display(rounded(since));
    let (fault, acted) = (named(fault), acted(fault));
    Some(format!("{} {since} after {fault} had ended, which had {acted}", case.what()))
}

/// PostgreSQL asked to run the transaction again, and nobody did.
pub(super) fn conflict(case: &Case<'_>) -> Option<String> {
    (case.is_error() && case.has_state(&CONFLICTS))
        .then(|| format!("{}, which asks to run the transaction again", case.what()))
}

/// The server refused a statement for what it says.
pub(super) fn refused(case: &Case<'_>) -> Option<String> {
    (case.is_error() && case.has_state(&REFUSED))
        .then(|| format!("{}, and no fault that was active makes it do so", case.what()))
}

/// A limit was reached, and no fault was at work that makes it be.
pub(super) fn limit(case: &Case<'_>) -> Option<String> {
    (case.is_error() && case.is_limit())
        .then(|| format!("{}, and no fault that was active makes it do so", case.what()))
}

/// A connection was lost, and the test had made no connection fail.
pub(super) fn lost(case: &Case<'_>) -> Option<String> {
    let may_lose = |fault: &FaultSummary| fault.effect != Some(Effect::Delays);
    if !case.is_error() || !case.is_lost() || case.summary.faults.iter().any(may_lose) {
        return None;
    }
    Some(format!("{}, and the test had injected no fault that does so", case.what()))
}

fn named(fault: &FaultSummary) -> String {
    format!("`{}` on `{}`", fault.label, fault.target)
}

fn acted(fault: &FaultSummary) -> String {
    let counted =
        |n: u64, one: &str, more: &str| format!("{n} {}", if n == 1 { one } else { more });
    match (fault.hits, fault.connections) {
        (0, 0) => "acted where it cannot be seen".to_owned(),
        (hits, 0) => format!("acted {}", counted(hits, "time", "times")),
        (hits, connections) => format!(
            "acted {} on {}",
            counted(hits, "time", "times"),
            counted(connections, "connection", "connections")
        ),
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::verdict::Failure;
    use serde_json::json;

    use crate::run_event::AttemptSummary;
    use crate::triage::{Class, Triage, triage};
    use chaos_core::outcome::Cause;
    use chaos_core::verdict::FailureKind;

    /// A fault of this effect, from the first to this second.
    fn fault(label: &str, effect: &str, ended: Option<u64>, hits: u64) -> AttemptSummary {
        let fault = json!({
            "label": label, "target": "postgres", "began_ns": 1_000_000_000_u64,
            "ended_ns": ended.map(|s| s * 1_000_000_000), "hits": hits, "connections": hits,
            "effect": effect,
        });
        let fault = serde_json::from_value(fault).unwrap();
        AttemptSummary { faults: vec![fault], ..AttemptSummary::default() }
    }

    /// An error of a test that ended after five seconds.
    fn failure(sqlstate: Option<&str>, cause: Option<Cause>) -> Failure {
        let mut failure = Failure::new(FailureKind::Error, "the ledger is unavailable");
        (failure.sqlstate, failure.cause) = (sqlstate.map(str::to_owned), cause);
        failure.at_ns = Some(5_000_000_000);
        failure
    }

    fn judged(failure: &Failure, summary: &AttemptSummary) -> (Class, String, String) {
        let Triage { class, rule, evidence } = triage(failure, summary, None);
        (class, rule.unwrap_or_default(), evidence)
    }

    fn rule(failure: &Failure, summary: &AttemptSummary) -> (Class, String) {
        let (class, rule, _) = judged(failure, summary);
        (class, rule)
    }

    const LOST: Option<Cause> = Some(Cause::ConnectionLost);

    #[test]
    fn an_error_of_a_fault_that_was_active_names_the_fault_since_when_and_how_often() {
        let summary = fault("cut", "interrupts", Some(5), 3);
        let (class, rule, evidence) = judged(&failure(None, LOST), &summary);
        assert_eq!((class, rule.as_str()), (Class::PotentialBug, "fault-let-through"));
        let expected = "a connection was lost while `cut` on `postgres` was active, for 4s by then; \
                        it had acted 3 times on 3 connections";
        assert_eq!(evidence, expected);
        // A deadline of the attempt may have left it without an end.
        let (_, rule, _) = judged(&failure(None, LOST), &fault("cut", "interrupts", None, 1));
        assert_eq!(rule, "fault-let-through");
    }

    #[test]
    fn a_fault_is_not_blamed_for_what_it_does_not_do_or_did_not_touch() {
        let latency = fault("latency 80ms ↓", "delays", None, 9);
        let lost = rule(&failure(None, LOST), &latency);
        assert_eq!(lost, (Class::Environment, "lost-without-fault".to_owned()));
        let late = rule(&failure(Some("57014"), None), &latency);
        assert_eq!(late, (Class::PotentialBug, "fault-let-through".to_owned()));
        let duplicate = rule(&failure(Some("23505"), None), &fault("cut", "interrupts", None, 9));
        assert_eq!(duplicate, (Class::PotentialBug, "statement-refused".to_owned()));
        let untouched = rule(&failure(None, LOST), &fault("cut", "interrupts", None, 0));
        assert_eq!(untouched, (Class::Unclassified, String::new()));
        // What answers with this SQLSTATE is the likeliest.
        let mut both = fault("error 53300", "anything", None, 2);
        both.faults.extend(fault("setting", "anything", None, 7).faults);
        both.faults[1].began_ns += 1;
        let (_, _, evidence) = judged(&failure(Some("53300"), None), &both);
        assert!(evidence.contains("`error 53300` on `postgres`"), "{evidence}");
        assert!(evidence.contains("another fault was active too"), "{evidence}");
    }

    #[test]
    fn a_connection_that_is_still_lost_after_its_fault_was_not_got_over() {
        let over = fault("cut", "interrupts", Some(3), 1);
        let (class, rule, evidence) = judged(&failure(None, LOST), &over);
        assert_eq!((class, rule.as_str()), (Class::PotentialBug, "not-over-its-fault"));
        let expected = "a connection was lost 2s after `cut` on `postgres` had ended, which had \
                        acted 1 time on 1 connection";
        assert_eq!(evidence, expected);
        // A statement that took too long has nothing of a fault that is over.
        let late = failure(Some("57014"), None);
        assert_eq!(judged(&late, &over).1, "limit-without-fault");
    }

    #[test]
    fn without_a_fault_the_kind_of_error_decides() {
        let nothing = AttemptSummary::default();
        for (sqlstate, cause, class, expected) in [
            (Some("40001"), None, Class::PotentialBug, "conflict-let-through"),
            (Some("40P01"), None, Class::PotentialBug, "conflict-let-through"),
            (Some("42P01"), None, Class::PotentialBug, "statement-refused"),
            (Some("25P02"), None, Class::PotentialBug, "statement-refused"),
            (Some("25P03"), None, Class::TuningNeeded, "limit-without-fault"),
            (Some("53300"), None, Class::TuningNeeded, "limit-without-fault"),
            (None, Some(Cause::PoolTimedOut), Class::TuningNeeded, "limit-without-fault"),
            (None, Some(Cause::TimedOut), Class::TuningNeeded, "limit-without-fault"),
            (Some("57P01"), LOST, Class::Environment, "lost-without-fault"),
            (None, Some(Cause::ConnectionRefused), Class::Environment, "lost-without-fault"),
            (Some("53100"), None, Class::Environment, "machine-trouble"),
            (None, Some(Cause::AddressInUse), Class::Environment, "machine-trouble"),
            (None, Some(Cause::TooManyFiles), Class::Environment, "machine-trouble"),
            (None, Some(Cause::DiskFull), Class::Environment, "machine-trouble"),
            (Some("P0001"), None, Class::Unclassified, ""),
        ] {
            let found = rule(&failure(sqlstate, cause), &nothing);
            assert_eq!(found, (class, expected.to_owned()), "{sqlstate:?} {cause:?}");
        }
        // A fault that fills the disk of the server is behind it; latency is not.
        let full = failure(Some("53100"), None);
        let filled = fault("disk full", "anything", None, 1);
        assert_eq!(judged(&full, &filled).1, "fault-let-through");
        assert_eq!(judged(&full, &fault("latency", "delays", None, 1)).1, "machine-trouble");
    }

    #[test]
    fn only_errors_are_judged_by_their_states() {
        let mut check = failure(None, LOST);
        check.kind = FailureKind::Check;
        let found = rule(&check, &fault("cut", "interrupts", None, 3));
        assert_eq!(found.1, "promise-broken");
    }
}
