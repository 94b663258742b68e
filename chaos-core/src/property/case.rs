//! One case: operations, and the faults that come while they are carried out. Plain data.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration;
use crate::fault::Fault;

/// Operations, and the faults that come while they are carried out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Case<Op> {
    /// The operations. Those of a worker are carried out one after another, in this order.
    pub(super) steps: Vec<Step<Op>>,
    pub(super) faults: Vec<CaseFault>,
    /// How many connections a pool is to have.
    pub(super) pool_size: usize,
}

/// An operation, and who carries it out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step<Op> {
    /// Which worker, counted from 0.
    pub(super) worker: u32,
    pub(super) operation: Op,
}

/// A fault, and when it comes and goes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CaseFault {
    /// The place of the operation with whose beginning it is injected, counted from 0.
    pub(super) during: usize,
    /// How much later it is injected: 0 where it waits for a message.
    pub(super) after: Duration,
    /// When it ends.
    pub(super) until: Until,
    pub(super) fault: Fault,
}

/// When a fault of a case ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Until {
    /// With its operation.
    #[default]
    Operation,
    /// So long after it was injected, or with its operation if that ends before.
    After(#[serde(with = "duration::text")] Duration),
    /// With the last operation.
    End,
}

impl<Op> Case<Op> {
    /// How many workers there are.
    pub(super) fn workers(&self) -> usize {
        let mut workers: Vec<u32> = self.steps.iter().map(|step| step.worker).collect();
        workers.sort_unstable();
        workers.dedup();
        workers.len()
    }

    /// The faults that come with the operation at this place, each with its own place.
    pub(super) fn during(&self, step: usize) -> impl Iterator<Item = (usize, &CaseFault)> {
        self.faults.iter().enumerate().filter(move |(_, fault)| fault.during == step)
    }
}

impl<Op: Clone> Case<Op> {
    /// The same with no other operations than those at these places, in order. Faults of the others
    /// are gone with them.
    pub(super) fn with_steps(&self, kept: &[usize]) -> Self {
        let faults = self.faults.iter().filter_map(|fault| {
            let during = kept.iter().position(|place| *place == fault.during)?;
            Some(CaseFault { during, ..fault.clone() })
        });
        Self {
            steps: kept.iter().map(|place| self.steps[*place].clone()).collect(),
            faults: faults.collect(),
            pool_size: self.pool_size,
        }
    }

    /// The same with no other faults than those at these places.
    pub(super) fn with_faults(&self, kept: &[usize]) -> Self {
        let faults = kept.iter().map(|place| self.faults[*place].clone()).collect();
        Self { faults, ..self.clone() }
    }

    /// The same with one worker, who carries out everything in the order of the list.
    pub(super) fn by_one_worker(&self) -> Self {
        let mut case = self.clone();
        case.steps.iter_mut().for_each(|step| step.worker = 0);
        case
    }
}

/// `reset at answer COMMIT`, or `cut, 3ms after its beginning`.
impl std::fmt::Display for CaseFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.fault.fmt(f)?;
        if !self.after.is_zero() {
            write!(f, ", {} after its beginning", duration::Display(self.after))?;
        }
        match self.until {
            Until::Operation => Ok(()),
            Until::After(time) => write!(f, ", for {}", duration::Display(time)),
            Until::End => f.write_str(", to the end"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::cut;

    fn fault(during: usize) -> CaseFault {
        let fault = cut().may_be_idle().into();
        CaseFault { during, after: Duration::ZERO, until: Until::default(), fault }
    }

    #[test]
    fn a_fault_stays_with_its_operation() {
        let steps = ["a", "b", "c", "d"];
        let steps = steps.map(|operation| Step { worker: 1, operation }).to_vec();
        let case = Case { steps, faults: vec![fault(1), fault(3)], pool_size: 1 };
        let smaller = case.with_steps(&[0, 3]);
        assert_eq!(smaller.steps.iter().map(|step| step.operation).collect::<Vec<_>>(), ["a", "d"]);
        assert_eq!(smaller.faults, [fault(1)]);
        assert_eq!(case.with_faults(&[1]).faults, [fault(3)]);
        assert_eq!((case.workers(), case.by_one_worker().steps[2].worker), (1, 0));
    }
}
