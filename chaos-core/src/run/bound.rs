//! What a test demands of a figure, and the answer.
//!
//! Every demand is an event of the journal with its numbers, so that a report can tell a bound that
//! was missed by little from one that was missed by far.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration::{Display, rounded};
use crate::event::EventKind;
use crate::journal::Journal;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// A share, between 0 and 1.
    Share,
    /// How many in a second.
    PerSecond,
    /// How many times as much as something else.
    Ratio,
}

/// Which side of a bound is the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The bound itself and what is below.
    AtMost,
    /// The bound itself and what is above.
    AtLeast,
}

/// A demand on a figure, and what was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Bound {
    /// What the figure is of, such as a phase or a fault.
    pub subject: String,
    /// The figure, such as `p99`.
    pub figure: String,
    /// What the two numbers count.
    pub unit: Unit,
    /// Which side of the bound is the right one.
    pub side: Side,
    /// The bound.
    pub bound: f64,
    /// What was found.
    pub found: f64,
    /// On how many operations, faults or firings the figure rests.
    pub n: u64,
}

impl Bound {
    /// Whether the figure is on the right side. The bound itself is.
    #[must_use]
    pub fn holds(&self) -> bool {
        match self.side {
            Side::AtMost => self.found <= self.bound,
            Side::AtLeast => self.found >= self.bound,
        }
    }

    /// By which share of the bound it was missed: 0.5 is half as much again (or half too little).
    /// 0 when it holds; nothing when the bound is 0.
    #[must_use]
    pub fn missed_by(&self) -> Option<f64> {
        if self.holds() {
            return Some(0.0);
        }
        (self.bound != 0.0).then(|| (self.found - self.bound).abs() / self.bound)
    }

    fn write(&self, number: f64) -> String {
        match self.unit {
            // Infinite is a duration that never ended.
            Unit::Seconds => Duration::try_from_secs_f64(number)
                .map_or_else(|_| "for ever".to_owned(), |time| Display(rounded(time)).to_string()),
            Unit::Share => format!("{} %", short(number * 100.0)),
            Unit::PerSecond => format!("{}/s", short(number)),
            Unit::Ratio => format!("{} times", short(number)),
        }
    }
}

/// Three significant digits, and no zeros behind them.
fn short(number: f64) -> String {
    let digits = match number.abs() {
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        small if small >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{number:.digits$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `the p99 of … was 312ms, 112ms above the bound of 200ms (56 % above; n = 482)`,
/// `the error rate of … was 5 %, which is 4 points above the bound of 1 % (n = 482)`.
impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, figure, bound, found, n, .. } = self;
        write!(f, "the {figure} of `{subject}` was {}", self.write(*found))?;
        let bound_text = self.write(*bound);
        if self.holds() {
            return write!(f, ", within the bound of {bound_text} (n = {n})");
        }
        let side = if self.side == Side::AtMost { "above" } else { "below" };
        let difference = (found - bound).abs();
        match self.unit {
            // A difference of ratios says nothing to anybody.
            Unit::Ratio => write!(f, ", {side} the bound of {bound_text} (")?,
            // Nor does a share of a share: 50 % is 50 points below 100 %, and so is 50 % of it.
            Unit::Share => {
                let points = short(difference * 100.0);
                let noun = if points == "1" { "point" } else { "points" };
                write!(f, ", which is {points} {noun} {side} the bound of {bound_text} (")?;
            }
            Unit::Seconds | Unit::PerSecond => {
                write!(f, ", {} {side} the bound of {bound_text} (", self.write(difference))?;
            }
        }
        if let (Some(share), true) = (self.missed_by(), self.unit != Unit::Share) {
            write!(f, "{} % {side}; ", short(share * 100.0))?;
        }
        write!(f, "n = {n})")
    }
}

/// A demand that was not met, or that could not be looked at.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BoundError {
    /// The figure is on the wrong side of the bound.
    #[error("{0}")]
    Missed(Bound),
    /// There is nothing that the figure could be taken from.
    #[error("the {figure} of `{subject}` cannot be judged: {reason}")]
    NotMeasured {
        /// What the figure is of.
        subject: String,
        /// The figure.
        figure: String,
        /// Why there is none, and what to do about it.
        reason: String,
    },
    /// No phase or fault of the run has such a name.
    #[error("the run has no {what} whose name contains `{wanted}`; there are: {}", among(.known))]
    Unknown {
        /// `phase` or `fault`.
        what: &'static str,
        /// What was asked for.
        wanted: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// Several phases or faults of the run have such a name.
    #[error(
        "`{wanted}` names more than one {what} of the run; say which: {}", among(.matching)
    )]
    Ambiguous {
        /// `phase` or `fault`.
        what: &'static str,
        /// What was asked for.
        wanted: String,
        /// The names that match.
        matching: Vec<String>,
    },
}

fn among(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The place of the one name that is meant: the name itself goes before names that merely contain
/// it.
pub(super) fn find(
    names: &[String],
    what: &'static str,
    wanted: &str,
) -> Result<usize, BoundError> {
    let places = |matches: &dyn Fn(&str) -> bool| -> Vec<usize> {
        (0..names.len()).filter(|place| matches(&names[*place])).collect()
    };
    let mut matching = places(&|name| name == wanted);
    if matching.is_empty() {
        matching = places(&|name| name.contains(wanted));
    }
    let wanted = wanted.to_owned();
    match matching.as_slice() {
        [one] => Ok(*one),
        [] => Err(BoundError::Unknown { what, wanted, known: names.to_vec() }),
        several => {
            let matching = several.iter().map(|place| names[*place].clone()).collect();
            Err(BoundError::Ambiguous { what, wanted, matching })
        }
    }
}

/// What figures are of, and where demands on them are written down.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) journal: Journal,
}

impl Subject {
    /// Demands that a duration is not longer than `bound`.
    pub(super) fn within(
        &self,
        figure: &str,
        found: Duration,
        bound: Duration,
        n: u64,
    ) -> Result<(), BoundError> {
        let (found, bound) = (found.as_secs_f64(), bound.as_secs_f64());
        self.demand(figure, Unit::Seconds, Side::AtMost, found, bound, n)
    }

    /// Demands that a number is on this side of `bound`, and writes the answer down.
    pub(super) fn demand(
        &self,
        figure: &str,
        unit: Unit,
        side: Side,
        found: f64,
        bound: f64,
        n: u64,
    ) -> Result<(), BoundError> {
        let (subject, figure) = (self.name.clone(), figure.to_owned());
        let bound = Bound { subject, figure, unit, side, bound, found, n };
        let held = bound.holds();
        self.journal.record(EventKind::BoundChecked { held, bound: bound.clone() });
        if held { Ok(()) } else { Err(BoundError::Missed(bound)) }
    }

    pub(super) fn not_measured(&self, figure: &str, reason: impl Into<String>) -> BoundError {
        let (subject, figure) = (self.name.clone(), figure.to_owned());
        BoundError::NotMeasured { subject, figure, reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::DurationUnits;

    fn subject(journal: &Journal) -> Subject {
        Subject { name: "latency 80ms on postgres".to_owned(), journal: journal.clone() }
    }

    #[test]
    fn a_bound_that_is_missed_says_which_by_how_much_and_on_what_evidence() {
        let journal = Journal::in_memory();
        let error = subject(&journal).within("p99", 312.ms(), 200.ms(), 482).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the p99 of `latency 80ms on postgres` was 312ms, 112ms above the bound of 200ms (56 % \
             above; n = 482)"
        );
        let BoundError::Missed(bound) = error else { panic!("{error}") };
        assert!((bound.missed_by().unwrap() - 0.56).abs() < 1e-9);
        let events = journal.events();
        assert_eq!(events[0].what, EventKind::BoundChecked { held: false, bound });
    }

    #[test]
    fn the_bound_itself_is_on_the_right_side() {
        let journal = Journal::in_memory();
        subject(&journal).within("p99", 200.ms(), 200.ms(), 1).unwrap();
        let too_few = |found| {
            subject(&journal).demand("rate", Unit::PerSecond, Side::AtLeast, found, 50.0, 9)
        };
        too_few(50.0).unwrap();
        let text = too_few(12.5).unwrap_err().to_string();
        assert!(text.contains("was 12.5/s, 37.5/s below the bound of 50/s (75 % below"), "{text}");
    }

    #[test]
    fn how_far_a_share_is_from_its_bound_is_said_in_points() {
        let text = |found, bound, side| {
            let subject = subject(&Journal::in_memory());
            let missed = subject.demand("share", Unit::Share, side, found, bound, 8).unwrap_err();
            missed.to_string()
        };
        let half = text(0.5, 1.0, Side::AtLeast);
        let said = "was 50 %, which is 50 points below the bound of 100 % (n = 8)";
        assert!(half.ends_with(said), "{half}");
        let some = text(0.02, 0.01, Side::AtMost);
        assert!(some.ends_with("2 %, which is 1 point above the bound of 1 % (n = 8)"), "{some}");
        let small = text(0.001, 0.0, Side::AtMost);
        assert!(small.contains("0.1 %, which is 0.1 points above the bound of 0 %"), "{small}");
    }

    #[test]
    fn a_part_of_a_name_is_enough_if_it_is_one_thing_s_only() {
        let names = ["cut on a".to_owned(), "cut on b".to_owned(), "cut".to_owned()];
        let find = |wanted| find(&names, "fault", wanted);
        assert_eq!(find("on b").unwrap(), 1);
        assert_eq!(find("cut").unwrap(), 2);
        let several = find("cut on").unwrap_err().to_string();
        assert!(several.ends_with("say which: `cut on a`, `cut on b`"), "{several}");
        let none = find("stall").unwrap_err().to_string();
        assert!(none.contains("`stall`; there are: `cut on a`"), "{none}");
    }
}
