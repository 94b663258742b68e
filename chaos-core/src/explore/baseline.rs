//! The runs without faults, which say what there is to explore and what is right.

use std::collections::BTreeSet;

use super::error::ExploreError;
use super::trace::{Difference, Trace};
use super::worker::Worker;
use super::{Options, Points};
use crate::postgres::Omitted;
use crate::postgres::fingerprint::Fingerprint;

/// What runs without faults said.
#[derive(Debug)]
pub(super) struct Baseline {
    pub(super) trace: Trace,
    /// What is not compared.
    pub(super) omitted: Omitted,
}

/// Runs the scenario twice without faults, and compares the two.
pub(super) async fn baseline<'s, 'a, S>(
    mut worker: Worker<'s, 'a, S>,
    options: &Options,
    strictly: bool,
) -> Result<(Worker<'s, 'a, S>, Baseline), ExploreError> {
    let mut omitted = worker.stage().omissions(&options.omitted).await?;
    worker.judge_without(&omitted).await?;
    let (trace, first) = worker.rehearse().await?;
    let changed = worker.stage().changed_tables().await?;
    if !changed.is_empty() {
        let tables = changed.join(", ");
        let problem = format!("the operation creates or drops {tables}; do that in `setup`");
        return Err(ExploreError::Unsound { problem });
    }
    let (again, second) = worker.rehearse().await?;
    if let Some(difference) = trace.difference(&again, strictly) {
        return Err(difference.into());
    }
    let takes_messages = matches!(options.points, Points::Cut(_));
    if takes_messages && trace.messages.is_empty() {
        return Err(ExploreError::NoMessages);
    }
    if first != second {
        find_what_varies(&mut worker, &mut omitted, &first, &second).await?;
    }
    Ok((worker, Baseline { trace, omitted }))
}

/// Leaves out the columns that differ between two runs without faults, such as times.
async fn find_what_varies<S>(
    worker: &mut Worker<'_, '_, S>,
    omitted: &mut Omitted,
    first: &Fingerprint,
    second: &Fingerprint,
) -> Result<(), ExploreError> {
    let mut tables = BTreeSet::new();
    for difference in first.differences(second) {
        let rows = (difference.before.map(|it| it.rows()), difference.after.map(|it| it.rows()));
        if let (Some(before), Some(after)) = rows {
            if before != after {
                let table = difference.table;
                let problem = format!(
                    "table {table} has {before} rows after one run and {after} after another; \
                     leave it out with `without_table` if it may"
                );
                return Err(ExploreError::Unsound { problem });
            }
        }
        tables.insert(difference.table);
    }
    let before = worker.stage().digests_of(&tables, omitted).await?;
    worker.rehearse().await?;
    let after = worker.stage().digests_of(&tables, omitted).await?;
    for (column, digest) in &before {
        if after.get(column) != Some(digest) {
            let (table, column) = column;
            omitted.generated(table, column, "which differs between two runs without faults");
        }
    }
    worker.judge_without(omitted).await?;
    worker.rehearse().await?;
    Ok(())
}

impl From<Difference> for ExploreError {
    fn from(difference: Difference) -> Self {
        let Difference { at, first, second } = difference;
        let told = |message: Option<String>| message.unwrap_or_else(|| "nothing".to_owned());
        Self::Differs { place: at.to_string(), first: told(first), second: told(second) }
    }
}
