//! Tests of the history as a whole: real files, real processes.

use std::fs::OpenOptions;
use std::io::Write;

use chaos_core::stats::Category;
use chaos_core::verdict::{Failure, FailureKind};

use super::*;
use crate::run_event::{AttemptSummary, KnownSeed};

mod evidence;
mod scale;
mod steps;
mod writers;

const TEST: &str = "bank::transfers_conserve_money";

fn here() -> Surroundings {
    Surroundings {
        os: "linux".to_owned(),
        arch: "x86_64".to_owned(),
        build: "debug".to_owned(),
        environment: "local".to_owned(),
        profile: None,
    }
}

fn suite(run: &str) -> Suite {
    Suite {
        package: "ledger".to_owned(),
        binary: "chaos".to_owned(),
        run: run.to_owned(),
        tests: HashMap::from([(TEST.to_owned(), 7), ("other".to_owned(), 0)]),
        surroundings: here(),
        commit: Some(format!("commit-{run}")),
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
        waited_ms: 0,
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
        diagnostics: None,
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
    let (summary, _) = history.judge(test).unwrap();
    (summary.n, summary.failures, summary.missing_ends)
}

#[test]
fn what_was_read_to_choose_the_tests_is_not_read_again_to_judge_them() {
    let directory = tempfile::tempdir().unwrap();
    let earlier = History::open(directory.path(), suite("one")).unwrap();
    attempt(&earlier, TEST, 1, failed(FailureKind::Check));
    attempt(&earlier, TEST, 1, Verdict::Passed);
    let asked = History::open(directory.path(), suite("")).unwrap();
    assert_eq!(asked.past(TEST).unwrap().expected, Some(Duration::from_millis(5)));
    // Whoever reads this once more finds nothing.
    let file = file(directory.path(), 1);
    let length = std::fs::read(&file).unwrap().len();
    let mut open = OpenOptions::new().write(true).open(&file).unwrap();
    open.write_all(&[vec![b' '; length - 1], vec![b'\n']].concat()).unwrap();
    assert_eq!(counts(&History::open(directory.path(), suite("")).unwrap(), TEST), (0, 0, 0));
    let history = asked.of_run(suite("two"));
    attempt(&history, TEST, 1, failed(FailureKind::Check));
    assert_eq!(counts(&history, TEST), (3, 2, 0));
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
    let (summary, _) = history.judge(TEST).unwrap();
    assert_eq!(summary.category, Category::Flaky);
    assert_eq!((summary.n, summary.failures), (118, 12));
    assert!(summary.low < summary.rate && summary.rate < summary.high);
    assert!((0.80..=1.0).contains(&summary.confidence));
    assert_eq!(history.judge("other").unwrap().0.category, Category::Undetermined);
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
    assert!(problems[1].starts_with("1 line ") && problems[1].contains("newer"), "{problems:?}");

    assert_eq!(counts(&history, TEST), (2, 1, 0));
    assert_eq!(history.take_problems(), Vec::<String>::new());
}

#[test]
fn a_line_that_is_only_half_written_counts_when_it_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let history = History::open(directory.path(), suite("one")).unwrap();
    attempt(&history, TEST, 1, Verdict::Passed);
    let elsewhere = tempfile::tempdir().unwrap();
    let other = History::open(elsewhere.path(), suite("one")).unwrap();
    attempt(&other, TEST, 1, Verdict::Passed);
    let path = file(directory.path(), 1);
    let both = std::fs::read(file(elsewhere.path(), 1)).unwrap();
    let mut raw = OpenOptions::new().append(true).open(&path).unwrap();
    let (half, rest) = both.split_at(both.len() - 20);
    raw.write_all(half).unwrap();
    assert_eq!(counts(&history, TEST), (1, 0, 0));
    raw.write_all(rest).unwrap();
    assert_eq!(counts(&history, TEST), (2, 0, 0));
    assert_eq!(history.take_problems(), Vec::<String>::new());
}

#[test]
fn many_files_become_a_compact_one_and_nothing_is_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let history = History::open(directory.path(), suite("one")).unwrap();
    attempt(&history, TEST, 1, failed(FailureKind::Check));
    attempt(&history, TEST, 2, failed(FailureKind::Check));
    history.record_started(&started(TEST, 1)).unwrap();
    // Files that are full, made by hand: to write them line by line would take a minute.
    let long = "x".repeat(usize::try_from(segments::FULL).unwrap());
    let filler = format!(
        r#"{{"package":"x","binary":"x","test":"{long}","version":1,"event":{{"systemic":{{"run":"","failed":0,"of":0}}}}}}"#
    ) + "\n";
    for number in 2..=40 {
        std::fs::write(file(directory.path(), number), &filler).unwrap();
    }
    let before = history.judge(TEST).unwrap();
    attempt(&history, TEST, 1, Verdict::Passed);
    attempt(&history, "other", 1, Verdict::Passed);

    let left = std::fs::read_dir(directory.path().join("ledger.chaos")).unwrap();
    let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(
        left,
        [
            "00000039.compact.jsonl",
            "00000040.jsonl",
            "00000041.jsonl",
            "compact.lock",
            "files.lock"
        ]
    );
    // To whom has read the files before, and to whom reads the compact one.
    assert_eq!(counts(&history, TEST), (2, 1, 0));
    let next = History::open(directory.path(), suite("next")).unwrap();
    assert_eq!(counts(&next, TEST), (2, 1, 1));
    assert_eq!(counts(&next, "other"), (1, 0, 0));
    let (_, trend) = next.judge(TEST).unwrap();
    assert_eq!(trend.failures, before.1.failures);
    assert_eq!(trend.seeds, [KnownSeed { seed: 42, attempts: 3, failures: 2 }]);
    assert_eq!(trend.retries.map(|retries| (retries.n, retries.reproduced)), Some((1, 1)));
    assert_eq!(next.take_problems(), Vec::<String>::new());
}

#[test]
fn a_last_line_that_nobody_finishes_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let history = History::open(directory.path(), suite("one")).unwrap();
    attempt(&history, TEST, 1, Verdict::Passed);
    let mut raw = OpenOptions::new().append(true).open(file(directory.path(), 1)).unwrap();
    raw.write_all(b"{\"package\":\"ledger\",\"bin").unwrap();
    let next = History::open(directory.path(), suite("next")).unwrap();
    assert_eq!(counts(&next, TEST), (1, 0, 0));
    assert_eq!(next.take_problems(), Vec::<String>::new(), "somebody may be writing it");
    assert_eq!(counts(&next, TEST), (1, 0, 0));
    let problems = next.take_problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("1 line "), "{problems:?}");
}

#[test]
fn the_histories_of_shards_become_one_and_to_merge_again_adds_nothing() {
    let here = tempfile::tempdir().unwrap();
    let there = tempfile::tempdir().unwrap();
    let ours = History::open(here.path(), suite("ours")).unwrap();
    attempt(&ours, TEST, 1, Verdict::Passed);
    for shard in ["one", "two"] {
        let theirs = there.path().join(shard).join("history");
        let theirs = History::open(&theirs, suite(shard)).unwrap();
        attempt(&theirs, TEST, 1, failed(FailureKind::Check));
        attempt(&theirs, "other", 1, Verdict::Passed);
    }
    let sources = ["one", "two"].map(|shard| there.path().join(shard));
    for added in [4, 0] {
        let merged = merge(here.path(), &sources).unwrap();
        assert_eq!(merged.len(), 1);
        assert_eq!((merged[0].suite.as_str(), merged[0].added), ("ledger.chaos", added));
        assert_eq!(merged[0].known, 5);
        let next = History::open(here.path(), suite("next")).unwrap();
        assert_eq!(counts(&next, TEST), (3, 2, 0));
        assert_eq!(counts(&next, "other"), (2, 0, 0));
        // How long they take is known from the compact file.
        let took = next.past("other").unwrap().expected;
        assert_eq!(took, Some(Duration::from_millis(5)));
    }
    // What a process of an earlier version of the files knows is not lost by it.
    attempt(&ours, TEST, 1, Verdict::Passed);
    assert_eq!(counts(&ours, TEST), (4, 2, 0));

    let nowhere = merge(here.path(), &[there.path().join("three")]).unwrap_err().to_string();
    assert!(nowhere.contains("there is no history in"), "{nowhere}");
}

#[test]
fn a_run_that_is_suspected_is_no_evidence() {
    let directory = tempfile::tempdir().unwrap();
    let suspected = History::open(directory.path(), suite("suspected")).unwrap();
    attempt(&suspected, TEST, 1, failed(FailureKind::Check));
    assert_eq!(counts(&suspected, TEST), (1, 1, 0));
    suspected.record_systemic(7, 9).unwrap();
    assert!(!suspected.was_suspected(TEST).unwrap(), "it was the first");
    let next = History::open(directory.path(), suite("next")).unwrap();
    assert!(next.was_suspected(TEST).unwrap() && !next.was_suspected("other").unwrap());
    attempt(&next, TEST, 1, Verdict::Passed);
    assert!(next.was_suspected(TEST).unwrap(), "a latest other run still was");
    let (summary, trend) = next.judge(TEST).unwrap();
    assert_eq!((summary.n, summary.failures, trend.systemic), (1, 0, 1));
    for (run, was_suspected) in [("second", true), ("third", true), ("fourth", false)] {
        let later = History::open(directory.path(), suite(run)).unwrap();
        assert_eq!(later.was_suspected(TEST).unwrap(), was_suspected, "{run}");
        attempt(&later, TEST, 1, Verdict::Passed);
    }
}

#[test]
fn a_test_that_breaks_is_a_regression_with_its_past_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    for run in 0..103 {
        let history = History::open(directory.path(), suite(&run.to_string())).unwrap();
        let verdict = if run >= 100 { failed(FailureKind::Check) } else { Verdict::Passed };
        attempt(&history, TEST, 1, verdict);
    }
    let history = History::open(directory.path(), suite("now")).unwrap();
    assert_eq!(history.category_before(TEST).unwrap(), Category::Undetermined);
    let (summary, trend) = history.judge(TEST).unwrap();
    assert_eq!((summary.n, summary.failures), (3, 3));
    let regression = trend.regression.unwrap();
    assert_eq!((regression.before.n, regression.before.failures), (100, 0));
    assert!(trend.recent.ends_with(".FFF") && trend.recent.len() == 60, "{}", trend.recent);
    assert_eq!(trend.segments.len(), 2);
    assert_eq!(trend.failures[0].count, 3);
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
