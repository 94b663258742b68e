//! Where in a test's history its failure rate changed.
//!
//! A history is taken for a sequence of segments of one rate each. Before every attempt a new segment
//! begins with the probability [`CHANGE`]; the rate of a segment is drawn from a Beta(0.05, 0.5), which
//! says that most segments hardly fail at all or fail nearly always. With `k` failures among `n`
//! attempts in a given order, a segment has the marginal likelihood
//!
//! ```text
//! B(0.05 + k, 0.5 + n - k) / B(0.05, 0.5)
//! ```
//!
//! Of all segmentations the most probable one is taken. It is found exactly, by the dynamic programme of
//! Jackson and others, "An algorithm for optimal partitioning of data on an interval", IEEE Signal
//! Processing Letters 12 (2005). The prior is that of LUCI Analysis, which judges Chromium's tests; it
//! splits greedily instead and so cannot see an outage that begins and ends.
//!
//! Only places where a pass and a failure meet need to be looked at: another pass makes the next one
//! likelier, so the likelihood of two neighbouring segments is convex in where the passes (or the
//! failures) between them are divided, and largest at one of the ends.

/// The prior probability that the rate changes just before an attempt.
///
/// Calibrated with `cargo run --release -p chaos-benches --bin flakiness`; the figures are in
/// `docs/flakiness.md`.
pub(super) const CHANGE: f64 = 1e-3;

const PRIOR_FAILURES: f64 = 0.05;
const PRIOR_PASSES: f64 = 0.5;

/// Finds change points; what it has computed for one history serves the next.
#[derive(Debug, Default, Clone)]
pub(super) struct ChangePoints {
    failures: RisingFactorial,
    passes: RisingFactorial,
    all: RisingFactorial,
}

impl ChangePoints {
    /// Where the segments of the history begin, in ascending order; the first is 0.
    pub(super) fn starts(&mut self, failed: &[bool]) -> Vec<usize> {
        self.failures.extend(PRIOR_FAILURES, failed.len());
        self.passes.extend(PRIOR_PASSES, failed.len());
        self.all.extend(PRIOR_FAILURES + PRIOR_PASSES, failed.len());
        let places = borders(failed);
        let price = (CHANGE / (1.0 - CHANGE)).ln();
        // The best segmentation of what lies before each place, and where its last segment begins.
        let mut best: Vec<(f64, usize)> = vec![(-price, 0)];
        for (end, &(to, failures_to)) in places.iter().enumerate().skip(1) {
            let candidates = places[..end].iter().zip(&best).enumerate().map(
                |(begin, (&(from, failures_from), &(score, _)))| {
                    let likelihood = self.ln_likelihood(to - from, failures_to - failures_from);
                    (score + price + likelihood, begin)
                },
            );
            best.extend(candidates.max_by(|one, other| one.0.total_cmp(&other.0)));
        }
        let mut starts = Vec::new();
        let mut end = places.len() - 1;
        while end > 0 {
            end = best[end].1;
            starts.push(places[end].0);
        }
        starts.reverse();
        // After a thousand passes a single failure is likelier to begin something new than to be chance;
        // but one attempt is no segment yet, and the next one tells.
        if starts.len() > 1 && starts.last() == Some(&(failed.len() - 1)) {
            starts.pop();
        }
        starts
    }

    /// The logarithm of the probability of one given order of `failures` failures in `attempts`.
    fn ln_likelihood(&self, attempts: usize, failures: usize) -> f64 {
        self.failures.ln[failures] + self.passes.ln[attempts - failures] - self.all.ln[attempts]
    }
}

/// The places between attempts of different outcome, and both ends, each with the number of failures
/// before it.
fn borders(failed: &[bool]) -> Vec<(usize, usize)> {
    let mut places = vec![(0, 0)];
    let mut failures = 0;
    for (place, failure) in failed.iter().enumerate() {
        if place > 0 && failed[place - 1] != *failure {
            places.push((place, failures));
        }
        failures += usize::from(*failure);
    }
    if !failed.is_empty() {
        places.push((failed.len(), failures));
    }
    places
}

/// `ln(x (x + 1) ... (x + n - 1))`, which is `ln Γ(x + n) - ln Γ(x)`, for `n` from 0.
#[derive(Debug, Clone)]
struct RisingFactorial {
    ln: Vec<f64>,
}

impl Default for RisingFactorial {
    fn default() -> Self {
        Self { ln: vec![0.0] }
    }
}

impl RisingFactorial {
    fn extend(&mut self, x: f64, most: usize) {
        while self.ln.len() <= most {
            let n = self.ln.len() - 1;
            #[expect(clippy::cast_precision_loss, reason = "counts of attempts stay below 2^53")]
            self.ln.push(self.ln[n] + (x + n as f64).ln());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(segments: &[(usize, bool)]) -> Vec<bool> {
        segments.iter().flat_map(|(length, failed)| vec![*failed; *length]).collect()
    }

    fn starts(failed: &[bool]) -> Vec<usize> {
        ChangePoints::default().starts(failed)
    }

    #[test]
    fn the_likelihood_is_that_of_a_beta_binomial_in_one_order() {
        let mut points = ChangePoints::default();
        points.starts(&[false; 1_000]);
        // scipy.special.betaln(0.05 + k, 0.5 + n - k) - scipy.special.betaln(0.05, 0.5)
        for (attempts, failures, expected) in [
            (1, 0, -0.095_310_179_804_324_77),
            (1, 1, -2.397_895_272_798_370_7),
            (30, 3, -12.540_020_581_476_485),
            (118, 11, -40.025_775_987_787_49),
            (1_000, 350, -652.570_224_951_758_7),
        ] {
            let found = points.ln_likelihood(attempts, failures);
            assert!((found - expected).abs() < 1e-9, "{failures} of {attempts}: {found}");
        }
    }

    #[test]
    fn a_history_of_one_rate_is_one_segment() {
        assert_eq!(starts(&[]), [0; 0]);
        assert_eq!(starts(&[true]), [0]);
        assert_eq!(starts(&[false; 500]), [0]);
        assert_eq!(starts(&[true; 500]), [0]);
        let every_tenth: Vec<bool> = (0..300).map(|run| run % 10 == 3).collect();
        assert_eq!(starts(&every_tenth), [0]);
        assert_eq!(starts(&history(&[(60, false), (1, true), (60, false)])), [0]);
    }

    #[test]
    fn one_failure_after_many_passes_is_no_segment_and_two_are() {
        assert_eq!(starts(&history(&[(999, false), (1, true)])), [0]);
        assert_eq!(starts(&history(&[(998, false), (1, true), (1, false)])), [0]);
        assert_eq!(starts(&history(&[(998, false), (2, true)])), [0, 998]);
    }

    #[test]
    fn a_change_is_found_where_it_was() {
        assert_eq!(starts(&history(&[(100, false), (4, true)])), [0, 100]);
        assert_eq!(starts(&history(&[(40, true), (60, false)])), [0, 40]);
    }

    #[test]
    fn an_outage_that_began_and_ended_is_a_segment_of_its_own() {
        let failed = history(&[(100, false), (10, true), (100, false)]);
        assert_eq!(starts(&failed), [0, 100, 110]);
    }

    #[test]
    fn no_segmentation_is_more_probable_than_the_one_found() {
        // All segmentations of short histories, those between equal outcomes included.
        const LENGTH: usize = 11;
        let price = (CHANGE / (1.0 - CHANGE)).ln();
        let mut points = ChangePoints::default();
        for bits in 0_u32..1 << LENGTH {
            let failed: Vec<bool> = (0..LENGTH).map(|place| bits & (1 << place) != 0).collect();
            let found = points.starts(&failed);
            let score = |starts: &[usize]| -> f64 {
                let ends = starts.iter().skip(1).copied().chain([LENGTH]);
                let segments = starts.iter().zip(ends).map(|(&from, to)| {
                    let failures = failed[from..to].iter().filter(|failed| **failed).count();
                    points.ln_likelihood(to - from, failures) + price
                });
                segments.sum()
            };
            let best = score(&found);
            for cuts in 0_u32..1 << (LENGTH - 1) {
                let cut = |place: &usize| cuts & (1 << (place - 1)) != 0;
                let starts: Vec<usize> =
                    std::iter::once(0).chain((1..LENGTH).filter(cut)).collect();
                assert!(score(&starts) <= best + 1e-9, "{failed:?}: {starts:?} over {found:?}");
            }
        }
    }
}
