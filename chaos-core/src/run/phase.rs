//! The phases of a run: its calm, each of its faults, and the time after them.
//!
//! A phase is a step of the schedule. An operation belongs to the first phase with faults that it
//! met, because they are what may have slowed or broken it, whenever it ended; one that met none
//! belongs to the phase in which it began. So a calm phase has only operations that no fault of the
//! schedule touched, and what a stall held for ten seconds is charged to the stall.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Operation;
use super::figures::Figures;
use super::resources;
use crate::journal::Journal;
use crate::metrics::{GaugeSummary, WindowFigures};
use crate::outcome::Outcome;

/// What a phase of a run is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PhaseKind {
    /// No fault was there yet.
    #[default]
    Calm,
    /// One fault or several were active.
    Fault,
    /// The faults had ended.
    After,
}

/// When a step of the schedule was under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Span {
    pub(super) name: String,
    pub(super) kind: PhaseKind,
    pub(super) began: Duration,
    pub(super) ended: Duration,
    pub(super) counters: BTreeMap<String, u64>,
    pub(super) gauges: BTreeMap<String, GaugeSummary>,
}

impl Span {
    /// Takes what the figures of the attempt were in it.
    pub(super) fn saw(&mut self, figures: WindowFigures) {
        (self.counters, self.gauges) = (figures.counters, figures.gauges);
        for name in resources::NAMES {
            // They are set when a phase ends, for the whole of it: only the last value is of this one.
            if let Some(GaugeSummary { last, min, max }) = self.gauges.get_mut(name) {
                (*min, *max) = (*last, *last);
            }
        }
    }

    fn meets(&self, operation: &Operation) -> bool {
        operation.began < self.ended && operation.ended > self.began
    }
}

/// A phase of a run, and what it came to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Phase {
    /// What it is.
    pub kind: PhaseKind,
    /// When it began, since the attempt began.
    pub began: Duration,
    /// When it ended, since the attempt began.
    pub ended: Duration,
    /// What it came to.
    pub figures: Figures,
    /// By how much each counter of [`cx.metrics()`](crate::metrics) grew meanwhile, yours and the
    /// library's; those that did not are left out.
    pub counters: BTreeMap<String, u64>,
    /// The values that each gauge had meanwhile: the state of pools, the resources that were used, and
    /// your own.
    pub gauges: BTreeMap<String, GaugeSummary>,
}

/// The phases of a run, from the spans of its steps, in order and without gaps.
pub(super) fn phases(spans: &[Span], operations: &[Operation], journal: &Journal) -> Vec<Phase> {
    let mut members: Vec<Vec<&Operation>> = vec![Vec::new(); spans.len()];
    let mut completed = vec![0_u64; spans.len()];
    for operation in operations {
        if let Some(place) = place(spans, operation) {
            members[place].push(operation);
        }
        if operation.outcome == Outcome::Ok {
            if let Some(place) = at(spans, operation.ended) {
                completed[place] += 1;
            }
        }
    }
    let phases = spans.iter().zip(members).zip(completed).map(|((span, members), completed)| {
        let length = span.ended.saturating_sub(span.began);
        Phase {
            kind: span.kind,
            began: span.began,
            ended: span.ended,
            figures: Figures::of(span.name.clone(), journal, members, length, completed),
            counters: span.counters.clone(),
            gauges: span.gauges.clone(),
        }
    });
    phases.collect()
}

/// The span that a moment lies in. What is later than the last one is in none.
fn at(spans: &[Span], moment: Duration) -> Option<usize> {
    let after = spans.partition_point(|span| span.ended <= moment);
    spans.get(after).filter(|span| span.began <= moment).map(|_| after)
}

/// The span that an operation belongs to.
fn place(spans: &[Span], operation: &Operation) -> Option<usize> {
    let first = spans.partition_point(|span| span.ended <= operation.began);
    let met = spans[first..].iter().take_while(|span| span.began <= operation.ended);
    let faulty = met
        .enumerate()
        .find(|(_, span)| span.kind == PhaseKind::Fault && span.meets(operation))
        .map(|(place, _)| first + place);
    faulty.or_else(|| at(spans, operation.began))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::DurationUnits;

    fn operation(began: u64, ended: u64, outcome: Outcome) -> Operation {
        let (began, ended) = (began.ms(), ended.ms());
        Operation {
            client: 0,
            began,
            ended,
            outcome,
            error: None,
            sqlstate: None,
            resolution: None,
        }
    }

    fn spans() -> Vec<Span> {
        let span = |name: &str, kind, began: u64, ended: u64| Span {
            name: name.to_owned(),
            kind,
            began: began.ms(),
            ended: ended.ms(),
            ..Span::default()
        };
        vec![
            span("calm", PhaseKind::Calm, 0, 100),
            span("stall", PhaseKind::Fault, 100, 200),
            span("cut", PhaseKind::Fault, 200, 300),
            span("after", PhaseKind::After, 300, 400),
        ]
    }

    fn counts(operations: &[Operation]) -> Vec<(u64, u64)> {
        let phases = phases(&spans(), operations, &Journal::in_memory());
        let counts = |phase: &Phase| {
            let measured = phase.figures.measured();
            (measured.n, measured.completed)
        };
        phases.iter().map(counts).collect()
    }

    #[test]
    fn an_operation_is_charged_to_the_first_fault_that_it_met() {
        let ok = |began, ended| operation(began, ended, Outcome::Ok);
        assert_eq!(counts(&[ok(10, 20)]), [(1, 1), (0, 0), (0, 0), (0, 0)]);
        assert_eq!(counts(&[ok(90, 350)]), [(0, 0), (1, 0), (0, 0), (0, 1)]);
        assert_eq!(counts(&[ok(210, 350)]), [(0, 0), (0, 0), (1, 0), (0, 1)]);
        assert_eq!(counts(&[ok(300, 350)]), [(0, 0), (0, 0), (0, 0), (1, 1)]);
    }

    #[test]
    fn what_ends_after_the_schedule_belongs_to_where_it_began_and_completes_nowhere() {
        let late = operation(350, 900, Outcome::Ok);
        assert_eq!(counts(&[late]), [(0, 0), (0, 0), (0, 0), (1, 0)]);
        let lost = operation(150, 900, Outcome::Unknown);
        assert_eq!(counts(&[lost]), [(0, 0), (1, 0), (0, 0), (0, 0)]);
    }
}
