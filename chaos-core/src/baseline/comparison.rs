//! Whether something takes longer than it did.
//!
//! Both are needed: that the values tend to be larger (Mann and Whitney's test, corrected by Holm's
//! method for the number of comparisons), and that the medians differ by enough to matter. Durations
//! are skewed and have outliers, so means lie: in a simulation of recovery times without any change a
//! bound of 10 % on the ratio of means alarmed in a third of the comparisons.

use std::fmt;

use crate::stats::{MannWhitney, holm, median};

/// How many times as large a median has to be to matter.
pub const LEAST_EFFECT: f64 = 1.1;

/// The probability with which any of the comparisons made together may be wrong.
pub const LEVEL: f64 = 0.05;

/// What is to be compared.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// What was measured.
    pub name: &'a str,
    /// The stored values, in seconds.
    pub base: &'a [f64],
    /// The new values, in seconds.
    pub new: &'a [f64],
}

/// What a comparison came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// It takes longer, and by enough to matter.
    Slower,
    /// It takes less time, and by enough to matter.
    Faster,
    /// No difference was shown.
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
    /// How many stored and how many new values.
    pub n: (usize, usize),
    /// The stored and the new median, in seconds.
    pub medians: (f64, f64),
    /// How likely values are that are so much larger (or smaller, when it is faster) if nothing had
    /// changed, corrected for the number of comparisons.
    pub p_value: f64,
    /// How many comparisons were made together.
    pub comparisons: usize,
}

impl Comparison {
    /// How many times as large the new median is.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.medians.1 / self.medians.0
    }
}

/// Compares several things at once. A pair without values on one side is left out.
#[must_use]
pub fn compare(pairs: &[Pair<'_>]) -> Vec<Comparison> {
    let medians = |pair: &Pair<'_>| Some((median(pair.base)?, median(pair.new)?));
    let pairs: Vec<_> = pairs.iter().filter_map(|pair| Some((pair, medians(pair)?))).collect();
    let p = |test: Option<MannWhitney>| test.map_or(1.0, |test| test.p_value);
    let slower: Vec<f64> =
        pairs.iter().map(|(pair, _)| p(MannWhitney::larger(pair.new, pair.base))).collect();
    let faster: Vec<f64> =
        pairs.iter().map(|(pair, _)| p(MannWhitney::larger(pair.base, pair.new))).collect();
    let comparisons = pairs.len();
    let judged = pairs.iter().zip(holm(&slower)).zip(holm(&faster));
    judged
        .map(|(((pair, medians), slower), faster)| {
            let ratio = medians.1 / medians.0;
            let (change, p_value) = if slower < LEVEL && ratio > LEAST_EFFECT {
                (Change::Slower, slower)
            } else if faster < LEVEL && ratio < 1.0 / LEAST_EFFECT {
                (Change::Faster, faster)
            } else {
                (Change::None, slower.min(faster))
            };
            let n = (pair.base.len(), pair.new.len());
            let name = pair.name.to_owned();
            Comparison { name, change, n, medians: *medians, p_value, comparisons }
        })
        .collect()
}

/// `checkout takes 1.31 times as long: 1.2ms, and 920us before (n = 60 and 60, p = 0.0003 of 12)`.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |seconds: f64| {
            let time = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
            crate::duration::Display(crate::duration::rounded(time)).to_string()
        };
        let (before, now) = (time(self.medians.0), time(self.medians.1));
        let what = match self.change {
            Change::Slower | Change::Faster => format!("takes {:.2} times as long", self.ratio()),
            Change::None => "shows no change".to_owned(),
        };
        write!(
            f,
            "{} {what}: median {now}, {before} in the baseline (n = {} and {}, p = {:.2e}",
            self.name, self.n.1, self.n.0, self.p_value
        )?;
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
        compare(&[Pair { name: "checkout", base, new }])[0].change
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
                samples.iter().map(|(base, new)| Pair { name: "same", base, new }).collect();
            let all = compare(&pairs);
            alarms += u32::from(all.iter().any(|it| it.change == Change::Slower));
        }
        // Each of forty alarms with a probability of at most 5 %: eight or more do with one of 0.1 %.
        assert!(alarms < 8, "{alarms}");
    }

    #[test]
    fn the_text_says_what_by_how_much_and_on_what_evidence() {
        let base = times(1, 60, 1.0);
        let new: Vec<f64> = base.iter().map(|time| time * 2.0).collect();
        let text = compare(&[Pair { name: "checkout", base: &base, new: &new }])[0].to_string();
        assert!(text.starts_with("checkout takes 2.00 times as long: median "), "{text}");
        assert!(text.contains("(n = 60 and 60, p = "), "{text}");
        assert!(compare(&[Pair { name: "none", base: &[], new: &new }]).is_empty());
    }
}
