//! Histories of many tests and many runs. How long they take is measured by a bench, `history`.

use super::*;
use crate::test_history::line::{Attempts, LineEvent, Names};
use crate::test_history::numbers::Numbers;

/// A history of `tests` tests in `runs` runs, as it is after it was made compact.
fn large(directory: &Path, tests: u64, runs: u64) {
    let names = Names {
        runs: (0..runs).map(|run| format!("1700000000000-{run}")).collect(),
        ..Names::default()
    };
    let line = |test: String, event: LineEvent<'static>| Line {
        package: "ledger".into(),
        binary: "chaos".into(),
        test: test.into(),
        version: event.version(),
        event,
    };
    let mut lines = vec![line(String::new(), LineEvent::Names(names))];
    for test in 0..tests {
        // One test in ten fails once in ten runs, one in fifty once in three.
        let every = match test % 50 {
            7 => 3,
            number if number % 10 == 3 => 10,
            _ => 1_000,
        };
        let column = |of: &dyn Fn(u64) -> u64| Numbers((0..runs).map(of).collect());
        let attempts = Attempts {
            id: column(&|run| (test * runs + run) * 8_191_913 % (1 << 53)),
            first_unix_ms: 1_700_000_000_000,
            after_ms: column(&|run| if run == 0 { 0 } else { 3_600_000 }),
            run: column(&|run| run),
            outcome: column(&|run| 4 + u64::from((run + test) % every == every - 1)),
            ..Attempts::default()
        };
        lines.push(line(format!("bank::test_{test:04}"), LineEvent::Attempts(attempts)));
    }
    let directory = directory.join("ledger.chaos");
    std::fs::create_dir_all(&directory).unwrap();
    let mut text = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut text, &line).unwrap();
        text.push(b'\n');
    }
    std::fs::write(directory.join("00000001.compact.jsonl"), text).unwrap();
}

#[test]
fn a_large_history_is_judged_without_delay() {
    let (tests, runs) = (200, 400);
    let directory = tempfile::tempdir().unwrap();
    large(directory.path(), tests, runs);
    let names = (0..tests).map(|test| (format!("bank::test_{test:04}"), 0)).collect();
    let begin = std::time::Instant::now();
    let history = History::open(directory.path(), Suite { tests: names, ..suite("now") }).unwrap();
    for test in 0..tests {
        let (summary, trend) = history.judge(&format!("bank::test_{test:04}")).unwrap();
        assert_eq!(trend.segments.iter().map(|segment| segment.rate.n).sum::<u64>(), runs);
        let expected = match test % 50 {
            7 => Category::VeryFlaky,
            number if number % 10 == 3 => Category::Flaky,
            _ => Category::Stable,
        };
        assert_eq!(summary.category, expected, "{test}: {summary:?}");
    }
    // A hundredth of that, without optimisation; what grows with the square of it would take minutes.
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
}
