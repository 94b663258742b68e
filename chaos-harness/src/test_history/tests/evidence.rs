//! What the evidence of a test is taken from when the test changes, and when runs take place elsewhere.

use super::*;

/// Makes first attempts in runs of their own, of which some fail.
fn runs(directory: &Path, suite: impl Fn(&str) -> Suite, outcomes: &str) {
    for (number, outcome) in outcomes.chars().enumerate() {
        let history = History::open(directory, suite(&number.to_string())).unwrap();
        let verdict = if outcome == 'F' { failed(FailureKind::Check) } else { Verdict::Passed };
        attempt(&history, TEST, 1, verdict);
    }
}

fn with_fingerprint(fingerprint: u64) -> impl Fn(&str) -> Suite {
    move |run| Suite {
        run: format!("{fingerprint}-{run}"),
        tests: HashMap::from([(TEST.to_owned(), fingerprint)]),
        ..suite(run)
    }
}

fn judge(directory: &Path, fingerprint: u64) -> (CategorySummary, Trend) {
    History::open(directory, with_fingerprint(fingerprint)("now")).unwrap().judge(TEST).unwrap()
}

/// The history made compact, so that what is asked is asked of that form, too.
fn compacted(directory: &Path) -> tempfile::TempDir {
    let other = tempfile::tempdir().unwrap();
    merge(other.path(), &[directory.to_owned()]).unwrap();
    other
}

#[test]
fn a_test_that_changed_has_new_evidence_and_its_past_is_told() {
    let directory = tempfile::tempdir().unwrap();
    runs(directory.path(), with_fingerprint(1), &"..F.".repeat(10));
    let (before, trend) = judge(directory.path(), 1);
    assert_eq!((before.n, before.failures, trend.changed), (40, 10, None));
    runs(directory.path(), with_fingerprint(2), "....");
    let compact = compacted(directory.path());
    for directory in [directory.path(), compact.path()] {
        let (now, trend) = judge(directory, 2);
        assert_eq!((now.n, now.failures, now.category), (4, 0, Category::Undetermined));
        assert_eq!(trend.recent, "....");
        let changed = trend.changed.unwrap();
        assert_eq!((changed.before.n, changed.before.failures), (40, 10));
        assert_eq!(changed.commit.as_deref(), Some("commit-0"));
        // Whoever goes back to what the test was has its evidence again.
        let (before, trend) = judge(directory, 1);
        assert_eq!((before.n, before.failures, trend.changed), (40, 10, None));
    }
}

#[test]
fn a_test_that_changed_is_no_regression() {
    let directory = tempfile::tempdir().unwrap();
    runs(directory.path(), with_fingerprint(1), &".".repeat(60));
    runs(directory.path(), with_fingerprint(2), "FFFF");
    assert_eq!(judge(directory.path(), 2).1.regression, None);
    runs(directory.path(), with_fingerprint(1), "FFFF");
    let regression = judge(directory.path(), 1).1.regression.unwrap();
    assert_eq!((regression.before.n, regression.latest.n), (60, 4));
    assert!(regression.began_unix_ms > 0);
    assert_eq!(regression.commit.as_deref(), Some("commit-0"));
    assert_eq!(regression.last_good_commit.as_deref(), Some("commit-59"));
}

#[test]
fn lines_of_older_versions_are_of_the_test_that_was_met_first() {
    let directory = tempfile::tempdir().unwrap();
    runs(directory.path(), with_fingerprint(0), "..F.");
    assert_eq!(judge(directory.path(), 0).0.n, 4);
    // Nobody knows better before the first line that tells.
    assert_eq!(judge(directory.path(), 5).0.n, 4);
    runs(directory.path(), with_fingerprint(5), "..");
    assert_eq!(judge(directory.path(), 5).0.n, 6);
    assert_eq!(judge(directory.path(), 6).0.n, 0);
}

#[test]
fn other_surroundings_are_shown_and_are_no_evidence_here() {
    let directory = tempfile::tempdir().unwrap();
    let release = |run: &str| Suite {
        run: format!("release-{run}"),
        surroundings: Surroundings { build: "release".to_owned(), ..here() },
        ..suite(run)
    };
    runs(directory.path(), release, &"...F".repeat(8));
    runs(directory.path(), suite, "..");
    let compact = compacted(directory.path());
    for directory in [directory.path(), compact.path()] {
        let here = History::open(directory, suite("now")).unwrap();
        let (summary, trend) = here.judge(TEST).unwrap();
        assert_eq!((summary.n, summary.failures), (2, 0));
        let [elsewhere] = trend.elsewhere.as_slice() else { panic!("{trend:?}") };
        assert_eq!(elsewhere.surroundings, "local, linux x86_64, release");
        assert_eq!((elsewhere.rate.n, elsewhere.rate.failures), (32, 8));
        let there = History::open(directory, release("now")).unwrap();
        assert_eq!(counts(&there, TEST), (32, 8, 0));
    }
}

#[test]
fn a_compact_file_of_the_first_version_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let suite_directory = directory.path().join("ledger.chaos");
    std::fs::create_dir_all(&suite_directory).unwrap();
    let lines = r#"{"package":"ledger","binary":"chaos","test":"","version":1,"event":{"names":{"runs":["a","b"],"systemic":[],"failures":[{"signature":3,"kind":"check","message":"m"}]}}}
{"package":"ledger","binary":"chaos","test":"bank::transfers_conserve_money","version":1,"event":{"attempts":{"id":[11,12],"after_ms":[1700000000000,5],"run":[0,1],"outcome":[4,5],"attempt":[],"seed":[[1,42]],"failure":[[1,0]],"open":[]}}}
"#;
    std::fs::write(suite_directory.join("00000001.compact.jsonl"), lines).unwrap();
    let history = History::open(directory.path(), suite("now")).unwrap();
    assert_eq!(counts(&history, TEST), (2, 1, 0));
    assert_eq!(history.judge(TEST).unwrap().1.failures[0].kind, "check");
    assert_eq!(history.take_problems(), Vec::<String>::new());
}
