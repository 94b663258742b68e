//! How far the phases of a run have come.
//!
//! A test that is of a phase waits until all tests of the phases before it have ended. It cannot wait for
//! ever: tests are begun in the order of [`Plan::arrange`], so those that it waits for have begun.

use parking_lot::{Condvar, Mutex};

use super::{Plan, Planned};
use crate::gate::GateJudged;
use crate::report::words;

/// How far the phases of a run have come.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    plan: Plan,
    counts: Mutex<Vec<Count>>,
    changed: Condvar,
}

/// What a phase has come to so far.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    /// How many tests are of it in this run.
    tests: u64,
    /// How many of those have not ended.
    left: u64,
    /// How many were judged, and how many of them passed, that must pass.
    must_pass: (u64, u64),
    /// The same for all.
    all: (u64, u64),
    /// How many were not run, because the phase was locked.
    locked: u64,
}

/// A test of a phase that has begun or is going to; when it is dropped, the test has ended.
#[derive(Debug)]
#[must_use = "the phase goes on as soon as it is dropped"]
pub(crate) struct Turn<'a> {
    progress: &'a Progress,
    phase: Option<usize>,
}

impl Progress {
    /// Before any of these tests has begun.
    pub(crate) fn new<'a>(plan: Plan, tests: impl Iterator<Item = &'a str>) -> Self {
        let mut counts = vec![Count::default(); plan.len()];
        for phase in tests.filter_map(|test| plan.of_test(test)) {
            counts[phase].tests += 1;
            counts[phase].left += 1;
        }
        Self { plan, counts: Mutex::new(counts), changed: Condvar::new() }
    }

    /// It is this test's turn. To be taken once for each test of the run, whatever becomes of it.
    pub(crate) fn turn(&self, test: &str) -> Turn<'_> {
        Turn { progress: self, phase: self.plan.of_test(test) }
    }

    /// Counts a test that was judged.
    pub(crate) fn judged(&self, test: &str, must_pass: bool, passed: bool) {
        let Some(phase) = self.plan.of_test(test) else { return };
        let count = &mut self.counts.lock()[phase];
        let add = |(of, passes): &mut (u64, u64)| {
            *of += 1;
            *passes += u64::from(passed);
        };
        add(&mut count.all);
        if must_pass {
            add(&mut count.must_pass);
        }
    }

    /// Counts a test that was not run, because its phase was locked.
    pub(crate) fn locked(&self, test: &str) {
        let Some(phase) = self.plan.of_test(test) else { return };
        self.counts.lock()[phase].locked += 1;
    }

    /// Each phase that comes after another one and has tests in this run, as a gate: whether it was
    /// unlocked, and by what.
    pub(crate) fn gates(&self) -> Vec<GateJudged> {
        let counts = self.counts.lock().clone();
        let gate = |(place, phase): (usize, &Planned)| {
            let count = counts[place];
            if phase.after.is_empty() || count.tests == 0 {
                return None;
            }
            let missing = self.missing(place, &counts);
            let passed = missing.is_none();
            let message = match missing {
                // Whoever started them knew of no phases.
                Some(missing) if count.locked == 0 && count.all.0 > 0 => {
                    let tests = words::counted(count.all.0, "test");
                    format!("stays locked: {missing}; its {tests} ran all the same")
                }
                Some(missing) => {
                    let tests = if count.locked == 1 { "test was" } else { "tests were" };
                    format!("stays locked: {missing}; {} {tests} not run", count.locked)
                }
                None => {
                    let before = phase.after.iter().map(|it| self.found(*it, &counts));
                    format!("unlocked: {}", before.collect::<Vec<_>>().join(", "))
                }
            };
            Some(GateJudged {
                gate: "phase".to_owned(),
                domain: None,
                phase: Some(phase.name.clone()),
                passed,
                not_judged: false,
                message,
                place: phase.place.clone(),
            })
        };
        self.plan.phases.iter().enumerate().filter_map(gate).collect()
    }

    /// What is missing to unlock a phase, all tests before which have ended; none if it is unlocked.
    fn missing(&self, place: usize, counts: &[Count]) -> Option<String> {
        let missing: Vec<String> = self.plan.phases[place]
            .after
            .iter()
            .filter_map(|before| {
                let phase = &self.plan.phases[*before];
                if self.missing(*before, counts).is_some() {
                    return Some(format!("`{}` stays locked itself", phase.name));
                }
                let (of, passed) = counted(phase, &counts[*before]);
                let (needed, words) = match phase.pass_rate {
                    Some(rate) => (rate.get(), format!("{} are needed", percent(rate.get()))),
                    None => (1.0, "every test that must pass has to".to_owned()),
                };
                // A share such as 0.85 is no exact float.
                let holds = of == 0 || share(passed, of) >= needed - 1e-9;
                (!holds).then(|| format!("{}, {words}", self.found(*before, counts)))
            })
            .collect();
        (!missing.is_empty()).then(|| missing.join("; "))
    }

    /// What a phase has come to: `` `network` came to 3 of 4 (75 %) ``.
    fn found(&self, place: usize, counts: &[Count]) -> String {
        let phase = &self.plan.phases[place];
        let name = &phase.name;
        match counted(phase, &counts[place]) {
            (0, _) => format!("no test of `{name}` was judged"),
            (of, passed) => {
                format!("`{name}` came to {passed} of {of} ({})", percent(share(passed, of)))
            }
        }
    }
}

impl Turn<'_> {
    /// Waits for the phases before that of the test. Says why the phase stays locked, if it does.
    pub(crate) fn wait(&self) -> Option<String> {
        let phase = self.phase?;
        let Progress { plan, counts, changed } = self.progress;
        let before = plan.before(phase);
        let mut counts = counts.lock();
        while before.iter().any(|it| counts[*it].left > 0) {
            changed.wait(&mut counts);
        }
        let missing = self.progress.missing(phase, &counts)?;
        counts[phase].locked += 1;
        Some(format!("phase `{}` stays locked: {missing}", plan.phases[phase].name))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(phase) = self.phase {
            let count = &mut self.progress.counts.lock()[phase];
            count.left = count.left.saturating_sub(1);
            self.progress.changed.notify_all();
        }
    }
}

/// How many tests were judged, and how many of them passed, of those that the rate is about.
fn counted(phase: &Planned, count: &Count) -> (u64, u64) {
    if phase.pass_rate.is_some() { count.all } else { count.must_pass }
}

#[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 tests")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// `85 %`, `66.7 %`.
fn percent(share: f64) -> String {
    let text = format!("{:.1}", share * 100.0);
    format!("{} %", text.strip_suffix(".0").unwrap_or(&text))
}
