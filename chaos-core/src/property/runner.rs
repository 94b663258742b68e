//! Running one case: in a context of its own, to its end, and what it came to.

use std::any::Any;
use std::cell::Cell;
use std::fmt::Debug;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use parking_lot::Mutex;

use super::case::Case;
use super::failure::CaseFailure;
use super::plan::{Plan, Told};
use crate::chaos::Chaos;
use crate::duration::Display;
use crate::error::{Error, TestError};
use crate::event::{CaseAnswer, CasePurpose, EventKind};
use crate::seed::Seed;

/// How long faults of a case that are being undone are waited for.
const UNDOING: Duration = Duration::from_secs(5);

/// What a run of a case came to.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) answer: Answer,
    pub(super) told: Told,
}

#[derive(Debug)]
pub(super) enum Answer {
    Passed,
    /// It passed, and no fault touched anything.
    Vacuous,
    Failed(CaseFailure),
    /// It could not be tried: something is missing, or could not be set up.
    Impossible(TestError),
}

impl Ran {
    pub(super) fn failure(&self) -> Option<&CaseFailure> {
        match &self.answer {
            Answer::Failed(failure) => Some(failure),
            _ => None,
        }
    }
}

/// How the test ended.
enum Ending {
    Returned(Result<(), TestError>),
    Panicked(Box<dyn Any + Send>),
    Late,
}

/// Which case it is that is run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbered {
    /// Counted from 1; 0 for one that is kept in a file.
    pub(super) number: u32,
    /// What its draws derive from, so that the same case draws the same in every run.
    pub(super) seed: Seed,
}

/// Runs cases of one property.
#[derive(Debug)]
pub(super) struct Runner<'a, B> {
    pub(super) cx: &'a Chaos,
    pub(super) body: &'a B,
    /// How long a case may take.
    pub(super) timeout: Cell<Duration>,
}

impl<B> Runner<'_, B> {
    /// Runs the case once, and tells the journal of it.
    pub(super) async fn run<Op, E>(
        &self,
        case: &Case<Op>,
        numbered: Numbered,
        purpose: CasePurpose,
    ) -> Ran
    where
        Op: Clone + Debug,
        E: Into<TestError>,
        B: AsyncFn(Chaos, Plan<Op>) -> Result<(), E>,
    {
        let journal = self.cx.scope().journal();
        let number = u64::from(numbered.number);
        journal.record(EventKind::CaseStarted {
            case: number,
            purpose,
            operations: case.steps.len() as u64,
            faults: case.faults.iter().map(ToString::to_string).collect(),
        });
        let ran = self.run_in_silence(case, numbered).await;
        let (answer, failure) = match &ran.answer {
            Answer::Passed => (CaseAnswer::Passed, None),
            Answer::Vacuous => (CaseAnswer::Vacuous, None),
            Answer::Failed(failure) => (CaseAnswer::Failed, Some(failure.message.clone())),
            Answer::Impossible(error) => (CaseAnswer::Failed, Some(error.to_string())),
        };
        journal.record(EventKind::CaseEnded { case: number, purpose, answer, failure });
        ran
    }

    async fn run_in_silence<Op, E>(&self, case: &Case<Op>, numbered: Numbered) -> Ran
    where
        Op: Clone + Debug,
        E: Into<TestError>,
        B: AsyncFn(Chaos, Plan<Op>) -> Result<(), E>,
    {
        let scope = self.cx.scope().for_case(numbered.seed);
        scope.end_checks().keep();
        let told: Arc<Mutex<Told>> = Arc::default();
        let plan = Plan::new(Arc::new(case.clone()), scope.clone(), Arc::clone(&told));
        let running =
            (self.body)(Chaos::in_scope(scope.clone()).with_sizing(self.cx.sizing()), plan);
        let running = AssertUnwindSafe(running).catch_unwind();
        let ending = match tokio::time::timeout(self.timeout.get(), running).await {
            Ok(Ok(result)) => Ending::Returned(result.map_err(Into::into)),
            Ok(Err(payload)) => Ending::Panicked(payload),
            Err(_) => Ending::Late,
        };
        scope.await_undone(UNDOING);
        let left = scope.end_checks().finish().await;
        let idle: Vec<String> = scope.faults().iter().filter_map(|fault| fault.vacuity()).collect();
        let told = std::mem::take(&mut *told.lock());

        let failed =
            |kind: &str, message: String| Answer::Failed(CaseFailure::of_kind(kind, message));
        let answer = match ending {
            Ending::Returned(Err(error)) if is_skip(&error) || !told.ran => {
                Answer::Impossible(error)
            }
            Ending::Returned(Err(error)) => Answer::Failed(CaseFailure::of_error(&error)),
            Ending::Panicked(payload) => Answer::Failed(CaseFailure::of_panic(payload.as_ref())),
            Ending::Late => {
                let timeout = Display(self.timeout.get());
                failed(TIMED_OUT, format!("still running after {timeout}"))
            }
            Ending::Returned(Ok(())) if !left.is_empty() => {
                let kinds: Vec<_> = left.left.iter().map(|it| it.what.to_string()).collect();
                failed(
                    &format!("left behind: {}", kinds.join(", ")),
                    format!("left behind: {left}"),
                )
            }
            Ending::Returned(Ok(())) if !idle.is_empty() => failed("vacuous", idle.join("\n")),
            Ending::Returned(Ok(())) if !case.faults.is_empty() && !told.fired() => Answer::Vacuous,
            Ending::Returned(Ok(())) => Answer::Passed,
        };
        Ran { answer, told }
    }
}

/// The signature of a case that did not end in time.
pub(super) const TIMED_OUT: &str = "timed out";

/// Whether the error says that the test has to be skipped.
fn is_skip(error: &TestError) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error.as_ref());
    while let Some(error) = source {
        if let Some(Error::Unavailable { .. }) = error.downcast_ref() {
            return true;
        }
        source = error.source();
    }
    false
}
