//! The figures of an attempt, taken from its journal.

use chaos_core::assert::Assertion;
use chaos_core::check::{Report, Validity};
use chaos_core::event::{Event, EventKind, FaultId};
use chaos_core::outcome::Outcome;

use crate::run_event::{
    AttemptSummary, BaselineSummary, BoundSummary, BrokenPoint, CheckSummary, ExplorationSummary,
    FaultSummary, PhaseSummary, PropertySummary, ServerReturn, SignalSummary,
};

/// How many signals a summary keeps. The journal has more.
const MOST_SIGNALS: usize = 100;

/// How many broken points of an exploration a summary keeps. The journal has all that were tried.
const MOST_BROKEN_POINTS: usize = 100;

/// The figures of the attempt to which these events belong.
pub(crate) fn of(events: &[Event]) -> AttemptSummary {
    let mut summary = AttemptSummary::default();
    // The ids of `summary.faults`, at the same indices.
    let mut ids = Vec::new();
    let mut in_case = false;
    for event in events {
        match &event.what {
            EventKind::CaseStarted { .. } => in_case = true,
            EventKind::CaseEnded { .. } => in_case = false,
            EventKind::PropertyEnded { wanted, cases, vacuous, replayed, failed, shrunk, file } => {
                summary.tried_properties.push(PropertySummary {
                    wanted: *wanted,
                    cases: *cases,
                    vacuous: *vacuous,
                    replayed: *replayed,
                    failed: *failed,
                    shrunk: shrunk.clone(),
                    file: file.clone(),
                });
            }
            // There are hundreds of them, and the journal has them all.
            what if in_case && !matches!(what, EventKind::Operation { .. }) => {}
            EventKind::FaultStarted { fault, target, label, spec } => {
                ids.push(*fault);
                summary.faults.push(FaultSummary {
                    label: label.clone(),
                    target: target.clone(),
                    began_ns: event.at,
                    ended_ns: None,
                    hits: 0,
                    connections: 0,
                    first_success_ns: None,
                    recovery_ns: None,
                    effect: Some(spec.effect()),
                    unobservable: !spec.is_observable(),
                    impact: None,
                });
            }
            EventKind::FaultHit { fault, .. } => {
                // The end says the same better; an attempt that was killed has no end.
                with(&mut summary, &ids, *fault, |found| {
                    found.hits += 1;
                    found.connections += 1;
                });
            }
            EventKind::FaultEnded { fault, hits, connections } => {
                with(&mut summary, &ids, *fault, |found| {
                    found.ended_ns = Some(event.at);
                    found.hits = *hits;
                    found.connections = *connections;
                });
            }
            EventKind::Recovery { fault, first_success, steady } => {
                with(&mut summary, &ids, *fault, |found| {
                    found.first_success_ns = *first_success;
                    found.recovery_ns = *steady;
                });
            }
            EventKind::ImpactMeasured { fault, impact } => {
                with(&mut summary, &ids, *fault, |found| found.impact = Some((**impact).clone()));
            }
            EventKind::PhaseMeasured { phase, kind, began, ended, figures, counters, gauges } => {
                summary.phases.push(PhaseSummary {
                    name: phase.clone(),
                    kind: *kind,
                    began_ns: *began,
                    ended_ns: *ended,
                    figures: figures.clone(),
                    counters: counters.clone(),
                    gauges: gauges.clone(),
                });
            }
            EventKind::BoundChecked { held, bound } => {
                summary.bounds.push(BoundSummary { held: *held, bound: bound.clone() });
            }
            EventKind::AlertJudged { alert } => summary.alerts.push(alert.clone()),
            EventKind::BaselineMeasured { name, samples } => {
                let (name, samples_ns) = (name.clone(), samples.clone());
                summary.baselines.push(BaselineSummary { name, samples_ns });
            }
            EventKind::Signal { name } if summary.signals.len() < MOST_SIGNALS => {
                summary.signals.push(SignalSummary { name: name.clone(), at_ns: event.at });
            }
            EventKind::MetricsMeasured { figures } => summary.metrics = Some(figures.clone()),
            EventKind::Operation { outcome, .. } => *count_of(&mut summary, *outcome) += 1,
            EventKind::OperationResolved { was, outcome, .. } => {
                let before = count_of(&mut summary, *was);
                *before = before.saturating_sub(1);
                *count_of(&mut summary, *outcome) += 1;
            }
            EventKind::Check { name, passed, found, expected } => {
                summary.checks.push(CheckSummary {
                    name: name.clone(),
                    passed: *passed,
                    found: found.clone(),
                    expected: expected.clone(),
                    report: None,
                });
            }
            EventKind::ExplorationStarted { messages, connections, .. } => {
                let (messages, connections) = (*messages, *connections);
                let started = ExplorationSummary { messages, connections, ..Default::default() };
                summary.explorations.push(started);
            }
            EventKind::PointTried { token, point, outcome, findings, .. } => {
                let Some(exploration) = summary.explorations.last_mut() else { continue };
                // An attempt that was killed has no end with the totals.
                exploration.tried += u64::from(outcome.is_some());
                exploration.violated += u64::from(!findings.is_empty());
                if !findings.is_empty() && exploration.broken.len() < MOST_BROKEN_POINTS {
                    let (token, point) = (token.clone(), point.clone());
                    let (outcome, findings) = (*outcome, findings.clone());
                    exploration.broken.push(BrokenPoint { token, point, outcome, findings });
                }
            }
            EventKind::ExplorationEnded { tried, violated, not_met, skipped, .. } => {
                let Some(exploration) = summary.explorations.last_mut() else { continue };
                exploration.tried = *tried;
                exploration.violated = *violated;
                exploration.not_met = *not_met;
                exploration.skipped.clone_from(skipped);
            }
            EventKind::Judged { report } => summary.checks.push(judged(report)),
            EventKind::Assertion { assertion } => add_assertion(&mut summary.assertions, assertion),
            EventKind::Note { message } => summary.notes.push(message.clone()),
            EventKind::ServerReady { target, after, recovered } => {
                let (target, after_ns, recovered) = (target.clone(), *after, *recovered);
                summary.returns.push(ServerReturn { target, after_ns, recovered });
            }
            _ => {}
        }
    }
    summary
}

/// The last line of each name counts; but what is expected may have come about before.
fn add_assertion(all: &mut Vec<Assertion>, told: &Assertion) {
    match all.iter_mut().find(|known| known.kind == told.kind && known.name == told.name) {
        Some(known) if told.reached >= known.reached => *known = told.clone(),
        Some(_) => {}
        None => all.push(told.clone()),
    }
}

fn count_of(summary: &mut AttemptSummary, outcome: Outcome) -> &mut u64 {
    match outcome {
        Outcome::Ok => &mut summary.ok,
        Outcome::Failed => &mut summary.failed,
        Outcome::Unknown => &mut summary.unknown,
    }
}

fn judged(report: &Report) -> CheckSummary {
    let passed = report.validity() == Validity::Valid;
    CheckSummary {
        name: report.checker.clone(),
        passed,
        found: (!passed).then(|| report.to_string()),
        expected: None,
        report: Some(report.clone()),
    }
}

fn with(
    summary: &mut AttemptSummary,
    ids: &[FaultId],
    fault: FaultId,
    change: impl FnOnce(&mut FaultSummary),
) {
    // A torn line may have cost the beginning of the fault.
    if let Some(index) = ids.iter().position(|id| *id == fault) {
        change(&mut summary.faults[index]);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chaos_core::fault::{Fault, cut};

    use super::*;

    fn journal(events: impl IntoIterator<Item = EventKind>) -> Vec<Event> {
        let at = |index| Duration::from_millis(u64::try_from(index).unwrap());
        events.into_iter().enumerate().map(|(index, what)| Event::new(at(index), what)).collect()
    }

    fn started(fault: u64) -> EventKind {
        EventKind::FaultStarted {
            fault: FaultId(fault),
            target: "postgres".to_owned(),
            label: "cut".to_owned(),
            spec: Fault::from(cut()).into(),
        }
    }

    fn operation(outcome: Outcome) -> EventKind {
        EventKind::Operation { client: 0, began: 0, outcome, error: None, sqlstate: None }
    }

    #[test]
    fn figures_are_those_of_the_journal() {
        let summary = of(&journal([
            operation(Outcome::Ok),
            started(1),
            EventKind::FaultHit { fault: FaultId(1), connection: 1 },
            operation(Outcome::Unknown),
            operation(Outcome::Unknown),
            EventKind::OperationResolved {
                client: 0,
                began: 0,
                was: Outcome::Unknown,
                outcome: Outcome::Failed,
                reason: "the server says so".to_owned(),
            },
            EventKind::FaultEnded { fault: FaultId(1), hits: 7, connections: 2 },
            operation(Outcome::Ok),
            EventKind::Recovery { fault: FaultId(1), first_success: Some(5), steady: Some(9) },
            EventKind::Check {
                name: "money".to_owned(),
                passed: true,
                found: None,
                expected: None,
            },
        ]));
        assert_eq!((summary.ok, summary.failed, summary.unknown), (2, 1, 1));
        let fault = &summary.faults[0];
        assert_eq!((fault.began_ns, fault.ended_ns), (1_000_000, Some(6_000_000)));
        assert_eq!((fault.hits, fault.connections, fault.recovery_ns), (7, 2, Some(9)));
        assert!(summary.checks[0].passed);
    }

    #[test]
    fn what_a_checker_says_is_a_check_with_its_proofs() {
        let mut report = Report::of("money is conserved");
        report.vacuous("nobody read");
        let summary = of(&journal([EventKind::Judged { report: report.clone() }]));
        let [check] = summary.checks.as_slice() else { panic!() };
        assert!(!check.passed, "an unknown answer is no pass");
        assert_eq!(check.name, "money is conserved");
        assert_eq!(check.report, Some(report));
        assert!(check.found.as_ref().unwrap().ends_with("was not put to the test: nobody read"));
    }

    #[test]
    fn a_fault_without_an_end_counts_what_is_known_of_it() {
        let hit = |connection| EventKind::FaultHit { fault: FaultId(1), connection };
        let orphan = EventKind::FaultEnded { fault: FaultId(9), hits: 1, connections: 1 };
        let summary = of(&journal([started(1), hit(1), hit(4), orphan]));
        assert_eq!(summary.faults.len(), 1);
        assert_eq!((summary.faults[0].hits, summary.faults[0].ended_ns), (2, None));
    }
}
