//! One line for each running test, on a terminal: where it is, and under which faults.
//!
//! The lines are drawn on standard error, below what was already written; the lines of finished
//! tests go to standard output, while these are taken away.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::style::{Paint, Style};
use super::test_line::Columns;
use crate::report::words;
use crate::run_event::{AttemptProgress, AttemptStarted, Measuring};

/// How often a line is drawn again: often enough for a clock, and next to nothing in work.
const REDRAW: Duration = Duration::from_millis(200);

/// Longer names are cut off, because a line is as wide as the terminal.
const WIDEST_NAME: usize = 44;

/// The lines of the running tests.
#[derive(Debug)]
pub(super) struct Live {
    lines: MultiProgress,
    tests: HashMap<String, Running>,
    style: Style,
    columns: Columns,
}

#[derive(Debug)]
struct Running {
    bar: ProgressBar,
    attempt: u32,
    of: u32,
    /// What was heard last of a test that is measured.
    measuring: Option<Measuring>,
    progress: AttemptProgress,
}

impl Live {
    /// Lines on standard error.
    pub(super) fn on_stderr(style: Style) -> Self {
        let lines = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        Self { lines, tests: HashMap::new(), style, columns: Columns::default() }
    }

    /// Sets what the lines align to.
    pub(super) fn align(&mut self, columns: Columns) {
        self.columns = columns;
    }

    /// Runs what writes to the same terminal.
    pub(super) fn suspend<R>(&self, write: impl FnOnce() -> R) -> R {
        self.lines.suspend(write)
    }

    /// An attempt begins: a line appears, or the one of the attempt before goes on.
    pub(super) fn attempt_started(&mut self, started: &AttemptStarted) {
        let timeout = Duration::from_millis(started.timeout_ms);
        let running = self.tests.entry(started.test.clone()).or_insert_with(|| Running {
            bar: self.lines.add(ProgressBar::no_length()),
            attempt: 1,
            of: 1,
            measuring: None,
            progress: AttemptProgress::default(),
        });
        running.attempt = started.attempt;
        running.of = started.of;
        running.progress = AttemptProgress::default();
        let clock = move |state: &ProgressState, out: &mut dyn fmt::Write| {
            // A line that is not written is drawn again soon.
            let _written = out.write_str(&clock(state.elapsed(), timeout));
        };
        let style = ProgressStyle::with_template("{clock} {wide_msg}")
            .expect("the template is well-formed")
            .with_key("clock", clock);
        running.bar.set_style(style);
        running.bar.reset_elapsed();
        running.bar.set_message(line(&started.test, running, self.columns, self.style));
        running.bar.enable_steady_tick(REDRAW);
    }

    /// What a running attempt does just now.
    pub(super) fn progress(&mut self, progress: &AttemptProgress) {
        if let Some(running) = self.tests.get_mut(&progress.test) {
            running.progress = progress.clone();
            let line = line(&progress.test, running, self.columns, self.style);
            running.bar.set_message(line);
        }
    }

    /// How far the measuring of a test has come.
    pub(super) fn measuring(&mut self, measuring: &Measuring) {
        if let Some(running) = self.tests.get_mut(&measuring.test) {
            running.measuring = Some(measuring.clone());
            let line = line(&measuring.test, running, self.columns, self.style);
            running.bar.set_message(line);
        }
    }

    /// A test ended: its line goes.
    pub(super) fn test_ended(&mut self, test: &str) {
        if let Some(running) = self.tests.remove(test) {
            running.bar.finish_and_clear();
            self.lines.remove(&running.bar);
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        for (_, running) in self.tests.drain() {
            running.bar.finish_and_clear();
        }
    }
}

/// `  3.2/30 s`: how long the attempt has run, and how long it may.
fn clock(elapsed: Duration, timeout: Duration) -> String {
    let timeout = timeout.as_secs_f64();
    let clock = format!("{:.1}/{timeout:.0} s", elapsed.as_secs_f64());
    format!("{clock:>11}")
}

fn line(test: &str, running: &Running, columns: Columns, style: Style) -> String {
    let AttemptProgress { phase, faults, ok, not_ok, .. } = &running.progress;
    let width = columns.name().min(WIDEST_NAME);
    let mut parts = vec![format!("{:<width$}", words::shortened(test, width))];
    if let Some(Measuring { most, failures, left_ms, .. }) = &running.measuring {
        let left = words::time(Duration::from_millis(*left_ms));
        let run = running.attempt;
        parts.push(format!("run {run} of at most {most}, {failures} failed, at most {left} left"));
    } else if running.attempt > 1 {
        let attempt = format!("attempt {} of {}", running.attempt, running.of);
        parts.push(style.paint(Paint::Doubtful, &attempt));
    }
    if ok + not_ok > 0 {
        parts.push(format!("{ok} ok"));
    }
    if *not_ok > 0 {
        parts.push(style.paint(Paint::Doubtful, &format!("{not_ok} not ok")));
    }
    // The step of a schedule is named after its faults; they need not be named twice.
    let phase = phase.as_deref().unwrap_or_default();
    let label = |fault: &String| {
        let label = fault.split_once(": ").map_or(fault.as_str(), |(_, label)| label);
        phase.contains(label)
    };
    if faults.is_empty() {
        parts.push(phase.to_owned());
    } else if faults.iter().all(label) {
        parts.push(style.paint(Paint::Bad, phase));
    } else {
        parts.push(phase.to_owned());
        parts.push(style.paint(Paint::Bad, &format!("[{}]", faults.join(", "))));
    }
    parts.retain(|part| !part.is_empty());
    // A message of several lines would break the drawing.
    words::one_line(&parts.join("  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_where_the_test_is_and_under_which_faults() {
        let mut running = Running {
            bar: ProgressBar::hidden(),
            attempt: 1,
            of: 4,
            measuring: None,
            progress: AttemptProgress::default(),
        };
        let columns = Columns::of(&["money".to_owned(), "a_longer_name".to_owned()]);
        let plain = Style { colour: false };
        assert_eq!(line("money", &running, columns, plain).trim_end(), "money");
        running.attempt = 2;
        running.progress = AttemptProgress {
            test: "money".to_owned(),
            phase: Some("hold 3s".to_owned()),
            faults: vec!["postgres: latency 80ms ↓".to_owned(), "postgres: cut".to_owned()],
            ok: 1203,
            not_ok: 4,
        };
        assert_eq!(
            line("money", &running, columns, plain),
            "money          attempt 2 of 4  1203 ok  4 not ok  hold 3s  [postgres: latency 80ms ↓, postgres: cut]"
        );
        running.attempt = 1;
        running.progress.phase =
            Some("latency 80ms ↓ on postgres and cut on postgres 3s".to_owned());
        assert_eq!(
            line("money", &running, columns, plain),
            "money          1203 ok  4 not ok  latency 80ms ↓ on postgres and cut on postgres 3s"
        );
        running.attempt = 45;
        running.progress = AttemptProgress::default();
        running.measuring = Some(Measuring {
            test: "money".to_owned(),
            runs: 41,
            most: 300,
            failures: 3,
            left_ms: 125_000,
        });
        assert_eq!(
            line("money", &running, columns, plain),
            "money          run 45 of at most 300, 3 failed, at most 2 min 05 s left"
        );
        let times = (Duration::from_millis(3_240), Duration::from_secs(30));
        assert_eq!(clock(times.0, times.1), "   3.2/30 s");
    }
}
