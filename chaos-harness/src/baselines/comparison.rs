//! What was measured beside what the file has.

use chaos_core::baseline::{Pair, compare_at};
use chaos_core::machine::Machine;

use super::conclusion::BaselineCompared;
use super::criteria::Criteria;
use super::store::Metric;

/// The comparisons of what both have, in the order of what was measured, and the names of what the
/// file does not have.
pub(super) fn compare_all(
    stored: &[Metric],
    measured: &[Metric],
    criteria: &Criteria,
) -> (Vec<BaselineCompared>, Vec<String>) {
    let mut unknown = Vec::new();
    let mut both = Vec::new();
    for new in measured {
        match stored.iter().find(|stored| stored.is_of(new)) {
            Some(stored) => both.push((new, new.full_name(), stored.seconds(), new.seconds())),
            None => unknown.push(new.full_name()),
        }
    }
    let pairs: Vec<Pair<'_>> = both
        .iter()
        .map(|(metric, name, base, new)| {
            Pair::new(name, base, new).least_effect(criteria.effect(&metric.name, name))
        })
        .collect();
    let compared = compare_at(criteria.alpha(), &pairs);
    let of_metric = |name: &str| both.iter().find(|(_, full_name, ..)| full_name == name);
    let compared = compared.iter().filter_map(|comparison| {
        let (metric, ..) = of_metric(&comparison.name)?;
        Some(BaselineCompared::new(metric, comparison))
    });
    (compared.collect(), unknown)
}

/// What is different about the machine and forbids no comparison, but may explain one.
pub(super) fn state_remarks(base: &Machine, here: &Machine) -> Vec<String> {
    let mut remarks = Vec::new();
    if let (Some(base), Some(here)) = (&base.kernel, &here.kernel) {
        if base != here {
            remarks.push(format!("the kernel is {here}, and was {base} for the baselines"));
        }
    }
    let busy = |machine: &Machine| machine.load_average.filter(|load| load[0] > machine.cores);
    for (machine, when) in [(base, "the baselines were measured"), (here, "this run began")] {
        if let Some([load, ..]) = busy(machine) {
            let cores = machine.cores;
            remarks.push(format!("when {when} the load average was {load:.1} on {cores} cores"));
        }
    }
    remarks
}
