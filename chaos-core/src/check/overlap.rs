//! Which operations run beside others.

use crate::history::Operation;

/// Operations by when they run, so that it takes little to ask whether another one meets any.
#[derive(Debug, Default)]
pub(super) struct Overlap {
    /// For each, in the order of invocations: its invocation, and the latest end of all until it.
    ends: Vec<(u64, u64)>,
}

impl Overlap {
    /// Of those of `operations` that may have happened. They are in the order of their invocations.
    pub(super) fn of<'a, 'h: 'a>(operations: impl Iterator<Item = &'a Operation<'h>>) -> Self {
        let mut latest = 0;
        let ends = operations.filter(|operation| operation.may_have_happened()).map(|operation| {
            latest = latest.max(operation.settled().unwrap_or(u64::MAX));
            (operation.invoked, latest)
        });
        Self { ends: ends.collect() }
    }

    /// Whether any of them runs beside this operation, which is none of them.
    pub(super) fn meets(&self, operation: &Operation<'_>) -> bool {
        let settled = operation.settled().unwrap_or(u64::MAX);
        let begun = self.ends.partition_point(|(invoked, _)| *invoked < settled);
        begun > 0 && self.ends[begun - 1].1 > operation.invoked
    }

    /// Whether any two of them run beside each other.
    pub(super) fn is_any(&self) -> bool {
        self.ends.windows(2).any(|pair| pair[0].1 > pair[1].0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::invariants::testing::history;
    use super::*;

    #[test]
    fn it_says_what_comparing_all_of_them_says() {
        let history = history(
            "0 < a\n1 < b\n0 ok\n1 fail\n0 < a\n2 < b\n0 ok\n0 < a\n0 ok\n2 ok\n3 < a\n3 info\n4 < b\n4 ok",
        );
        let operations = history.operations().unwrap();
        let of = |f: &'static str| operations.iter().filter(move |one| one.f == f);
        let overlap = Overlap::of(of("a"));
        for b in of("b") {
            let met = of("a").any(|a| a.may_have_happened() && a.overlaps(b));
            assert_eq!(overlap.meets(b), met, "{b:?}");
        }
        assert!(!overlap.is_any() && !Overlap::of(of("b")).is_any());
        assert!(Overlap::of(operations.iter()).is_any());
    }
}
