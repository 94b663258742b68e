//! What is known of a run after some of its events: the one fold that every report is made from.

use std::collections::HashMap;
use std::time::Duration;

use chaos_core::stats::Category;
use chaos_core::verdict::{Failure, Verdict};

use crate::baselines::Conclusion;
use crate::gate::GateJudged;
use crate::identity::Identity;
use crate::report::words;
use crate::run_event::{
    AttemptEnded, AttemptStarted, FaultSummary, Regression, RunEnded, RunEvent, RunStarted,
    SkipCause, TestDescription, TestEnded, TestOutcome,
};
use crate::triage::{Class, Triage, triage};

/// A run, or as much of it as has happened.
#[derive(Debug, Default)]
pub(crate) struct RunRecord {
    /// The processes that ran tests, in the order of their starts. Under nextest there is one for
    /// each test.
    pub(crate) processes: Vec<ProcessRecord>,
    /// The tests, in the order in which they began. A test that is begun again, as in a stress run
    /// of nextest, is here again; an attempt that continues the ones of another process, as a retry
    /// of nextest does, belongs to the same test.
    pub(crate) tests: Vec<TestRecord>,
    /// What came of baselines, in each process where that was asked for.
    pub(crate) baselines: Vec<Conclusion>,
    /// The gates that were judged, in order.
    pub(crate) gates: Vec<GateJudged>,
    /// The place in `processes` of each process that may still write.
    current: HashMap<u32, usize>,
    /// The place in `tests` of the latest run of a test, by process and name.
    latest: HashMap<(usize, String), usize>,
}

/// A process that ran tests.
#[derive(Debug)]
pub(crate) struct ProcessRecord {
    pub(crate) started: RunStarted,
    pub(crate) ended: Option<RunEnded>,
}

/// A test, over its attempts.
#[derive(Debug)]
pub(crate) struct TestRecord {
    pub(crate) name: String,
    /// The place in [`RunRecord::processes`], unless the line that introduces it is lost.
    pub(crate) process: Option<usize>,
    pub(crate) description: Option<TestDescription>,
    pub(crate) attempts: Vec<AttemptRecord>,
    /// Why it was not run at all.
    pub(crate) ignored: Option<String>,
    /// What kind of reason that is, if it has to do with the run.
    pub(crate) skip_cause: Option<SkipCause>,
    /// Its end; absent while it runs, and for ever when the harness was killed.
    pub(crate) ended: Option<TestEnded>,
    /// Whether the run is over without an end of this test: whatever judges the run takes it for failed.
    pub(crate) is_cut_short: bool,
}

/// An attempt at a test.
#[derive(Debug)]
pub(crate) struct AttemptRecord {
    /// Which attempt, counted from 1.
    pub(crate) attempt: u32,
    pub(crate) seed: u64,
    /// Its start, unless that line is lost.
    pub(crate) started: Option<AttemptStarted>,
    /// Its end; absent while it runs, and for ever when the harness was killed.
    pub(crate) ended: Option<AttemptEnded>,
}

impl RunRecord {
    /// Adds what happened in a process.
    pub(crate) fn add(&mut self, process: u32, event: &RunEvent) {
        match event {
            RunEvent::RunStarted(started) => {
                self.current.insert(process, self.processes.len());
                self.processes.push(ProcessRecord { started: started.clone(), ended: None });
            }
            RunEvent::TestSkipped { test, reason, cause } => {
                let place = self.begin_test(process, test);
                self.tests[place].ignored = Some(reason.clone());
                self.tests[place].skip_cause = *cause;
            }
            RunEvent::AttemptStarted(started) => {
                let place = match started.attempt {
                    0 | 1 => self.begin_test(process, &started.test),
                    attempt => self.continue_test(process, &started.test, attempt),
                };
                self.tests[place].attempts.push(AttemptRecord {
                    attempt: started.attempt,
                    seed: started.seed,
                    started: Some(started.clone()),
                    ended: None,
                });
            }
            RunEvent::AttemptProgress(_) | RunEvent::Measuring(_) => {}
            RunEvent::AttemptEnded(ended) => {
                let place = self.place_or_begin(process, &ended.test);
                let attempts = &mut self.tests[place].attempts;
                match attempts.iter_mut().find(|attempt| attempt.attempt == ended.attempt) {
                    Some(attempt) => attempt.ended = Some(ended.clone()),
                    None => attempts.push(AttemptRecord {
                        attempt: ended.attempt,
                        seed: ended.seed,
                        started: None,
                        ended: Some(ended.clone()),
                    }),
                }
            }
            RunEvent::TestEnded(ended) => {
                let place = self.place_or_begin(process, &ended.test);
                self.tests[place].ended = Some(ended.clone());
            }
            RunEvent::BaselinesConcluded(it) => self.baselines.push(it.clone()),
            RunEvent::GateJudged(judged) => self.gates.push(judged.clone()),
            RunEvent::RunJudged(judged) => {
                self.gates.clone_from(&judged.gates);
                for test in &mut self.tests {
                    test.is_cut_short = judged.unfinished.contains(&test.name);
                }
            }
            RunEvent::RunEnded(ended) => {
                if let Some(place) = self.current.remove(&process) {
                    self.processes[place].ended = Some(ended.clone());
                }
            }
        }
    }

    /// Whether it is of this test binary.
    pub(crate) fn is_of(&self, Identity { package, target, .. }: &Identity) -> bool {
        let mut started = self.processes.iter().map(|process| &process.started);
        started.any(|it| it.binary == *target && it.package == *package)
    }

    /// The latest run of a test.
    pub(crate) fn test(&self, process: u32, name: &str) -> Option<&TestRecord> {
        self.place_of(process, name).map(|place| &self.tests[place])
    }

    /// The process that a test ran in, unless the line that introduces it is lost.
    pub(crate) fn process_of(&self, test: &TestRecord) -> Option<&ProcessRecord> {
        test.process.map(|place| &self.processes[place])
    }

    fn place_of(&self, process: u32, test: &str) -> Option<usize> {
        let process = self.current.get(&process).copied().unwrap_or(usize::MAX);
        self.latest.get(&(process, test.to_owned())).copied()
    }

    fn place_or_begin(&mut self, process: u32, test: &str) -> usize {
        self.place_of(process, test).unwrap_or_else(|| self.begin_test(process, test))
    }

    fn continue_test(&mut self, process: u32, test: &str, attempt: u32) -> usize {
        if let Some(place) = self.place_of(process, test) {
            return place;
        }
        let continues = |record: &TestRecord| {
            record.name == test
                && record.attempts.last().is_some_and(|last| last.attempt + 1 == attempt)
        };
        let Some(place) = self.tests.iter().rposition(continues) else {
            return self.begin_test(process, test);
        };
        let process = self.current.get(&process).copied().unwrap_or(usize::MAX);
        self.latest.insert((process, test.to_owned()), place);
        place
    }

    fn begin_test(&mut self, process: u32, name: &str) -> usize {
        let process = self.current.get(&process).copied();
        let description = process.and_then(|place| {
            let tests = &self.processes[place].started.tests;
            tests.iter().find(|description| description.test == name).cloned()
        });
        let place = self.tests.len();
        self.tests.push(TestRecord {
            name: name.to_owned(),
            process,
            description,
            attempts: Vec::new(),
            ignored: None,
            skip_cause: None,
            ended: None,
            is_cut_short: false,
        });
        self.latest.insert((process.unwrap_or(usize::MAX), name.to_owned()), place);
        place
    }
}

impl TestRecord {
    /// Its answer, over the attempts of all processes.
    pub(crate) fn outcome(&self) -> Option<TestOutcome> {
        if self.is_cut_short {
            return None;
        }
        let failed = self.attempts.iter().any(|attempt| attempt.failure().is_some());
        match self.ended.as_ref()?.outcome {
            // The process that made the last attempt may know of no other.
            TestOutcome::Passed if failed => Some(TestOutcome::PassedOnRetry),
            outcome => Some(outcome),
        }
    }

    /// What its history says of it, and what it says of itself where that is something else.
    pub(crate) fn category(&self) -> Option<String> {
        let text = words::category(&self.ended.as_ref()?.category);
        let other = self.other_declaration();
        Some(other.map_or_else(|| text.clone(), |other| format!("{text}, {other}")))
    }

    /// The same for the line of the test: `[flaky 9 % (5–15 %), n = 118]`, or `[REGRESSION]` with what it
    /// was before.
    pub(crate) fn label(&self) -> Option<String> {
        let Some(regression) = self.regression() else {
            return Some(format!("[{}]", self.category()?));
        };
        let other = self.other_declaration().map_or_else(String::new, |it| format!(", {it}"));
        Some(format!("[REGRESSION] {}{other}", words::regression(regression)))
    }

    fn other_declaration(&self) -> Option<String> {
        let measured = &self.ended.as_ref()?.category;
        words::other_declaration(measured, self.description.as_ref()?.declared)
    }

    /// What it was before, if its history says that it has become worse lately and it does not
    /// declare to be as bad.
    pub(crate) fn regression(&self) -> Option<&Regression> {
        let regression = self.ended.as_ref()?.trend.regression.as_ref()?;
        let declared = self.description.as_ref().map_or(Category::Stable, |it| it.declared);
        (Category::of_rate(regression.latest.rate) > declared).then_some(regression)
    }

    /// The last attempt that failed.
    pub(crate) fn last_failed(&self) -> Option<&AttemptRecord> {
        self.attempts.iter().rev().find(|attempt| attempt.failure().is_some())
    }

    /// Why it did not run, or why an attempt found that it cannot. None of a test that failed before that.
    pub(crate) fn reason_for_skipping(&self) -> Option<&str> {
        if !matches!(self.outcome(), None | Some(TestOutcome::Skipped)) {
            return None;
        }
        self.ignored.as_deref().or_else(|| {
            self.attempts.iter().rev().find_map(|attempt| match attempt.verdict() {
                Some(Verdict::Skipped { reason }) => Some(reason.as_str()),
                _ => None,
            })
        })
    }

    /// What was wrong with the machine at the last attempt that it could not carry.
    pub(crate) fn reason_for_environment(&self) -> Option<&str> {
        self.attempts.iter().rev().find_map(|attempt| match attempt.verdict() {
            Some(Verdict::Environment { reason, .. }) => Some(reason.as_str()),
            _ => None,
        })
    }

    /// The last attempt that ended.
    pub(crate) fn last_ended(&self) -> Option<&AttemptRecord> {
        self.attempts.iter().rev().find(|attempt| attempt.ended.is_some())
    }

    /// The longest recovery time of the last attempt that ended.
    pub(crate) fn recovery(&self) -> Option<Duration> {
        self.last_ended()?.recovery()
    }
}

impl AttemptRecord {
    pub(crate) fn verdict(&self) -> Option<&Verdict> {
        self.ended.as_ref().map(|ended| &ended.verdict)
    }

    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.verdict()?.failure()
    }

    /// What its failure points at.
    pub(crate) fn triage(&self) -> Option<Triage> {
        if let Some(Verdict::Environment { reason, .. }) = self.verdict() {
            let (class, evidence) = (Class::Environment, reason.clone());
            return Some(Triage { class, rule: None, evidence });
        }
        let deadline = self.started.as_ref().map(|it| Duration::from_millis(it.timeout_ms));
        Some(triage(self.failure()?, &self.ended.as_ref()?.summary, deadline))
    }

    /// Whether the machine could not carry it.
    pub(crate) fn is_environment(&self) -> bool {
        self.verdict().is_some_and(Verdict::is_environment)
    }

    pub(crate) fn duration(&self) -> Option<Duration> {
        self.ended.as_ref().map(|ended| Duration::from_nanos(ended.duration_ns))
    }

    /// The fault that the operations had not got over when the run ended or the next fault began, and for
    /// how long after its end they were looked at. Of several the one that was looked at longest.
    pub(crate) fn not_recovered(&self) -> Option<(Duration, &FaultSummary)> {
        let faults = self.ended.iter().flat_map(|ended| &ended.summary.faults);
        let unrecovered = faults.filter(|fault| fault.recovery_ns.is_none());
        let watched = unrecovered.filter_map(|it| Some((it.impact.as_ref()?.watched, it)));
        watched.filter(|(time, _)| !time.is_zero()).max_by_key(|(time, _)| *time)
    }

    /// The longest recovery time of its faults.
    pub(crate) fn recovery(&self) -> Option<Duration> {
        let faults = &self.ended.as_ref()?.summary.faults;
        faults.iter().filter_map(|fault| fault.recovery_ns).max().map(Duration::from_nanos)
    }
}
