//! What the end of an attempt's process means.

use std::process::ExitStatus;
use std::time::Duration;

use chaos_core::duration::Display;
use chaos_core::event::{Event, EventKind};
use chaos_core::verdict::{Failure, FailureKind, Verdict};

use super::parent::GRACE;
use super::process::Survivor;
use crate::activity::Activity;
use crate::exit_code;
use crate::interrupt::Interruption;

/// Everything that is known about a process that has ended.
#[derive(Debug)]
pub(crate) struct Ended<'a> {
    pub(crate) status: ExitStatus,
    pub(crate) survivors: &'a [Survivor],
    /// What is left of the journal.
    pub(crate) events: &'a [Event],
    /// The end of what it wrote to its standard error, if that was captured.
    pub(crate) stderr: Option<&'a str>,
    /// How long it was allowed to run, if it was killed for running longer.
    pub(crate) killed_after: Option<Duration>,
    pub(crate) interrupted: Option<Interruption>,
}

impl Ended<'_> {
    /// The verdict about the attempt.
    ///
    /// The verdict in the journal counts only if the process then ended as it should.
    pub(crate) fn verdict(&self) -> Verdict {
        let reached = self.reached();
        if let Some(verdict) = reached {
            if self.ended_as_it_should(verdict) {
                return self.leak().filter(|_| verdict.is_passed()).unwrap_or(verdict.clone());
            }
        }
        if let Some(interruption) = self.interrupted {
            return failed(FailureKind::Interrupted, interruption.reason().to_owned());
        }
        if let Some(timeout) = self.killed_after {
            let timeout = Display(timeout);
            let message = match reached {
                Some(_) => format!("still not gone after its end and its deadline of {timeout}"),
                None => {
                    let activity = Activity::after(self.events.iter().map(|event| &event.what));
                    let grace = Display(GRACE);
                    format!(
                        "did not stop at its deadline of {timeout} nor within {grace} after it (does it block its thread?), {activity}"
                    )
                }
            };
            return failed(FailureKind::Hang, format!("{message}; it was killed"));
        }
        in_its_case(self.how_it_died(reached), self.events)
    }

    /// What the end of a process means that nobody asked to end.
    fn how_it_died(&self, reached: Option<&Verdict>) -> Verdict {
        match self.status.code() {
            Some(code) if code < 0 => failed(FailureKind::Signal, status_message(code)),
            Some(code) => failed(FailureKind::Exit, exit_message(code, reached.is_some())),
            None => self.signal_failure(),
        }
    }

    fn reached(&self) -> Option<&Verdict> {
        // Nothing comes after a verdict; what does is no journal of ours.
        match &self.events.last()?.what {
            EventKind::VerdictReached { result } => Some(result),
            _ => None,
        }
    }

    fn ended_as_it_should(&self, verdict: &Verdict) -> bool {
        let expected = match verdict {
            Verdict::Failed(_) => exit_code::FAILED,
            _ => exit_code::PASSED,
        };
        self.status.code() == Some(i32::from(expected))
    }

    fn leak(&self) -> Option<Verdict> {
        let names = |survivor: &Survivor| format!("{} `{}`", survivor.pid, survivor.command);
        let names: Vec<_> = self.survivors.iter().map(names).collect();
        let message = match names.as_slice() {
            [] => return None,
            [name] => format!("{name}, after a test that had passed; it was killed"),
            names => {
                format!("{}, after a test that had passed; they were killed", names.join(", "))
            }
        };
        Some(failed(FailureKind::LeakedProcess, message))
    }

    #[cfg(unix)]
    fn signal_failure(&self) -> Verdict {
        use std::os::unix::process::ExitStatusExt;

        let Some(signal) = self.status.signal() else {
            return failed(FailureKind::Exit, format!("the process ended oddly: {}", self.status));
        };
        let name = signals::name(signal);
        if signal != signals::ABORT {
            let message = format!("the process was ended by {name}{}", signals::hint(signal));
            let failure = Failure::new(FailureKind::Signal, message);
            return Verdict::Failed(failure.proving(signals::is_of_the_code(signal)));
        }
        if self.stderr.is_some_and(|text| text.contains("has overflowed its stack")) {
            let failure = Failure::new(FailureKind::Signal, format!("stack overflow ({name})"));
            return Verdict::Failed(failure.proving(true));
        }
        // With `panic = "abort"`, and when a panic meets another one, the last thing in the journal
        // is the panic.
        if let Some(EventKind::Panicked { thread, message, location, in_test }) =
            self.events.last().map(|event| &event.what)
        {
            let kind = if *in_test { FailureKind::Panic } else { FailureKind::BackgroundPanic };
            let message = format!("{message} (`{thread}` panicked, and the process aborted)");
            let failure = Failure::new(kind, message);
            return Verdict::Failed(match location {
                Some(location) => failure.at(location),
                None => failure,
            });
        }
        let cause = match self.stderr {
            Some(_) => "the process aborted",
            None => "the process aborted (`abort`, or a stack overflow: see what it printed)",
        };
        failed(FailureKind::Signal, format!("{cause} ({name})"))
    }

    #[cfg(not(unix))]
    fn signal_failure(&self) -> Verdict {
        failed(FailureKind::Signal, format!("the process was ended: {}", self.status))
    }
}

fn failed(kind: FailureKind, message: String) -> Verdict {
    Verdict::Failed(Failure::new(kind, message))
}

/// The verdict, with the case of a property in the midst of which it was reached.
fn in_its_case(verdict: Verdict, events: &[Event]) -> Verdict {
    let last = events.iter().rev().find_map(|event| match &event.what {
        EventKind::CaseStarted { case, operations, faults, .. } => {
            Some(Some((*case, *operations, faults)))
        }
        EventKind::CaseEnded { .. } | EventKind::PropertyEnded { .. } => Some(None),
        _ => None,
    });
    match (verdict, last.flatten()) {
        (Verdict::Failed(mut failure), Some((case, operations, faults))) => {
            let which = if case == 0 { "a kept case".to_owned() } else { format!("case {case}") };
            let faults = match faults.as_slice() {
                [] => "without faults".to_owned(),
                faults => format!("with {}", faults.join(" and ")),
            };
            failure.message.push_str(&format!(", in {which} ({operations} operations, {faults})"));
            Verdict::Failed(failure)
        }
        (verdict, _) => verdict,
    }
}

fn exit_message(code: i32, after_verdict: bool) -> String {
    if after_verdict {
        return format!("the process reached its verdict and then exited with code {code}");
    }
    format!(
        "the process exited with code {code} in the midst of the test \
         (`std::process::exit`?), without a verdict"
    )
}

/// What Windows says instead of a signal: an exit code that is no code of a program.
fn status_message(code: i32) -> String {
    let status = u32::from_ne_bytes(code.to_ne_bytes());
    let meaning = match status {
        0xC000_00FD => "stack overflow",
        0xC000_0409 => "the process aborted",
        0xC000_0005 => "the process was ended for an access violation",
        _ => "the process was ended by the system",
    };
    format!("{meaning} (status {status:#010X})")
}

#[cfg(unix)]
mod signals {
    use rustix::process::Signal;

    pub(super) const ABORT: i32 = Signal::ABORT.as_raw();

    const NAMES: &[(Signal, &str)] = &[
        (Signal::ABORT, "SIGABRT"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::BUS, "SIGBUS"),
        (Signal::ILL, "SIGILL"),
        (Signal::FPE, "SIGFPE"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::SYS, "SIGSYS"),
        (Signal::KILL, "SIGKILL"),
        (Signal::TERM, "SIGTERM"),
        (Signal::INT, "SIGINT"),
        (Signal::HUP, "SIGHUP"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::XCPU, "SIGXCPU"),
        (Signal::XFSZ, "SIGXFSZ"),
    ];

    pub(super) fn name(signal: i32) -> String {
        match NAMES.iter().find(|(known, _)| known.as_raw() == signal) {
            Some((_, name)) => (*name).to_owned(),
            None => format!("signal {signal}"),
        }
    }

    /// Whether only what the code itself did brings it about, on however slow a machine.
    pub(super) fn is_of_the_code(signal: i32) -> bool {
        [Signal::SEGV, Signal::ILL, Signal::FPE].iter().any(|own| own.as_raw() == signal)
    }

    pub(super) fn hint(signal: i32) -> &'static str {
        if signal == Signal::KILL.as_raw() {
            " (by the kernel for want of memory, or by somebody's `kill -9`)"
        } else {
            ""
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn passed() -> Vec<Event> {
        let what = EventKind::VerdictReached { result: Verdict::Passed };
        vec![Event::new(Duration::ZERO, what)]
    }

    fn ended(status: i32, events: &[Event]) -> Ended<'_> {
        Ended {
            status: ExitStatus::from_raw(status),
            survivors: &[],
            events,
            stderr: Some(""),
            killed_after: None,
            interrupted: None,
        }
    }

    fn kind(verdict: &Verdict) -> Option<FailureKind> {
        verdict.failure().map(|failure| failure.kind)
    }

    #[test]
    fn only_a_verdict_and_a_clean_exit_together_pass() {
        assert_eq!(ended(0, &passed()).verdict(), Verdict::Passed);
        assert_eq!(kind(&ended(0, &[]).verdict()), Some(FailureKind::Exit));
        assert_eq!(kind(&ended(7 << 8, &passed()).verdict()), Some(FailureKind::Exit));
        assert_eq!(kind(&ended(11, &passed()).verdict()), Some(FailureKind::Signal));
        let events = passed();
        let late = Ended { killed_after: Some(Duration::from_secs(1)), ..ended(9, &events) };
        assert_eq!(kind(&late.verdict()), Some(FailureKind::Hang));
    }

    #[test]
    fn no_machine_excuses_a_wild_pointer_or_an_overflow_and_one_may_kill() {
        let is_proof = |status, stderr| {
            let ended = Ended { stderr: Some(stderr), ..ended(status, &[]) };
            ended.verdict().failure().unwrap().is_proof
        };
        assert!(is_proof(11, "") && is_proof(4, "") && is_proof(8, ""));
        assert!(is_proof(6, "thread 'a' has overflowed its stack\n"));
        assert!(!is_proof(6, "memory allocation of 9 bytes failed\n") && !is_proof(9, ""));
    }

    #[test]
    fn a_status_of_windows_is_told_as_what_it_means() {
        assert_eq!(status_message(-1_073_741_571), "stack overflow (status 0xC00000FD)");
        assert_eq!(status_message(-1_073_740_791), "the process aborted (status 0xC0000409)");
    }

    #[test]
    fn a_panic_before_an_abort_is_what_is_told() {
        let panicked = EventKind::Panicked {
            thread: "test".to_owned(),
            message: "lost".to_owned(),
            location: Some("src/a.rs:1:2".to_owned()),
            in_test: true,
        };
        let events = [Event::new(Duration::ZERO, panicked)];
        let verdict = ended(6, &events).verdict();
        assert_eq!(kind(&verdict), Some(FailureKind::Panic));
        assert_eq!(verdict.failure().unwrap().location.as_deref(), Some("src/a.rs:1:2"));
    }

    #[test]
    fn an_interrupted_attempt_is_no_failure_of_the_test_unless_it_had_ended_already() {
        let interrupted = Some(Interruption::Sigterm);
        let killed = Ended { interrupted, ..ended(9, &[]) };
        assert_eq!(kind(&killed.verdict()), Some(FailureKind::Interrupted));
        let events = passed();
        let done = Ended { interrupted, ..ended(0, &events) };
        assert_eq!(done.verdict(), Verdict::Passed);
    }
}
