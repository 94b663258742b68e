//! What is kept of the last seconds before a failure, however the attempt ended.

use std::path::Path;

use chaos_harness::core::verdict::{FailureKind, Verdict};
use chaos_harness::exit_code;

use crate::binary::{Run, Suite};

crate::tests![
    an_error_keeps_traces_events_and_the_log_of_the_server_in_order,
    a_panic_keeps_the_log_of_a_server_that_is_gone_with_it,
    a_test_that_blocks_its_thread_shows_what_it_waited_in,
    a_process_that_is_killed_loses_nothing,
    an_attempt_that_passed_keeps_nothing,
    the_window_may_be_none,
    a_subscriber_of_the_users_own_goes_before_ours,
];

/// The names of the files of an attempt, sorted.
fn files(suite: &Suite, test: &str) -> Vec<String> {
    let directory = suite.latest().join(format!("suite.diagnostics.{test}"));
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What was kept of the only attempt: the file that it names.
fn kept(suite: &Suite, run: &Run) -> String {
    let attempts = run.attempts();
    let attempt = match attempts.as_slice() {
        [only] => only,
        all => panic!("{all:#?}"),
    };
    let kept = attempt.diagnostics.as_ref().unwrap_or_else(|| panic!("{attempt:#?}"));
    assert!(kept.lines > 0 && !kept.shown.is_empty() && kept.shown.len() <= 8, "{kept:#?}");
    let path = suite.latest().join(&kept.file);
    let text = read(&path);
    let path = Path::new(&kept.file).file_name().unwrap().to_string_lossy().into_owned();
    assert!(run.stdout.contains("  before   the last 5s, "), "{}", run.stdout);
    assert!(run.stdout.contains(&path), "{}", run.stdout);
    for line in &kept.shown {
        assert!(run.stdout.contains(line.trim_end()), "{line:?} is not in {}", run.stdout);
    }
    text
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Of a line that has all these parts, the time and the place in the text.
fn find(text: &str, parts: &[&str]) -> (f64, usize) {
    let has_all = |line: &&str| parts.iter().all(|part| line.contains(part));
    let lines: Vec<&str> = text.lines().collect();
    let place = lines.iter().position(has_all);
    let place = place.unwrap_or_else(|| panic!("{parts:?} is not in\n{text}"));
    let time = lines[place].split_whitespace().next().unwrap();
    (time.parse().unwrap_or_else(|_| panic!("{:?}", lines[place])), place)
}

/// What `tell` of the suite does is there, from all three sources, in the order of its times.
fn assert_told(text: &str) {
    let opened = find(text, &["trace", "transfer{from=1}: opened"]);
    let refused = find(text, &["postgres", "ERROR:", "refused_by_the_server"]);
    let injected = find(text, &["journal", "fault_started", "latency"]);
    let warned = find(text, &["trace", "WARN", "about to fail attempt=2"]);
    let cleared = find(text, &["journal", "fault_ended"]);
    let places = [opened.1, injected.1, warned.1, cleared.1];
    assert!(places.is_sorted(), "{places:?} in\n{text}");
    // The clock of the log has milliseconds, and so has the beginning of the attempt.
    let within = opened.0 - 0.001..=injected.0 + 0.001;
    assert!(within.contains(&refused.0), "{within:?} in\n{text}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let times: Vec<f64> =
        lines.map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect();
    assert!(times.is_sorted(), "{text}");
}

fn an_error_keeps_traces_events_and_the_log_of_the_server_in_order() {
    let suite = Suite::new();
    let run = suite.run("--exact suite::diagnostics::tells_and_returns_an_error");
    run.assert_failure(FailureKind::Error, &["the account is gone"]);
    let text = kept(&suite, &run);
    assert_told(&text);
    let ended = find(&text, &["journal", "test_ended"]);
    let heading = format!("failed {:.6} s after it began: returned an error", ended.0);
    assert!(text.contains(&heading), "{heading:?} is not in\n{text}");
    let names = files(&suite, "tells_and_returns_an_error");
    assert_eq!(names, ["attempt-1.diagnostics.txt", "attempt-1.jsonl"], "the rest is removed");
    let report = read(&suite.latest().join("report.json"));
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let file = report["tests"][0]["attempts"][0]["diagnostics"]["file"].as_str().unwrap();
    assert!(file.ends_with("attempt-1.diagnostics.txt"), "{file}");
    assert_eq!(read(&suite.latest().join(file)), text, "report.json leads to the file");
}

fn a_panic_keeps_the_log_of_a_server_that_is_gone_with_it() {
    let suite = Suite::new();
    let run = suite.run("--exact suite::diagnostics::tells_and_panics");
    run.assert_failure(FailureKind::Panic, &["the pool is empty"]);
    let text = kept(&suite, &run);
    assert_told(&text);
    // What the server writes whatever happens is in the file alone.
    find(&text, &["postgres", "LOG:", "checkpoint starting"]);
    let attempts = run.attempts();
    let shown = &attempts[0].diagnostics.as_ref().unwrap().shown;
    assert!(!shown.iter().any(|line| line.contains("checkpoint")), "{shown:#?}");
    let panicked = find(&text, &["journal", "panicked", "the pool is empty"]);
    assert!(panicked.0 <= find(&text, &["test_ended"]).0, "{text}");
    let names = files(&suite, "tells_and_panics");
    assert!(!names.iter().any(|name| name.ends_with(".log")), "{names:?}");
}

fn a_test_that_blocks_its_thread_shows_what_it_waited_in() {
    let suite = Suite::new();
    let run = suite.run("--exact suite::diagnostics::tells_and_blocks");
    run.assert_failure(FailureKind::Hang, &["did not stop at its deadline"]);
    let text = kept(&suite, &run);
    assert_told(&text);
    find(&text, &["trace", "waiting for ever: opened"]);
    assert!(!text.contains("waiting for ever: closed"), "{text}");
    assert!(text.contains("failed 2.000000 s after it began"), "{text}");
}

fn a_process_that_is_killed_loses_nothing() {
    let suite = Suite::new();
    let run = suite.run("--exact suite::diagnostics::tells_and_is_killed");
    run.assert_failure(FailureKind::Signal, &["SIGKILL"]);
    let text = kept(&suite, &run);
    assert_told(&text);
    find(&text, &["trace", "INFO", "the last words"]);
    assert!(!text.contains("test_ended"), "{text}");
}

fn an_attempt_that_passed_keeps_nothing() {
    let suite = Suite::new();
    let run = suite.run("--exact suite::diagnostics::tells_and_passes");
    run.assert_code(exit_code::PASSED);
    assert_eq!(run.attempts()[0].diagnostics, None);
    assert_eq!(files(&suite, "tells_and_passes"), ["attempt-1.jsonl"]);
}

fn the_window_may_be_none() {
    let suite = Suite::new().with("CHAOS_DIAGNOSTICS", "0s");
    let run = suite.run("--exact suite::diagnostics::tells_and_panics");
    run.assert_code(exit_code::FAILED);
    assert_eq!(run.attempts()[0].diagnostics, None);
    let names = files(&suite, "tells_and_panics");
    assert_eq!(names, ["attempt-1.jsonl", "attempt-1.stderr"]);
    let wrong = Suite::new().with("CHAOS_DIAGNOSTICS", "1h").run("--exact suite::passes");
    wrong.assert_code(exit_code::USAGE);
    assert!(wrong.stderr.contains("not a duration from 0s to 10m"), "{}", wrong.stderr);
}

fn a_subscriber_of_the_users_own_goes_before_ours() {
    const TEST: &str = "--exact suite::diagnostics::sets_a_subscriber_of_its_own";
    let suite = Suite::new().with("CHAOS_TRACE", "off");
    suite.run(TEST).assert_code(exit_code::PASSED);
    let run = Suite::new().run(TEST);
    run.assert_failure(FailureKind::Panic, &["set CHAOS_TRACE=off", "trace::layer()"]);
    let Verdict::Failed(_) = &run.attempts()[0].verdict else { panic!() };
}
