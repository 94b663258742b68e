//! Who waits for whom, as the server sees it.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;

use super::error::InterleavingError;

/// Who waits for whom at one moment.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// For each process that waits: whom it waits for, and whether that one only sits there.
    blockers: BTreeMap<i32, BTreeMap<i32, bool>>,
}

impl Waits {
    /// Asks the server about these processes.
    pub(super) async fn among(
        admin: &Client,
        processes: impl Iterator<Item = i32>,
    ) -> Result<Self, InterleavingError> {
        let processes: Vec<i32> = processes.collect();
        // A transaction that was prepared holds locks too, and has no process: 0.
        let rows = admin
            .query(
                "SELECT w.pid, b.pid, b.pid = 0 OR coalesce(o.state LIKE 'idle%', false)
                   FROM unnest($1::int[]) AS w(pid)
                  CROSS JOIN LATERAL (SELECT unnest(pg_blocking_pids(w.pid)) UNION
                                      SELECT unnest(pg_safe_snapshot_blocking_pids(w.pid))) AS b(pid)
                   LEFT JOIN pg_stat_activity o ON o.pid = b.pid",
                &[&processes],
            )
            .await
            .map_err(InterleavingError::sql("ask who waits for whom"))?;
        let mut waits = Self::default();
        for row in rows {
            waits.blockers.entry(row.get(0)).or_default().insert(row.get(1), row.get(2));
        }
        Ok(waits)
    }

    /// Whom a process waits for.
    pub(super) fn of(&self, process: i32) -> impl Iterator<Item = i32> {
        self.blockers.get(&process).into_iter().flat_map(|blockers| blockers.keys().copied())
    }

    /// Whether a process waits, directly or not, for one that has nothing to do and so releases
    /// nothing. One that waits in a circle is not at rest: the server will end that.
    pub(super) fn is_at_rest(&self, process: i32, is_busy: impl Fn(i32) -> bool) -> bool {
        let (mut seen, mut next) = (BTreeSet::from([process]), vec![process]);
        while let Some(waiter) = next.pop() {
            for (&blocker, &sits_there) in self.blockers.get(&waiter).into_iter().flatten() {
                if sits_there && !is_busy(blocker) {
                    return true;
                }
                if seen.insert(blocker) {
                    next.push(blocker);
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(edges: &[(i32, i32, bool)]) -> Waits {
        let mut waits = Waits::default();
        for &(waiter, blocker, sits) in edges {
            waits.blockers.entry(waiter).or_default().insert(blocker, sits);
        }
        waits
    }

    #[test]
    fn rest_is_waiting_for_somebody_who_has_nothing_to_do() {
        let nobody = |_| false;
        assert!(!waits(&[]).is_at_rest(1, nobody));
        assert!(waits(&[(1, 2, true)]).is_at_rest(1, nobody));
        assert!(waits(&[(1, 2, false), (2, 3, true)]).is_at_rest(1, nobody));
        // Who has just begun a step may not have reached the server yet.
        assert!(!waits(&[(1, 2, true)]).is_at_rest(1, |process| process == 2));
        // A deadlock is not rest, unless somebody else is in the way too.
        let circle = [(1, 2, false), (2, 1, false)];
        assert!(!waits(&circle).is_at_rest(1, nobody));
        assert!(!waits(&[(1, 2, false)]).is_at_rest(1, nobody), "an active one will end");
    }
}
