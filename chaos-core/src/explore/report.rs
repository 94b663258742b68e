//! What an exploration came to.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::finding::Finding;
use super::mode::Mode;
use super::token::ReplayToken;
use crate::duration::{Display, rounded};
use crate::event::SkippedPoints;
use crate::outcome::Outcome;

/// How many points of a cause are named.
const NAMED: usize = 4;

/// What an exploration came to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Explored {
    /// Every run with a fault, in the order of the points.
    pub points: Vec<Point>,
    /// What was left out, and why.
    pub skipped: Vec<SkippedPoints>,
    /// How many messages a run without faults exchanges; 0 where points are no messages.
    pub messages: usize,
    /// Over how many connections.
    pub connections: u64,
    /// How many workers ran it.
    pub workers: usize,
    /// How long it took, the runs without faults included.
    pub took: Duration,
    /// Columns that were not compared although nobody said so, and why.
    pub not_compared: Vec<String>,
}

/// One run with a fault, or with two.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Point {
    /// What repeats it: `CHAOS_REPLAY=<token>`.
    pub token: ReplayToken,
    /// Where the fault struck and how, in words.
    pub words: String,
    /// What the operation came to; `None` when the fault was not met.
    pub outcome: Option<Outcome>,
    /// What was wrong afterwards.
    pub findings: Vec<Finding>,
}

impl Point {
    /// Whether the fault was met. In another run the scenario may take another way.
    #[must_use]
    pub const fn is_met(&self) -> bool {
        self.outcome.is_some()
    }

    /// Whether something was wrong afterwards.
    #[must_use]
    pub fn is_violated(&self) -> bool {
        !self.findings.is_empty()
    }
}

impl Explored {
    /// The runs after which something was wrong.
    pub fn violated(&self) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(|point| point.is_violated())
    }

    /// How many runs met their faults.
    #[must_use]
    pub fn met(&self) -> usize {
        self.points.iter().filter(|point| point.is_met()).count()
    }

    /// The token of the run that tells most: the first one of the most frequent [cause](Self::causes).
    #[must_use]
    pub fn replay(&self) -> Option<&ReplayToken> {
        let causes = self.causes();
        let (_, points) = causes.first()?;
        points.first().map(|point| &point.token)
    }

    /// What was wrong, each with the runs after which it was: the most frequent one first.
    ///
    /// Of the runs of a cause those come first that tell most: with one fault rather than two, without
    /// killing the server rather than with it, earlier in the operation rather than later, and at the
    /// same place with the fault that leaves most as it is: an error, a cancellation, a delay, the end
    /// of the connection, its reset, a torn message.
    #[must_use]
    pub fn causes(&self) -> Vec<(&Finding, Vec<&Point>)> {
        let mut causes: BTreeMap<&Finding, Vec<&Point>> = BTreeMap::new();
        for point in self.violated() {
            // What follows from the first thing that is wrong is no cause of its own.
            if let Some(finding) = point.findings.first() {
                causes.entry(finding).or_default().push(point);
            }
        }
        let mut causes: Vec<_> = causes.into_iter().collect();
        causes.sort_by_key(|(_, points)| std::cmp::Reverse(points.len()));
        for (_, points) in &mut causes {
            // It is stable: at equal places the points are in the order of the plan, which is that of the
            // messages.
            points.sort_by_key(|point| {
                let strikes = &point.token.strikes;
                let harm = strikes.iter().map(|strike| strike.mode.harm()).max();
                (strikes.len(), harm == Some(Mode::ServerKilled.harm()))
            });
            by_harm_at_equal_places(points);
        }
        causes
    }

    /// `186 points tried, at 93 messages of 1 connection, by 4 workers in 0.6s`
    #[must_use]
    pub fn coverage(&self) -> String {
        let met = self.met();
        let mut text = format!("{met} {} tried", if met == 1 { "point" } else { "points" });
        if self.messages > 0 {
            let plural = if self.connections == 1 { "" } else { "s" };
            let (messages, connections) = (self.messages, self.connections);
            text.push_str(&format!(", of {messages} messages on {connections} connection{plural}"));
        }
        text.push_str(&format!(" in {}", Display(rounded(self.took))));
        let not_met = self.points.len() - self.met();
        if not_met > 0 {
            text.push_str(&format!("; {not_met} not met"));
        }
        for SkippedPoints { count, why } in &self.skipped {
            text.push_str(&format!("; {count} skipped: {why}"));
        }
        text
    }
}

/// Sorts each row of points that are at the same places by how much harm they do.
fn by_harm_at_equal_places(points: &mut [&Point]) {
    let same = |one: &&Point, other: &&Point| {
        let places = |point: &Point| -> Vec<_> {
            point.token.strikes.iter().map(|strike| strike.place).collect()
        };
        places(one) == places(other)
    };
    for row in points.chunk_by_mut(same) {
        row.sort_by_key(|point| {
            let harm = point.token.strikes.iter().map(|strike| strike.mode.harm());
            harm.collect::<Vec<_>>()
        });
    }
}

/// What a failed test says.
impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let violated = self.violated().count();
        if violated == 0 {
            return f.write_str(&self.coverage());
        }
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let causes = self.causes();
        let (tried, found) = (self.met(), causes.len());
        writeln!(
            f,
            "a promise breaks at {violated} of {tried} point{}, for {found} cause{}",
            plural(tried),
            plural(found)
        )?;
        for (finding, points) in causes {
            writeln!(f, "  {}", finding.words.replace('\n', "\n  "))?;
            for point in points.iter().take(NAMED) {
                writeln!(f, "    {}: {}", point.token, point.words)?;
            }
            if points.len() > NAMED {
                let more = points.len() - NAMED;
                writeln!(f, "    and {more} more point{}", plural(more))?;
            }
        }
        if let Some(token) = self.replay() {
            writeln!(f, "  CHAOS_REPLAY={token} tries the first of them alone")?;
        }
        write!(f, "  {}", self.coverage())
    }
}
