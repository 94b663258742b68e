//! Jobs that are put in and taken out.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Worker, Workload};
use crate::check::{CheckError, Checker, Evidence, Report, Violation};
use crate::error::{TestError, TestResult};
use crate::outcome::Outcome;

/// Jobs that are put in and taken out; made by [`queue`].
#[derive(Debug, Clone)]
pub struct Queue<P, T> {
    put: P,
    take: T,
}

/// Jobs that are put in, and taken out in any order (`None` when there is none). At the end all that are
/// left are taken out, so that every job whose `put` was acknowledged has come out, once.
///
/// A job whose `take` was not answered may be lost, unless the queue hands it out again; that a queue
/// hands it out again to somebody who did get the first answer is what is looked for.
pub fn queue<P, T, E, F>(put: P, take: T) -> Queue<P, T>
where
    P: AsyncFn(i64) -> Result<(), E>,
    T: AsyncFn() -> Result<Option<i64>, F>,
    E: Into<TestError>,
    F: Into<TestError>,
{
    Queue { put, take }
}

impl<P, T> Queue<P, T> {
    async fn take_one<F>(&self, worker: &mut Worker) -> TestResult<Option<i64>>
    where
        T: AsyncFn() -> Result<Option<i64>, F>,
        F: Into<TestError>,
    {
        worker.call("dequeue", Value::Null, (self.take)(), |job| json!(job)).await
    }
}

impl<P, T, E, F> Workload for Queue<P, T>
where
    P: AsyncFn(i64) -> Result<(), E>,
    T: AsyncFn() -> Result<Option<i64>, F>,
    E: Into<TestError>,
    F: Into<TestError>,
{
    fn name(&self) -> &str {
        "queue"
    }

    async fn operate(&self, worker: &mut Worker) -> TestResult {
        if worker.client().pick(1..=2) == 1 {
            return self.take_one(worker).await.map(drop);
        }
        let job = worker.key();
        worker.call("enqueue", json!(job), (self.put)(job), |()| json!(job)).await
    }

    async fn conclude(&self, worker: &mut Worker) -> TestResult {
        while self.take_one(worker).await?.is_some() {}
        Ok(())
    }

    fn checker(&self) -> Box<dyn Checker> {
        Box::new(EachJobOnce)
    }
}

/// Asks that every job which was put in comes out once.
struct EachJobOnce;

/// What is known of a job.
#[derive(Default)]
struct Job {
    acknowledged: bool,
    may_be_in: bool,
    /// The entries that took it out.
    taken: Vec<u64>,
}

impl Checker for EachJobOnce {
    fn name(&self) -> String {
        "every job comes out once".to_owned()
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let mut jobs: BTreeMap<String, Job> = BTreeMap::new();
        let (mut unanswered, mut taken, mut is_drained) = (0_u64, 0_u64, false);
        for operation in evidence.operations()? {
            match (operation.f, operation.outcome, operation.result) {
                ("enqueue", Outcome::Failed, _) => {}
                ("enqueue", outcome, _) => {
                    let job = jobs.entry(operation.argument.to_string()).or_default();
                    job.acknowledged |= outcome == Outcome::Ok;
                    job.may_be_in = true;
                }
                ("dequeue", Outcome::Ok, Some(Value::Null) | None) => is_drained = true,
                ("dequeue", Outcome::Ok, Some(job)) => {
                    taken += 1;
                    is_drained = false;
                    jobs.entry(job.to_string()).or_default().taken.push(operation.invoked);
                }
                ("dequeue", Outcome::Unknown, _) => unanswered += 1,
                _ => {}
            }
        }
        let mut report = Report::of(self.name());
        report.count("jobs", jobs.len() as u64);
        report.count("taken out", taken);
        let mut missing = Vec::new();
        for (name, job) in jobs {
            let complain = |what: String| {
                Violation::new(what).of_key(format!("job {name}")).at(job.taken.iter().copied())
            };
            match job.taken.len() {
                0 if job.acknowledged => missing.push(name),
                1.. if !job.may_be_in => {
                    report.violated(complain("it came out, and was never put in".to_owned()));
                }
                times @ 2.. => report.violated(complain(format!("it came out {times} times"))),
                _ => {}
            }
        }
        // Each of the answers that were lost may have had one of them.
        if missing.len() as u64 > unanswered {
            report.violated(Violation::new(format!(
                "{} jobs were put in and never came out, and {unanswered} answers were lost; the first \
                 of them is {}",
                missing.len(),
                missing[0]
            )));
        }
        if !is_drained {
            report.unknown("the queue was not emptied at the end");
        }
        if taken == 0 {
            report.vacuous("no job was taken out");
        }
        Ok(report)
    }
}
