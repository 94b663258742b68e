//! Strategies for the faults of a case: drawn among the messages that a run without faults has shown.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::case::{Case, CaseFault, Until};
use super::recording::{Point, Recording};
use crate::delay::IntoDelay;
use crate::fault::{
    Fault, FaultKind, Severity, SqlCode, cut, delay_message, error, latency, reset, stall,
};
use crate::trigger::message::{At, Count, Moment};

/// A family of the faults that cases are given.
///
/// Each case draws which families it uses (swarm testing: Groce and others, ISSTA 2012), because bugs
/// that need two faults of one family hide where all families are mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultFamily {
    /// The connection ends (FIN) before or after a message.
    Cut,
    /// The connection is reset (RST) before or after a message.
    Reset,
    /// The connection is reset in the middle of a message.
    Tear,
    /// A statement is answered with an error of the database: a failed serialization, a deadlock, a
    /// lock that is not to be had, a cancelled statement, too little memory, or a session that is
    /// terminated.
    Error,
    /// A message comes 1 ms to 50 ms later.
    Delay,
    /// From a message on nothing is delivered for 20 ms to 300 ms.
    Stall,
    /// At some time of an operation the connection ends, is reset, delivers nothing for a while, or
    /// is slow. What fails so fails again only by luck, so a property draws from it only when it is
    /// asked to, or when the link knows no messages. A case that fails is given a message instead of
    /// the time, if it fails with that too.
    AnyTime,
}

impl FaultFamily {
    /// All that act at messages.
    pub const AT_MESSAGES: [Self; 6] =
        [Self::Cut, Self::Reset, Self::Tear, Self::Error, Self::Delay, Self::Stall];

    /// Whether a fault of it can act at this message.
    fn acts_at(self, point: &Point) -> bool {
        match self {
            Self::AnyTime => false,
            Self::Error => point.is_statement,
            _ => true,
        }
    }
}

/// The errors that statements are answered with.
const ERRORS: [(&str, Severity); 6] = [
    ("40001", Severity::Error),
    ("40P01", Severity::Error),
    ("55P03", Severity::Error),
    ("57014", Severity::Error),
    ("53200", Severity::Error),
    ("57P01", Severity::Fatal),
];

/// One to three faults, fewer being likelier; none where nothing has passed that they could act at.
pub(super) fn schedules(
    recording: &Recording,
    families: &[FaultFamily],
) -> BoxedStrategy<Vec<CaseFault>> {
    let points = recording.points();
    let at_time =
        timed(recording).filter(|_| points.is_empty() || families.contains(&FaultFamily::AnyTime));
    let mut drawn: Vec<BoxedStrategy<CaseFault>> = Vec::new();
    for family in families {
        if points.iter().any(|point| family.acts_at(point)) {
            drawn.push(at_message(*family, &points));
        }
    }
    drawn.extend(at_time);
    if drawn.is_empty() {
        return Just(Vec::new()).boxed();
    }
    let count = drawn.len();
    (subsequence(drawn, 1..=count), size())
        .prop_flat_map(|(swarm, size)| {
            let one = select(swarm).prop_flat_map(|family| family);
            prop::collection::vec(one, size)
        })
        .boxed()
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![6 => Just(1_usize), 3 => Just(2), 1 => Just(3)]
}

fn at_message(family: FaultFamily, points: &[Point]) -> BoxedStrategy<CaseFault> {
    let points: Vec<Point> = points.iter().filter(|it| family.acts_at(it)).cloned().collect();
    let point = select(points);
    let edge = select(vec![At::Before, At::After]);
    let ending = |fault: fn() -> Fault, at: BoxedStrategy<At>| {
        (point.clone(), at).prop_map(move |(point, at)| {
            let message = Some(Box::new(Moment { message: point.trigger.clone(), at }));
            during(&point, Fault { message, ..fault() }, Until::Operation)
        })
    };
    match family {
        FaultFamily::Cut => ending(|| cut().into(), edge.boxed()).boxed(),
        FaultFamily::Reset => ending(|| reset().into(), edge.boxed()).boxed(),
        FaultFamily::Tear => ending(|| reset().into(), Just(At::Half).boxed()).boxed(),
        FaultFamily::AnyTime => unreachable!("it acts at no message"),
        FaultFamily::Error => (point, select(ERRORS.to_vec()))
            .prop_map(|(point, (code, severity))| {
                let code: SqlCode = code.parse().expect("it is one of ours");
                let fault: Fault = error(code).severity(severity).into();
                let at = At::Before;
                let message = Some(Box::new(Moment { message: point.trigger.clone(), at }));
                during(&point, Fault { message, ..fault }, Until::Operation)
            })
            .boxed(),
        FaultFamily::Delay => (point, 1..=50_u64)
            .prop_map(|(point, ms)| {
                let fault = delay_message(point.trigger.clone(), Duration::from_millis(ms));
                during(&point, fault.into(), Until::Operation)
            })
            .boxed(),
        FaultFamily::Stall => (point, 20..=300_u64)
            .prop_map(|(point, ms)| {
                let at = At::Before;
                let message = Some(Box::new(Moment { message: point.trigger.clone(), at }));
                let fault = Fault { message, ..stall().into() };
                during(&point, fault, Until::After(Duration::from_millis(ms)))
            })
            .boxed(),
    }
}

fn during(point: &Point, fault: Fault, until: Until) -> CaseFault {
    CaseFault { during: point.during, after: Duration::ZERO, until, fault }
}

/// Faults that come at some time of an operation.
fn timed(recording: &Recording) -> Option<BoxedStrategy<CaseFault>> {
    let spans: Vec<(usize, Duration)> = recording
        .spans
        .iter()
        .enumerate()
        .filter_map(|(place, span)| Some((place, span.as_ref()?.took)))
        .collect();
    if spans.is_empty() {
        return None;
    }
    let faults: Vec<(fn() -> Fault, bool)> = vec![
        (|| cut().into(), false),
        (|| reset().into(), false),
        (|| stall().into(), true),
        (|| latency(Duration::from_millis(20)).into(), false),
    ];
    let timed = (select(spans), select(faults), 0.0..1.0_f64, 20..=300_u64);
    Some(
        timed
            .prop_map(|((during, took), (fault, stalls), share, ms)| {
                let until = match stalls {
                    true => Until::After(Duration::from_millis(ms)),
                    false => Until::Operation,
                };
                // In whole microseconds, as it is read by people.
                let after = took.mul_f64(share);
                let after = Duration::from_micros(u64::try_from(after.as_micros()).unwrap_or(0));
                CaseFault { during, after, until, fault: fault() }
            })
            .boxed(),
    )
}

/// Whether the fault does what it does for a time, which can be less.
pub(super) fn shorter(planned: &CaseFault) -> Vec<CaseFault> {
    let mut shorter = Vec::new();
    if let Until::After(time) = planned.until {
        for time in [Duration::ZERO, time / 4, time / 2] {
            shorter.push(CaseFault { until: Until::After(time), ..planned.clone() });
        }
    }
    if let FaultKind::DelayMessage { .. } = planned.fault.kind {
        for ms in [0, 1, 5] {
            let delay = Duration::from_millis(ms).into_delay();
            let fault = Fault { kind: FaultKind::DelayMessage { delay }, ..planned.fault.clone() };
            shorter.push(CaseFault { fault, ..planned.clone() });
        }
    }
    if !planned.after.is_zero() {
        shorter.push(CaseFault { after: Duration::ZERO, ..planned.clone() });
    }
    shorter.retain(|fault| fault != planned);
    shorter
}

/// The fault before its message, instead of inside it.
pub(super) fn untorn(planned: &CaseFault) -> Option<CaseFault> {
    let moment = planned.fault.message.as_ref()?;
    if !matches!(moment.at, At::Half | At::Inside(_)) {
        return None;
    }
    let message = Some(Box::new(Moment { at: At::Before, ..(**moment).clone() }));
    let fault = Fault { message, ..planned.fault.clone() };
    Some(CaseFault { fault, ..planned.clone() })
}

/// The fault at this message, instead of at its time.
pub(super) fn at(planned: &CaseFault, point: &Point) -> CaseFault {
    let message = Some(Box::new(Moment { message: point.trigger.clone(), at: At::Before }));
    let fault = Fault { message, ..planned.fault.clone() };
    CaseFault { after: Duration::ZERO, fault, ..planned.clone() }
}

/// How many more messages of its kind a fault is made to wait for.
const ELSEWHERE: u64 = 3;

/// The case with its faults at a later message of the same kind each, all by the same number.
pub(super) fn aimed_elsewhere<Op: Clone>(case: &Case<Op>) -> Vec<Case<Op>> {
    let aimed = (1..=ELSEWHERE).filter_map(|further| {
        let mut aimed = case.clone();
        for planned in &mut aimed.faults {
            let count = &mut planned.fault.message.as_mut()?.message.count;
            let Count::Nth(nth) = count else { return None };
            *nth = nth.checked_add(further)?;
        }
        Some(aimed)
    });
    aimed.collect()
}
