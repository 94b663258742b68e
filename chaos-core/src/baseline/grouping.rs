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

/// How many groups are left on each side at least. Of four and four the least probability is 1 in 70: too
/// much to show anything at 5 % among ten comparisons, however far apart they are. Of five and five it is
/// 1 in 252.
const LEAST_GROUPS: usize = 5;

/// The values of both sides in groups, and how many values are in a group of each.
#[derive(Debug, PartialEq)]
pub(super) struct Grouped {
    pub(super) base: Vec<f64>,
    pub(super) new: Vec<f64>,
    pub(super) base_size: usize,
    pub(super) new_size: usize,
}

impl Grouped {
    /// Groups of as many values as it takes on both sides: medians of many values scatter less than
    /// those of few, and what scatters alike is compared best. A side that has too few values for that has
    /// smaller groups, as one or two groups could never show that anything changed.
    pub(super) fn of(base: &[f64], new: &[f64]) -> Self {
        let (base_most, new_most) = (largest_group(base.len()), largest_group(new.len()));
        let mut size = 1;
        loop {
            let (base_size, new_size) = (size.min(base_most), size.min(new_most));
            let (base_groups, new_groups) = (in_groups(base, base_size), in_groups(new, new_size));
            let is_largest = size >= base_most.max(new_most);
            if is_largest || !(is_dependent(&base_groups) || is_dependent(&new_groups)) {
                return Self { base: base_groups, new: new_groups, base_size, new_size };
            }
            size *= 2;
        }
    }
}

/// The values in the smallest groups that can be taken for independent; nothing where fewer than
/// `least` are left of them.
pub(super) fn independent(values: &[f64], least: usize) -> Option<Vec<f64>> {
    let mut size = 1;
    while values.len() / size >= least {
        let groups = in_groups(values, size);
        if !is_dependent(&groups) {
            return Some(groups);
        }
        size *= 2;
    }
    None
}

/// The largest power of two of which so many values make the least number of groups.
const fn largest_group(values: usize) -> usize {
    let mut size = 1;
    while values / (2 * size) >= LEAST_GROUPS {
        size *= 2;
    }
    size
}

/// Fewer than ten values are not called so.
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
            let grouped = Grouped::of(&base, &new);
            (grouped.base_size, grouped.new_size) == (1, 1)
        });
        let kept = kept.count();
        // Two sides with 5 % each: fewer than 80 of 100 have a probability below 0.1 %.
        assert!(kept >= 80, "{kept}");
        // Eight states of sixteen values: unless chance made nearly all of them the same.
        let grouped = (0..20).filter(|run| {
            Grouped::of(&in_states(*run, 128, 16), &in_states(run + 100, 60, 1)).base_size >= 4
        });
        let grouped = grouped.count();
        assert!(grouped >= 16, "{grouped}");
    }

    #[test]
    fn a_side_with_few_values_keeps_as_many_groups_as_it_takes_to_show_anything() {
        for run in 0..50 {
            let (long, short) = (in_states(run, 450, 50), in_states(run + 100, 50, 1));
            for (base, new) in [(&long, &short), (&short, &long)] {
                let grouped = Grouped::of(base, new);
                assert!(grouped.base.len() >= LEAST_GROUPS, "{grouped:?}");
                assert!(grouped.new.len() >= LEAST_GROUPS, "{grouped:?}");
            }
        }
        let sizes = [2, 9, 10, 19, 20, 50, 80].map(largest_group);
        assert_eq!(sizes, [1, 1, 2, 2, 4, 8, 16]);
    }

    #[test]
    fn values_are_in_groups_until_they_are_independent_or_too_few_are_left() {
        let lengths = |lasting| {
            let groups = move |run| independent(&in_states(run, 640, lasting), 10);
            (0..20).map(move |run| groups(run).map(|groups| groups.len()))
        };
        let independent_already = lengths(1).filter(|it| *it == Some(640)).count();
        assert!(independent_already >= 15, "{independent_already}");
        for length in lengths(16) {
            assert!(length.is_some_and(|it| it < 640), "{length:?}");
        }
        let drift: Vec<f64> = (0..640).map(f64::from).collect();
        assert_eq!(independent(&drift, 10), None);
    }

    #[test]
    fn a_group_is_its_median_and_nothing_is_left_over() {
        assert_eq!(in_groups(&[1.0, 3.0, 2.0, 9.0, 9.0, 4.0, 5.0], 3), [2.0, 7.0]);
        assert_eq!(in_groups(&[1.0, 3.0], 8), [2.0]);
    }
}
