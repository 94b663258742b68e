//! What happens in an attempt: the test, the work at its end, and the verdict.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chaos_core::duration::{Display, rounded};
use chaos_core::event::{self, Event, EventKind};
use chaos_core::journal::{self, Journal};
use chaos_core::verdict::{Failure, FailureKind, Verdict};
use chaos_core::{Chaos, TestError};

use super::assertions::with_assertions;
use super::leftovers::{left_behind, with_leftovers};
use super::panics::{Panic, Recorder, message_of};
use super::spec::Spec;
use crate::activity::Activity;
use crate::registry::{ShouldPanic, TestCase};
use crate::{diagnostics, failure};

/// How long threads that the test left behind in blocking calls are waited for.
const BLOCKING_TASKS: Duration = Duration::from_secs(1);

/// What `tracing` says when a second subscriber is set in a process.
const SECOND_SUBSCRIBER: &str = "global default trace dispatcher";

/// How long faults that are being undone are waited for at the end. They are gone with the process
/// in any case.
const UNDOING: Duration = Duration::from_secs(5);

/// Runs the test on a thread of its own that bears its name, and says what it came to.
///
/// The journal has all events but the verdict when this returns.
pub(crate) fn run(case: &'static TestCase, spec: &Spec, journal: &Journal) -> Verdict {
    let thread = std::thread::Builder::new().name(spec.test.clone());
    let outcome = std::thread::scope(|scope| {
        let thread = thread.spawn_scoped(scope, || run_here(case, spec, journal))?;
        thread.join().map_err(|payload| std::io::Error::other(message_of(payload.as_ref())))
    });
    let verdict = outcome
        .unwrap_or_else(|error| harness_failure(format!("the thread of the test failed: {error}")));
    match journal.finish() {
        Ok(()) => verdict,
        Err(error) => harness_failure(format!("failed to write the journal: {error}")),
    }
}

fn harness_failure(message: String) -> Verdict {
    Verdict::Failed(Failure::new(FailureKind::Harness, message))
}

fn run_here(case: &'static TestCase, spec: &Spec, journal: &Journal) -> Verdict {
    let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    journal.record(EventKind::AttemptStarted {
        version: event::FORMAT_VERSION,
        test: spec.test.clone(),
        attempt: spec.attempt,
        seed: spec.seed.0,
        unix_ms: u64::try_from(unix_ms).unwrap_or(u64::MAX),
        pid: std::process::id(),
    });
    let recorder = Recorder::start(journal.clone());
    let _traces = diagnostics::begin_traces(spec, journal);
    let cx = Chaos::new(spec.seed, journal.clone()).with_sizing(spec.sizing);
    let assertions = cx.watch_assertions();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("chaos-worker")
        .on_thread_start(assertions.thread_entry())
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return harness_failure(format!("failed to start the runtime: {error}")),
    };

    if spec.check_determinism {
        cx.only_check_determinism();
    }
    cx.keep_databases_to_the_end();
    let began = Instant::now();
    cx.name_test(spec.test.clone(), spec.timeout.map(|timeout| began + timeout));
    let ending = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(until_deadline(case, cx.clone(), spec, began))
    }));
    let ended = journal.elapsed();
    cx.test_ended();
    // What is undone after a panic or at the deadline has its end told like everything else.
    cx.scope().await_undone(UNDOING);
    let vacuous: Vec<String> =
        cx.scope().faults().iter().filter_map(|fault| fault.vacuity()).collect();
    cx.metrics().record();
    let left = left_behind(&cx, journal);
    // Targets may need the runtime when they are dropped.
    let guard = runtime.enter();
    drop(cx);
    drop(guard);
    runtime.shutdown_timeout(BLOCKING_TASKS);

    let panics = recorder.panics();
    let ending = match ending {
        Ok(ending) => ending,
        Err(payload) => Ending::Panicked(
            panics.iter().rev().find(|panic| panic.in_test).cloned().unwrap_or_else(|| Panic {
                // `resume_unwind` passes by the hook.
                thread: spec.test.clone(),
                message: message_of(payload.as_ref()),
                location: None,
                in_test: true,
            }),
        ),
    };
    let background = panics.into_iter().filter(|panic| !panic.in_test).collect();
    let mut verdict = conclude(ending, background, vacuous, case.options.should_panic);
    if let Verdict::Failed(failure) = &mut verdict {
        failure.at_ns = u64::try_from(ended.as_nanos()).ok();
    }
    with_leftovers(with_assertions(verdict, &assertions.finish()), left)
}

/// How the test function ended.
#[derive(Debug)]
enum Ending {
    Returned(Result<(), TestError>),
    Panicked(Panic),
    /// It was still running at its deadline, or had just returned after it.
    Late(String),
}

/// The standard library leaves out of a backtrace what lies below a function of this name: the
/// harness and its runtime, which are not what failed.
#[inline(never)]
fn __rust_begin_short_backtrace<T>(call: impl FnOnce() -> T) -> T {
    // What is done after the call keeps it from being the last thing, which would need no frame.
    std::hint::black_box(call())
}

async fn until_deadline(case: &'static TestCase, cx: Chaos, spec: &Spec, began: Instant) -> Ending {
    let mut test = (case.run)(cx);
    let mut test = std::pin::pin!(std::future::poll_fn(move |context| {
        __rust_begin_short_backtrace(|| test.as_mut().poll(context))
    }));
    let Some(timeout) = spec.timeout else { return Ending::Returned(test.await) };
    // The test is dropped only after the journal was read: its faults end with it.
    let deadline = tokio::time::Instant::from_std(began + timeout);
    let returned = tokio::time::timeout_at(deadline, test.as_mut()).await;
    match returned {
        // A test that blocks its thread cannot be stopped in time.
        Ok(result) if began.elapsed() <= timeout || result.is_err() => Ending::Returned(result),
        Ok(_) => {
            let took = Display(rounded(began.elapsed()));
            let timeout = Display(timeout);
            Ending::Late(format!("returned after {took}, its deadline was at {timeout}"))
        }
        Err(_) => {
            let activity = activity_in(spec);
            let timeout = Display(timeout);
            Ending::Late(format!("still running at its deadline of {timeout}, {activity}"))
        }
    }
}

/// What the journal says about this moment.
fn activity_in(spec: &Spec) -> Activity {
    let records = journal::read::<Event>(&spec.journal).map(|lines| lines.records);
    Activity::after(records.unwrap_or_default().iter().map(|event| &event.what))
}

fn conclude(
    ending: Ending,
    background: Vec<Panic>,
    vacuous: Vec<String>,
    should_panic: Option<ShouldPanic>,
) -> Verdict {
    let verdict = match (ending, should_panic) {
        (Ending::Late(how), _) => Verdict::Failed(Failure::new(FailureKind::Timeout, how)),
        (Ending::Panicked(panic), Some(wanted)) => return expected_panic(panic, wanted),
        (Ending::Panicked(panic), None) => Verdict::Failed(failed(FailureKind::Panic, &panic)),
        (Ending::Returned(Ok(())), Some(_)) => missing_panic("did not panic as expected".into()),
        (Ending::Returned(Ok(())), None) => Verdict::Passed,
        (Ending::Returned(Err(error)), should_panic) => {
            match (failure::verdict_of(&error), should_panic) {
                (Verdict::Failed(failure), Some(_)) => missing_panic(format!(
                    "returned an error and did not panic as expected: {failure}"
                )),
                (verdict, _) => verdict,
            }
        }
    };
    match verdict {
        Verdict::Passed => background_panic(&background)
            .or_else(|| vacuous_fault(&vacuous))
            .map_or(Verdict::Passed, Verdict::Failed),
        // What failed in the background is often the cause of what failed in the test.
        Verdict::Failed(mut failure) => {
            for panic in &background {
                failure.message.push_str("\nbefore, ");
                failure.message.push_str(&describe_background(panic));
            }
            Verdict::Failed(failure)
        }
        // What the machine lacks excuses the test, and nothing that it had started by then.
        other => background_panic(&background).map_or(other, Verdict::Failed),
    }
}

fn failed(kind: FailureKind, panic: &Panic) -> Failure {
    let mut failure = Failure::new(kind, panic.message.clone());
    // `tracing` allows one subscriber in a process, and does not say who set it.
    if cfg!(feature = "tracing") && panic.message.contains(SECOND_SUBSCRIBER) {
        failure.message.push_str(
            "\nthe harness has set a subscriber, to keep what is traced before a failure: set \
             CHAOS_TRACE=off (`[run] trace = \"off\"`), and add `chaos_harness::trace::layer()` to \
             your own",
        );
    }
    match &panic.location {
        Some(location) => failure.at(location),
        None => failure,
    }
}

fn missing_panic(message: String) -> Verdict {
    Verdict::Failed(Failure::new(FailureKind::MissingPanic, message))
}

fn expected_panic(panic: Panic, wanted: ShouldPanic) -> Verdict {
    match wanted.expected {
        Some(expected) if !panic.message.contains(expected) => {
            let message = format!(
                "panicked with {:?}, which does not contain the expected {expected:?}",
                panic.message
            );
            Verdict::Failed(failed(FailureKind::MissingPanic, &Panic { message, ..panic }))
        }
        _ => Verdict::Passed,
    }
}

fn background_panic(panics: &[Panic]) -> Option<Failure> {
    let (first, others) = panics.split_first()?;
    // What it is and where is told beside the message.
    let mut message = format!("in the thread `{}`: {}", first.thread, first.message);
    if !others.is_empty() {
        message.push_str(&format!(" (and {} more)", others.len()));
    }
    let panic = Panic { message, ..first.clone() };
    Some(failed(FailureKind::BackgroundPanic, &panic))
}

fn describe_background(panic: &Panic) -> String {
    let Panic { thread, message, location, .. } = panic;
    let location = location.as_deref().unwrap_or("an unknown place");
    format!(
        "a task or thread that the test had spawned (`{thread}`) panicked at {location}: {message}"
    )
}

fn vacuous_fault(vacuous: &[String]) -> Option<Failure> {
    (!vacuous.is_empty()).then(|| Failure::new(FailureKind::Vacuous, vacuous.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panic(message: &str, in_test: bool) -> Panic {
        let location = Some("src/pool.rs:3:5".to_owned());
        Panic { thread: "worker".to_owned(), message: message.to_owned(), location, in_test }
    }

    fn kind(verdict: &Verdict) -> Option<FailureKind> {
        verdict.failure().map(|failure| failure.kind)
    }

    #[test]
    fn a_test_that_returned_ok_passes_only_if_nothing_else_went_wrong() {
        let passed = || Ending::Returned(Ok(()));
        assert_eq!(conclude(passed(), vec![], vec![], None), Verdict::Passed);
        let verdict = conclude(passed(), vec![panic("lost", false)], vec!["idle".into()], None);
        assert_eq!(kind(&verdict), Some(FailureKind::BackgroundPanic));
        let failure = verdict.failure().unwrap();
        assert!(failure.message.contains("lost"), "{failure}");
        assert_eq!(failure.location.as_deref(), Some("src/pool.rs:3:5"));
        assert_eq!(failure.to_string().matches("src/pool.rs:3:5").count(), 0, "{failure}");
        let verdict =
            conclude(passed(), vec![], vec!["the fault `cut` met no traffic".into()], None);
        assert_eq!(kind(&verdict), Some(FailureKind::Vacuous));
    }

    #[test]
    fn what_failed_in_the_background_is_told_beside_what_failed_in_the_test() {
        let error = Ending::Returned(Err("no answer".into()));
        let verdict = conclude(error, vec![panic("lost", false)], vec!["idle".into()], None);
        assert_eq!(kind(&verdict), Some(FailureKind::Error));
        let message = &verdict.failure().unwrap().message;
        assert!(message.starts_with("no answer\n") && message.contains("lost"), "{message}");
    }

    #[test]
    fn what_the_machine_lacks_hides_no_panic_in_the_background() {
        let skipped = || {
            let reason = "no server".to_owned();
            Ending::Returned(Err(chaos_core::Error::Unavailable { reason }.into()))
        };
        let verdict = conclude(skipped(), vec![], vec!["idle".into()], None);
        assert!(matches!(verdict, Verdict::Skipped { .. }), "{verdict:?}");
        let verdict = conclude(skipped(), vec![panic("lost", false)], vec![], None);
        assert_eq!(kind(&verdict), Some(FailureKind::BackgroundPanic));
    }

    #[test]
    fn a_panic_is_expected_only_with_its_message() {
        let conclude = |ending, expected| {
            kind(&conclude(ending, vec![], vec![], Some(ShouldPanic { expected })))
        };
        let panicked = || Ending::Panicked(panic("the pool is empty", true));
        assert_eq!(conclude(panicked(), None), None);
        assert_eq!(conclude(panicked(), Some("is empty")), None);
        assert_eq!(conclude(panicked(), Some("is full")), Some(FailureKind::MissingPanic));
        let missing = Some(FailureKind::MissingPanic);
        assert_eq!(conclude(Ending::Returned(Ok(())), None), missing);
        assert_eq!(conclude(Ending::Returned(Err("no".into())), None), missing);
        assert_eq!(conclude(Ending::Late("late".into()), None), Some(FailureKind::Timeout));
    }
}
