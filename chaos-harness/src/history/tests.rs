//! Tests of the history as a whole: real files, real processes.

use std::fs::OpenOptions;
use std::io::Write;
use std::process::Command;

use chaos_core::stats::Category;
use chaos_core::verdict::{Failure, FailureKind};

use super::*;
use crate::run_event::AttemptSummary;

const TEST: &str = "bank::transfers_conserve_money";

fn suite(run: &str) -> Suite {
    Suite {
        package: "ledger".to_owned(),
        binary: "chaos".to_owned(),
        run: run.to_owned(),
        tests: vec![TEST.to_owned(), "other".to_owned()],
        evidence: Evidence::Counts,
    }
}

fn started(test: &str, attempt: u32) -> AttemptStarted {
    AttemptStarted {
        test: test.to_owned(),
        attempt,
        of: 4,
        seed: 42,
        unix_ms: 1_700_000_000_000,
        timeout_ms: 60_000,
        journal: "journal.jsonl".to_owned(),
    }
}

fn ended(test: &str, attempt: u32, verdict: Verdict) -> AttemptEnded {
    AttemptEnded {
        test: test.to_owned(),
        attempt,
        seed: 42,
        duration_ns: 5_000_000,
        verdict,
        summary: AttemptSummary::default(),
        stdout: None,
        stderr: None,
        resources: None,
    }
}

fn failed(kind: FailureKind) -> Verdict {
    Verdict::Failed(Failure::new(kind, "it was wrong"))
}

fn attempt(history: &History, test: &str, attempt: u32, verdict: Verdict) {
    history.record_started(&started(test, attempt)).unwrap();
    history.record_ended(&ended(test, attempt, verdict), attempt == 1).unwrap();
}

fn file(directory: &Path, number: u64) -> PathBuf {
    directory.join("ledger.chaos").join(format!("{number:08}.jsonl"))
}

fn counts(history: &History, test: &str) -> (u64, u64, u64) {
    let summary = history.category(test).unwrap();
    (summary.n, summary.failures, summary.missing_ends)
}

#[test]
fn only_first_attempts_that_say_something_of_the_test_count() {
    let directory = tempfile::tempdir().unwrap();
    let history = History::open(directory.path(), suite("one")).unwrap();
    attempt(&history, TEST, 1, failed(FailureKind::Check));
    attempt(&history, TEST, 2, failed(FailureKind::Check));
    attempt(&history, TEST, 3, Verdict::Passed);
    assert_eq!(counts(&history, TEST), (1, 1, 0));
    attempt(&history, TEST, 1, Verdict::Passed);
    attempt(&history, TEST, 1, Verdict::Skipped { reason: "no root".to_owned() });
    let reason = "the machine was busy".to_owned();
    attempt(&history, TEST, 1, Verdict::Environment { reason, failure: None });
    attempt(&history, TEST, 1, failed(FailureKind::Fixture));
    attempt(&history, TEST, 1, failed(FailureKind::Interrupted));
    attempt(&history, TEST, 1, failed(FailureKind::Harness));
    attempt(&history, "other", 1, failed(FailureKind::Panic));
    assert_eq!(counts(&history, TEST), (2, 1, 0));

    for evidence in [Evidence::ChosenSeed, Evidence::OuterRetry] {
        let other = Suite { evidence, ..suite("two") };
        let other = History::open(directory.path(), other).unwrap();
        attempt(&other, TEST, 1, failed(FailureKind::Check));
        assert_eq!(counts(&other, TEST), (2, 1, 0), "{evidence:?}");
    }
    assert_eq!(counts(&history, "never_ran"), (0, 0, 0));
}

#[test]
fn a_category_rests_on_all_runs_and_names_its_evidence() {
    let directory = tempfile::tempdir().unwrap();
    for run in 0..118 {
        let history = History::open(directory.path(), suite(&run.to_string())).unwrap();
        let verdict = if run % 10 == 0 { failed(FailureKind::Recovery) } else { Verdict::Passed };
        attempt(&history, TEST, 1, verdict);
    }
    let history = History::open(directory.path(), suite("now")).unwrap();
    let summary = history.category(TEST).unwrap();
    assert_eq!(summary.category, Category::Flaky);
    assert_eq!((summary.n, summary.failures), (118, 12));
    assert!(summary.low < summary.rate && summary.rate < summary.high);
    assert!((0.80..=1.0).contains(&summary.confidence));
    assert_eq!(history.category("other").unwrap().category, Category::Undetermined);
}

#[test]
fn an_attempt_whose_harness_was_killed_is_seen_and_does_not_count() {
    let directory = tempfile::tempdir().unwrap();
    let killed = History::open(directory.path(), suite("killed")).unwrap();
    attempt(&killed, TEST, 1, Verdict::Passed);
    killed.record_started(&started(TEST, 1)).unwrap();
    // In the run itself the attempt may still be going on, in this process or in another one.
    assert_eq!(counts(&killed, TEST), (1, 0, 0));
    drop(killed);

    let next = History::open(directory.path(), suite("next")).unwrap();
    assert_eq!(counts(&next, TEST), (1, 0, 1));
}

#[test]
fn torn_foreign_and_newer_lines_cost_only_themselves_and_are_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let history = History::open(directory.path(), suite("one")).unwrap();
    attempt(&history, TEST, 1, Verdict::Passed);
    let mut raw = OpenOptions::new().append(true).open(file(directory.path(), 1)).unwrap();
    raw.write_all(b"not json\n\xff\xfe\n{\"version\":99,\"what\":\"ever\"}\n[]\n\n").unwrap();
    // A disk that fills up tears a line in the middle.
    raw.write_all(b"{\"package\":\"ledger\",\"binary\":\"chaos\",\"test\":\"ba").unwrap();
    attempt(&history, TEST, 1, failed(FailureKind::Panic));
    assert_eq!(counts(&history, TEST), (2, 1, 0));
    let problems = history.take_problems();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("4 lines"), "{problems:?}");
    assert!(problems[1].starts_with("1 lines") && problems[1].contains("newer"), "{problems:?}");

    assert_eq!(counts(&history, TEST), (2, 1, 0));
    assert_eq!(history.take_problems(), Vec::<String>::new());
}

#[test]
fn a_line_that_is_only_half_written_counts_when_it_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let history = History::open(directory.path(), suite("one")).unwrap();
    attempt(&history, TEST, 1, Verdict::Passed);
    let path = file(directory.path(), 1);
    let both = std::fs::read(&path).unwrap();
    let mut raw = OpenOptions::new().append(true).open(&path).unwrap();
    let (half, rest) = both.split_at(both.len() - 20);
    raw.write_all(half).unwrap();
    assert_eq!(counts(&history, TEST), (1, 0, 0));
    raw.write_all(rest).unwrap();
    assert_eq!(counts(&history, TEST), (2, 0, 0));
    assert_eq!(history.take_problems(), Vec::<String>::new());
}

#[test]
fn the_history_stays_bounded_and_forgets_the_oldest_first() {
    let directory = tempfile::tempdir().unwrap();
    let history = History::open(directory.path(), suite("one")).unwrap();
    attempt(&history, TEST, 1, failed(FailureKind::Check));
    // Files that are full, made by hand: to write them line by line would take a minute.
    let filler = "\n".repeat(usize::try_from(segments::FULL).unwrap());
    for number in 2..=40 {
        std::fs::write(file(directory.path(), number), &filler).unwrap();
    }
    attempt(&history, TEST, 1, Verdict::Passed);

    let left = std::fs::read_dir(directory.path().join("ledger.chaos")).unwrap().count();
    assert_eq!(left, segments::KEPT);
    assert!(file(directory.path(), 41).exists() && !file(directory.path(), 25).exists());
    let next = History::open(directory.path(), suite("next")).unwrap();
    assert_eq!(counts(&next, TEST), (1, 0, 0));
}

#[test]
fn a_name_cannot_lead_out_of_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let outside = Suite { package: "../../x".to_owned(), ..suite("one") };
    let history = History::open(directory.path(), outside).unwrap();
    attempt(&history, TEST, 1, Verdict::Passed);
    assert_eq!(counts(&history, TEST), (1, 0, 0));
    assert!(directory.path().join("______x.chaos/00000001.jsonl").exists());
}

/// The directory in which this test binary, started again, is to write until it is killed.
const WRITE_TO: &str = "CHAOS_HARNESS_TEST_WRITE_HISTORY_TO";

#[test]
fn many_processes_write_at_once_and_one_is_killed() {
    if let Some(directory) = std::env::var_os(WRITE_TO) {
        let history = History::open(Path::new(&directory), suite("writers")).unwrap();
        for _ in 0..500 {
            attempt(&history, TEST, 1, Verdict::Passed);
        }
        // The last one is killed in the midst of an attempt.
        history.record_started(&started(TEST, 1)).unwrap();
        println!("written");
        std::thread::sleep(Duration::from_secs(60));
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut writers: Vec<_> = (0..6)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "--nocapture"])
                .arg("history::tests::many_processes_write_at_once_and_one_is_killed")
                .env(WRITE_TO, directory.path())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for writer in &mut writers {
        let mut output = io::BufReader::new(writer.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("written") {
            line.clear();
            let length = io::BufRead::read_line(&mut output, &mut line).unwrap();
            assert!(length > 0, "the writer ended too early");
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
    }
    let history = History::open(directory.path(), suite("reader")).unwrap();
    assert_eq!(counts(&history, TEST), (3_000, 0, 6));
    assert_eq!(history.take_problems(), Vec::<String>::new());
}

/// A measurement, not a test: `cargo test -p chaos-harness history -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn reading_a_hundred_thousand_lines() {
    let directory = tempfile::tempdir().unwrap();
    let history = History::open(directory.path(), suite("one")).unwrap();
    attempt(&history, "template", 1, Verdict::Passed);
    let template = std::fs::read_to_string(file(directory.path(), 1)).unwrap();
    let mut lines = String::new();
    for number in 0..50_000 {
        let name = format!("bank::test_{:02}", number % 50);
        lines.push_str(&template.replace("template", &name));
    }
    std::fs::write(file(directory.path(), 1), &lines).unwrap();
    for asked in [1, 50] {
        let tests = (0..asked).map(|number| format!("bank::test_{number:02}")).collect();
        let history = History::open(directory.path(), Suite { tests, ..suite("two") }).unwrap();
        let begin = std::time::Instant::now();
        assert_eq!(history.category("bank::test_00").unwrap().n, 1_000);
        let first = begin.elapsed();
        let begin = std::time::Instant::now();
        history.category("bank::test_00").unwrap();
        let again = begin.elapsed();
        println!(
            "100 000 lines, {} bytes, {asked} of 50 tests asked for: first {first:?}, again {again:?}",
            lines.len()
        );
    }
    let begin = std::time::Instant::now();
    for _ in 0..1_000 {
        attempt(&history, TEST, 1, Verdict::Passed);
    }
    println!("an attempt's two lines: {:?}", begin.elapsed() / 1_000);
}
