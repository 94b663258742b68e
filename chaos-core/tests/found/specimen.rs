//! What a specimen is, and how it is shown.

use chaos_core::error::with_sources;
use chaos_core::journal::Journal;
use chaos_core::prelude::*;
use chaos_core::seed::Seed;
use deadpool_postgres::Pool;

use crate::arena::Stage;

/// How many trials the right implementation has to pass.
const TRIALS: u32 = 100;

/// How many runs of it may prove nothing: whether operations overlap is the scheduler's affair. Such a run is no
/// trial, and is made again.
const IDLE: u32 = 3;

/// What is wrong, and what finds it.
pub(crate) struct Case {
    /// What is wrong.
    pub(crate) bug: &'static str,
    /// What finds it.
    pub(crate) found_by: &'static str,
    /// In how many runs it is found at the latest.
    pub(crate) within: u32,
    /// What is said of it.
    pub(crate) says: &'static str,
}

/// One implementation or the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    Wrong,
    Right,
}

impl Version {
    pub(crate) fn is_wrong(self) -> bool {
        self == Self::Wrong
    }
}

/// A service in two versions, and a test of it.
pub(crate) trait Specimen: Sized {
    const CASE: Case;

    async fn set_up(cx: Chaos, version: Version) -> TestResult<Self>;

    /// One run of the test, from a clean state. An error is a finding.
    async fn run(&self) -> TestResult;

    /// How many trials the last run was: an exploration is one for each of its points.
    fn trials(&self) -> u32 {
        1
    }
}

/// A pool of one connection to a database with these tables.
pub(crate) async fn pool_with(pg: &Postgres, schema: &str) -> TestResult<Pool> {
    let pool = pg.pool(1)?;
    pool.get().await?.batch_execute(schema).await?;
    Ok(pool)
}

/// Runs the wrong version until it is found out, and the right one until it has passed a hundred trials.
pub(crate) async fn exhibit<S: Specimen>(stage: &Stage) -> TestResult {
    let runs = find::<S>(stage.cx.clone()).await?;
    stage.say(runs);
    let right = S::set_up(Chaos::new(Seed(2), Journal::in_memory()), Version::Right).await?;
    let (mut runs, mut trials, mut idle) = (0, 0, 0);
    while trials < TRIALS {
        runs += 1;
        if let Err(error) = right.run().await {
            let says = with_sources(&*error);
            if says.contains("was not put to the test") && idle < IDLE {
                idle += 1;
                continue;
            }
            return Err(format!("a false alarm in run {runs} of the right version: {says}").into());
        }
        trials += right.trials();
    }
    Ok(())
}

/// Says in which run the wrong version was found out.
pub(crate) async fn find<S: Specimen>(cx: Chaos) -> TestResult<u32> {
    let Case { bug, within, says, .. } = S::CASE;
    let wrong = S::set_up(cx, Version::Wrong).await?;
    for run in 1..=within {
        let Err(error) = wrong.run().await else { continue };
        let text = with_sources(&*error);
        if text.contains(says) {
            return Ok(run);
        }
        return Err(format!("`{bug}` failed otherwise than by {says:?}: {text}").into());
    }
    Err(format!("`{bug}` was not found in {within} runs").into())
}
