//! Values that can be taken for independent.
//!
//! Where a state of the machine lasts longer than the time between two values, neighbours are alike, and
//! a hundred of them say as much as a few would. The remedy is that of batch means: groups of
//! neighbours stand for one value each, and are made larger until the groups are no longer alike
//! (G. S. Fishman, "Grouping Observations in Digital Simulation", Management Science 24 (1978)). What
//! stands for a group is its median here, as it is medians that are compared.

use crate::stats::{SerialDependence, median};

/// With which probability neighbours of random order are taken for alike, which costs no more than half
/// of the values.
const LEVEL: f64 = 0.05;

/// The values of both sides in groups of one size, and how many values are in a group.
#[derive(Debug, PartialEq)]
pub(super) struct Grouped {
    pub(super) base: Vec<f64>,
    pub(super) new: Vec<f64>,
    pub(super) size: usize,
}

impl Grouped {
    /// Groups of as many values as it takes on both sides: medians of many values scatter less than
    /// those of few, and only what scatters alike can be compared.
    pub(super) fn of(base: &[f64], new: &[f64]) -> Self {
        let mut size = 1;
        loop {
            let grouped = Self { base: in_groups(base, size), new: in_groups(new, size), size };
            if !(is_dependent(&grouped.base) || is_dependent(&grouped.new)) {
                return grouped;
            }
            size *= 2;
        }
    }
}

/// Fewer than ten values are not called so, so that groups do not grow without end.
fn is_dependent(values: &[f64]) -> bool {
    SerialDependence::positive(values).is_some_and(|test| test.p_value < LEVEL)
}

/// The medians of neighbours. What is left over at the end is in the last group.
fn in_groups(values: &[f64], size: usize) -> Vec<f64> {
    let groups = (values.len() / size).max(1);
    let group = |at: usize| {
        let end = if at + 1 == groups { values.len() } else { (at + 1) * size };
        median(&values[at * size..end]).expect("a group has a value")
    };
    (0..groups).map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    /// About 1, or about twice that for `lasting` values in a row, as a placement of threads lasts.
    fn in_states(seed: u64, n: usize, lasting: usize) -> Vec<f64> {
        let seed = Seed(seed);
        let value = |at: usize| {
            let state = seed.named("state").numbered((at / lasting) as u64).draws();
            let noise = seed.named("noise").numbered(at as u64).draws();
            let (mut state, mut noise) = (state, noise);
            let slow = if state.standard_normal() > 0.0 { 2.0 } else { 1.0 };
            slow * (0.05 * noise.standard_normal()).exp()
        };
        (0..n).map(value).collect()
    }

    #[test]
    fn independent_values_stay_as_they_are_and_alike_neighbours_become_one() {
        let kept = (0..100).filter(|run| {
            let (base, new) = (in_states(2 * run, 60, 1), in_states(2 * run + 1, 60, 1));
            Grouped::of(&base, &new).size == 1
        });
        let kept = kept.count();
        // Two sides with 5 % each: fewer than 80 of 100 have a probability below 0.1 %.
        assert!(kept >= 80, "{kept}");
        // Eight states of sixteen values: unless chance made nearly all of them the same.
        let grouped = (0..20).filter(|run| {
            Grouped::of(&in_states(*run, 128, 16), &in_states(run + 100, 60, 1)).size >= 4
        });
        let grouped = grouped.count();
        assert!(grouped >= 16, "{grouped}");
    }

    #[test]
    fn a_group_is_its_median_and_nothing_is_left_over() {
        assert_eq!(in_groups(&[1.0, 3.0, 2.0, 9.0, 9.0, 4.0, 5.0], 3), [2.0, 7.0]);
        assert_eq!(in_groups(&[1.0, 3.0], 8), [2.0]);
    }
}
