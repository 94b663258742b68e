//! Whether something takes longer than it did.
//!
//! Both are needed: that the values tend to be larger (Mann and Whitney's test, corrected by Holm's
//! method for the number of comparisons), and that the medians differ by enough to matter. Durations
//! are skewed and have outliers, so means lie: in a simulation of recovery times without any change a
//! bound of 10 % on the ratio of means alarmed in a third of the comparisons.
//!
//! The test takes its values for independent. Where neighbours are alike it has groups of them instead.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::grouping::Grouped;
use crate::duration::{Display, rounded};
use crate::probability::Probability;
use crate::seed::Seed;
use crate::stats::{Interval, MannWhitney, SampleSummary, holm, median_ratio_95};

/// How many times as large a median has to be to matter, unless a [`Pair`] says otherwise.
pub const LEAST_EFFECT: f64 = 1.1;

/// The probability with which any of the comparisons made together may be wrong, unless
/// [`compare_at`] is told another.
pub const LEVEL: f64 = 0.05;

/// What is to be compared.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Pair<'a> {
    /// What was measured.
    pub name: &'a str,
    /// The stored values, in seconds, in the order in which they were measured.
    pub base: &'a [f64],
    /// The new values, in seconds, in the order in which they were measured.
    pub new: &'a [f64],
    /// How many times as large one median has to be as the other to matter.
    pub least_effect: f64,
}

impl<'a> Pair<'a> {
    /// Stored values and new ones, in seconds. A change of [`LEAST_EFFECT`] matters.
    #[must_use]
    pub const fn new(name: &'a str, base: &'a [f64], new: &'a [f64]) -> Self {
        Self { name, base, new, least_effect: LEAST_EFFECT }
    }

    /// How many times as large one median has to be as the other to matter: 1 for any difference that
    /// is shown. Default: [`LEAST_EFFECT`].
    #[must_use]
    pub const fn least_effect(mut self, ratio: f64) -> Self {
        self.least_effect = ratio;
        self
    }
}

/// What a comparison came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Change {
    /// It takes longer, and by enough to matter.
    Slower,
    /// It takes less time, and by enough to matter.
    Faster,
    /// No difference was shown that matters.
    None,
}

/// One comparison and its evidence.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Comparison {
    /// What was measured.
    pub name: String,
    /// What it came to.
    pub change: Change,
    /// The figures of the stored values, in seconds.
    pub base: SampleSummary,
    /// The figures of the new values, in seconds.
    pub new: SampleSummary,
    /// The 95 % interval of [`ratio`](Self::ratio), by the bootstrap.
    pub ratio_95: Interval,
    /// How many times as large one median has to be as the other to matter.
    pub least_effect: f64,
    /// How likely values are that are so much larger (or smaller, when they are) if nothing had
    /// changed, corrected for the number of comparisons.
    pub p_value: f64,
    /// How many neighbours of the stored values count as one, because they are alike and say no more
    /// together: 1 where all values are independent, as far as their order shows.
    pub base_group: usize,
    /// The same of the new values: as many, unless there are too few for that.
    pub new_group: usize,
    /// How many comparisons were made together.
    pub comparisons: usize,
}

impl Comparison {
    /// How many times as large the new median is.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.new.median / self.base.median
    }

    /// `n = 60 and 60, p = 3.00e-4`, `n = 50 in groups of 8 and 450 in groups of 64, as neighbours are
    /// alike, p = 2.17e-3`.
    fn write_evidence(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base_group, new_group, .. } = *self;
        write!(f, "n = {}", self.new.n)?;
        if new_group != base_group {
            write!(f, " in groups of {new_group}")?;
        }
        write!(f, " and {}", self.base.n)?;
        if base_group.max(new_group) > 1 {
            write!(f, " in groups of {base_group}, as neighbours are alike")?;
        }
        write!(f, ", p = {:.2e}", self.p_value)
    }
}

/// Compares several things at once, at [`LEVEL`].
#[must_use]
pub fn compare(pairs: &[Pair<'_>]) -> Vec<Comparison> {
    let level = Probability::new(LEVEL).expect("a probability");
    compare_at(level, pairs)
}

/// Compares several things at once. `level` is the probability with which any of them may be called
/// slower although none is.
///
/// Values whose neighbours are alike are put into groups until the medians of the groups are not
/// ([`SerialDependence`](crate::stats::SerialDependence) at 5 %), and those are tested: a hundred values
/// that were measured in one state of the machine are evidence of one. Five groups are left on each side
/// at least. A pair with fewer than two values on one side, or with something that is no number, is left
/// out.
///
/// ```
/// use chaos_core::baseline::{Change, Pair, compare_at};
/// use chaos_core::prelude::*;
///
/// let base: Vec<f64> = (0..30).map(|n| 0.001 + f64::from(n) * 1e-6).collect();
/// let new: Vec<f64> = base.iter().map(|seconds| seconds * 1.3).collect();
/// let pair = Pair::new("checkout", &base, &new);
/// assert_eq!(compare_at(1.percent(), &[pair])[0].change, Change::Slower);
/// assert_eq!(compare_at(1.percent(), &[pair.least_effect(1.5)])[0].change, Change::None);
/// ```
#[must_use]
pub fn compare_at(level: Probability, pairs: &[Pair<'_>]) -> Vec<Comparison> {
    let seed = |pair: &Pair<'_>| Seed(0).named(pair.name);
    let summaries = |pair: &Pair<'_>| {
        let of = |values| SampleSummary::of(values, seed(pair));
        Some((of(pair.base)?, of(pair.new)?))
    };
    let pairs: Vec<_> = pairs.iter().filter_map(|pair| Some((pair, summaries(pair)?))).collect();
    let grouped: Vec<_> = pairs.iter().map(|(pair, _)| Grouped::of(pair.base, pair.new)).collect();
    let p = |test: Option<MannWhitney>| test.map_or(1.0, |test| test.p_value);
    let slower: Vec<f64> =
        grouped.iter().map(|it| p(MannWhitney::larger(&it.new, &it.base))).collect();
    let faster: Vec<f64> =
        grouped.iter().map(|it| p(MannWhitney::larger(&it.base, &it.new))).collect();
    let comparisons = pairs.len();
    let judged = pairs.iter().zip(&grouped).zip(holm(&slower)).zip(holm(&faster));
    judged
        .map(|((((pair, (base, new)), grouped), slower), faster)| {
            let ratio = new.median / base.median;
            let (least_effect, level) = (pair.least_effect, level.get());
            let (change, p_value) = if slower < level && ratio > least_effect {
                (Change::Slower, slower)
            } else if faster < level && ratio < 1.0 / least_effect {
                (Change::Faster, faster)
            } else {
                (Change::None, slower.min(faster))
            };
            let ratio_95 = median_ratio_95(&grouped.base, &grouped.new, seed(pair));
            Comparison {
                name: pair.name.to_owned(),
                change,
                base: *base,
                new: *new,
                ratio_95: ratio_95.expect("neither side is empty"),
                least_effect,
                p_value,
                base_group: grouped.base_size,
                new_group: grouped.new_size,
                comparisons,
            }
        })
        .collect()
}

/// `checkout takes 1.31 times as long (1.25 to 1.38): median 1.2ms, 920us in the baseline (n = 60 and
/// 60, p = 3.00e-4 after Holm's correction for 12 comparisons)`.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |seconds: f64| {
            let time = Duration::try_from_secs_f64(seconds).unwrap_or_default();
            Display(rounded(time)).to_string()
        };
        let what = match self.change {
            Change::Slower | Change::Faster => "takes",
            Change::None => "shows no change that matters:",
        };
        write!(
            f,
            "{} {what} {:.2} times as long ({:.2} to {:.2}): median {}, {} in the baseline (",
            self.name,
            self.ratio(),
            self.ratio_95.low,
            self.ratio_95.high,
            time(self.new.median),
            time(self.base.median),
        )?;
        self.write_evidence(f)?;
        match self.comparisons {
            1 => f.write_str(")"),
            many => write!(f, " after Holm's correction for {many} comparisons)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    /// Log-normal values, as times are.
    fn times(seed: u64, n: u64, factor: f64) -> Vec<f64> {
        let draw = |n| Seed(seed).numbered(n).draws().standard_normal();
        (0..n).map(|n| factor * 0.001 * (0.2 * draw(n)).exp()).collect()
    }

    fn change(base: &[f64], new: &[f64]) -> Change {
        compare(&[Pair::new("checkout", base, new)])[0].change
    }

    #[test]
    fn a_change_is_found_in_both_directions_and_a_small_one_does_not_matter() {
        let base = times(1, 60, 1.0);
        assert_eq!(change(&base, &times(2, 60, 1.5)), Change::Slower);
        assert_eq!(change(&base, &times(2, 60, 0.6)), Change::Faster);
        // Shown without doubt, and too small to matter.
        assert_eq!(change(&times(1, 2_000, 1.0), &times(2, 2_000, 1.05)), Change::None);
    }

    #[test]
    fn without_a_change_ten_comparisons_together_rarely_alarm() {
        let mut alarms = 0;
        for run in 0..40_u64 {
            let samples: Vec<_> = (0..10)
                .map(|metric| {
                    let seed = run * 1_000 + metric;
                    (times(seed, 20, 1.0), times(seed + 500_000, 20, 1.0))
                })
                .collect();
            let pairs: Vec<_> =
                samples.iter().map(|(base, new)| Pair::new("same", base, new)).collect();
            let all = compare(&pairs);
            alarms += u32::from(all.iter().any(|it| it.change == Change::Slower));
        }
        // Each of forty alarms with a probability of at most 5 %: eight or more do with one of 0.1 %.
        assert!(alarms < 8, "{alarms}");
    }

    /// Thirty values in one state of the machine and thirty in another are two pieces of evidence, not
    /// sixty.
    #[test]
    fn states_of_the_machine_that_last_do_not_alarm_and_a_change_beyond_them_does() {
        // Twice as long for about 20 values in a row, half of the time.
        let states = |seed: u64, factor: f64| -> Vec<f64> {
            let state =
                |at: u64| Seed(seed).named("state").numbered(at / 20).draws().standard_normal();
            let slow = |at: u64| if state(at) > 0.0 { 2.0 } else { 1.0 };
            let times = times(seed, 60, factor);
            times.iter().zip(0..).map(|(time, at)| time * slow(at)).collect()
        };
        let runs = 100_u64;
        let count = |factor| {
            let slower = |run: &u64| {
                change(&states(2 * run, 1.0), &states(2 * run + 1, factor)) == Change::Slower
            };
            (0..runs).filter(slower).count()
        };
        // Without groups the same values alarm in more than a third of the runs.
        let alarms = count(1.0);
        assert!(alarms <= 12, "{alarms} alarms of {runs}");
        assert!(count(8.0) > 50, "a change beyond all states is found");
    }

    /// What takes steady times is measured for a moment, what scatters for seconds.
    #[test]
    fn a_large_change_is_found_though_one_side_has_many_alike_values_and_the_other_few() {
        let states = |seed: u64, n: u64, factor: f64| -> Vec<f64> {
            let state = |at: u64| Seed(seed).named("state").numbered(at / 50).draws();
            let slow = |at: u64| (0.3 * state(at).standard_normal()).exp();
            times(seed, n, factor).iter().zip(0..).map(|(time, at)| time * slow(at)).collect()
        };
        for run in 0..50 {
            let (base, new) = (states(2 * run, 450, 1.0), states(2 * run + 1, 50, 10.0));
            assert_eq!(change(&base, &new), Change::Slower, "{run}");
            let (base, new) = (states(2 * run, 50, 10.0), states(2 * run + 1, 450, 1.0));
            assert_eq!(change(&base, &new), Change::Faster, "{run}");
        }
        let (base, new) = (states(0, 450, 1.0), times(1, 50, 10.0));
        let text = compare(&[Pair::new("checkout", &base, &new)])[0].to_string();
        assert!(text.contains("(n = 50 in groups of 8 and 450 in groups of "), "{text}");
        assert!(text.contains(", as neighbours are alike, p = "), "{text}");
    }

    #[test]
    fn the_text_says_what_by_how_much_and_on_what_evidence() {
        let base = times(1, 60, 1.0);
        let new: Vec<f64> = base.iter().map(|time| time * 2.0).collect();
        let text = compare(&[Pair::new("checkout", &base, &new)])[0].to_string();
        assert!(text.starts_with("checkout takes 2.00 times as long (1."), "{text}");
        assert!(text.contains("(n = 60 and 60, p = "), "{text}");
        assert!(compare(&[Pair::new("none", &[], &new)]).is_empty());
    }
}
