//! Selections by name, and how much time they take.

use std::time::{SystemTime, UNIX_EPOCH};

use chaos_harness::exit_code;
use chaos_harness::run_event::{RunEvent, RunStarted};
use serde_json::json;

use crate::binary::{Run, Suite};

crate::tests![
    what_tells_most_for_its_time_is_chosen_and_the_rest_is_no_part_of_the_run,
    a_selection_is_shown_with_the_reason_for_each_test,
    when_the_time_is_over_nothing_more_is_begun,
    a_measurement_ends_with_the_time,
    a_selection_of_domains_and_names_leaves_out_the_others,
    what_cannot_be_selected_is_refused_with_the_nearest,
    nextest_lists_what_is_selected_and_runs_what_it_is_told,
    gates_and_overrides_for_nobody_are_told,
];

const CONFIG: &str = r#"
[selections.brief]
budget = "10s"

[selections.tiny]
budget = "1s"

[selections.outdoors]
domains = "garden"
tests = "*::e_garden"
skip = "*::f_*"
"#;

fn suite(more: &str) -> Suite {
    let suite = Suite::new();
    let config = suite.scratch("chaos.toml");
    std::fs::write(&config, format!("{CONFIG}{more}")).unwrap();
    suite.with("CHAOS_CONFIG", &config.display().to_string())
}

/// Makes up what is remembered of a test: so many attempts just now that passed, each of which took so
/// long. What is older may be from before the latest commit, and be worth more.
fn remember(suite: &Suite, test: &str, attempts: u64, took_ms: u64) {
    let directory = suite.scratch("chaos/history/chaos-harness.contract");
    std::fs::create_dir_all(&directory).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let lines = (0..attempts).map(|n| {
        let ended = json!({
            "id": n + 1, "run": format!("{n}"), "attempt": 1, "seed": n, "unix_ms": now - attempts + n,
            "duration_ns": took_ms * 1_000_000, "outcome": "passed", "counts": true,
        });
        format!(
            "{{\"package\":\"chaos-harness\",\"binary\":\"contract\",\"test\":\"{test}\",\"version\":1,\
             \"event\":{{\"ended\":{ended}}}}}\n"
        )
    });
    let file = directory.join("00000001.jsonl");
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    std::fs::write(file, before + &lines.collect::<String>()).unwrap();
}

fn started(run: &Run) -> &RunStarted {
    let started = run.events.iter().find_map(|event| match event {
        RunEvent::RunStarted(started) => Some(started),
        _ => None,
    });
    started.expect("the run has begun")
}

const PASSING: &str = "--exact suite::passes suite::passes_without_async suite::phases::e_garden";

/// One test that is known well and quick, one that is known well and slow, and one that never ran.
fn known() -> Suite {
    let suite = suite("[gates]\npass-rate = \"50 %\"\nflaky = \"10 %\"\n");
    remember(&suite, "suite::passes", 100, 500);
    remember(&suite, "suite::passes_without_async", 100, 60_000);
    suite
}

fn what_tells_most_for_its_time_is_chosen_and_the_rest_is_no_part_of_the_run() {
    let suite = known();
    let run = suite.run(&format!("{PASSING} --chaos-select brief --test-threads 2"));
    run.assert_code(exit_code::PASSED);
    // The one that never ran is taken for ten seconds, and fits beside the other one.
    assert_eq!(started(&run).selected, ["suite::phases::e_garden", "suite::passes"]);
    let made = started(&run).selection.as_ref().unwrap();
    assert_eq!((made.chosen, made.not_selected, made.budget_ms), (2, 1, Some(10_000)));
    assert_eq!((made.expected_ms, made.not_selected_ms), (10_000, 60_000));
    let line = "selection brief: 2 of 3 tests, expected to take 10.0 s of 10.0 s on 2 threads; 1 left \
                out, which would take 1 min 00 s";
    assert!(run.stdout.contains(line), "{}", run.stdout);
    assert!(run.stdout.contains("not judged flaky"), "{}", run.stdout);
    let part = "by a part of the suite: ";
    assert!(run.stdout.contains(part) && run.stdout.contains("1 not of the selection `brief`"));
    let report = std::fs::read_to_string(suite.latest().join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["selection"]["name"], "brief");
    assert_eq!(report["selection"]["not_selected"], 1);
    assert_eq!(report["tests"].as_array().unwrap().len(), 2);
    let all = suite.run(&format!("{PASSING} --chaos-select comprehensive"));
    assert_eq!(started(&all).selected.len(), 3);
}

fn a_selection_is_shown_with_the_reason_for_each_test() {
    let suite = known();
    let arguments = format!("{PASSING} --chaos-select=brief --test-threads 2");
    let shown = suite.run(&format!("{arguments} --chaos-selection"));
    shown.assert_code(exit_code::PASSED);
    assert!(shown.events.is_empty(), "it runs nothing");
    let lines: Vec<String> = shown
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let has = |part: &str| assert!(lines.iter().any(|line| line.starts_with(part)), "{lines:#?}");
    has("brief: 2 of 3 tests");
    has("suite::phases::e_garden 10.0 s 10.2 points never ran");
    has("suite::passes 0.50 s 0.2 points nothing new is expected");
    has("no time for 1 test:");
    has("suite::passes_without_async 1 min 00 s");
    // The same every time, as nothing has been run.
    assert_eq!(suite.run(&format!("{arguments} --chaos-selection")).stdout, shown.stdout);
    let listed = suite.run(&format!("{arguments} --list --format terse"));
    assert_eq!(listed.stdout, "suite::phases::e_garden: test\nsuite::passes: test\n");
    // On one thread there is no room for what is known, because what never ran tells more.
    let alone = suite.run(&arguments.replace("threads 2", "threads 1 --chaos-selection")).stdout;
    assert!(alone.starts_with("brief: 1 of 3 tests, expected to take 10.0 s"), "{alone}");
    let smoke = suite.run("--chaos-selection --exact suite::passes");
    assert!(smoke.stdout.starts_with("smoke: 1 of 1 test"), "{}", smoke.stdout);
}

fn when_the_time_is_over_nothing_more_is_begun() {
    let suite = suite("");
    // The history is wrong about the tree, which takes more than the whole budget.
    remember(&suite, "suite::phases::f_tree_grows", 5, 100);
    remember(&suite, "suite::passes", 100, 100);
    let tests = "--exact suite::phases::f_tree_grows suite::passes";
    let run = suite.run(&format!("{tests} --chaos-select tiny --test-threads 1"));
    run.assert_code(exit_code::PASSED);
    assert_eq!(started(&run).selected, ["suite::phases::f_tree_grows", "suite::passes"]);
    let reason = "not begun: the 1s of the selection `tiny` are over";
    assert!(run.stdout.contains(reason), "{}", run.stdout);
    assert!(run.stdout.contains("1 test not begun, because the time was over"), "{}", run.stdout);
    assert!(run.stdout.contains("1 passed, 1 out of time"), "{}", run.stdout);
    let report = std::fs::read_to_string(suite.latest().join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["selection"]["out_of_time"], 1);
    assert_eq!(report["tests"][1]["skip_cause"], "out_of_time");
}

fn a_measurement_ends_with_the_time() {
    let suite = suite("");
    remember(&suite, "suite::phases::f_tree_grows", 5, 1);
    let run = suite.run("--exact suite::phases::f_tree_grows --chaos-select tiny --chaos-runs 9");
    run.assert_code(exit_code::PASSED);
    assert_eq!(run.attempts().len(), 1, "the tree takes longer than the budget");
    let remark = "not measured to the end: the 1s of the selection `tiny` are over";
    assert!(run.stdout.contains(remark), "{}", run.stdout);
}

fn a_selection_of_domains_and_names_leaves_out_the_others() {
    let suite = suite("").with("CHAOS_SELECT", "outdoors");
    let run = suite.run("suite::phases");
    run.assert_code(exit_code::PASSED);
    assert_eq!(started(&run).selected, ["suite::phases::e_garden"]);
    let shown = suite.run("suite::phases --chaos-selection").stdout;
    assert!(shown.contains("skipped by `*::f_*`"), "{shown}");
    let run = suite.run("suite::phases --chaos-select comprehensive --exact");
    assert!(run.stdout.contains("running 0 tests"), "the option goes before: {}", run.stdout);
}

fn what_cannot_be_selected_is_refused_with_the_nearest() {
    let suite = suite(
        "[selections.odd]\ndomains = \"gardn\"\n[selections.spared]\nskip = \"suite::pases\"\n",
    );
    for (name, part) in [
        ("smok", "there is no selection `smok`; did you mean `smoke`?"),
        ("odd", "no test has the domain `gardn`; did you mean `garden`?"),
        ("spared", "no test is called `suite::pases`; did you mean `suite::passes`?"),
        ("tiny", "has time for no test: of its 1 tests the shortest is expected to take 10.0 s"),
    ] {
        let run = suite.run(&format!("--exact suite::phases::e_garden --chaos-select {name}"));
        run.assert_code(exit_code::USAGE);
        assert!(run.stderr.contains(part) && run.events.is_empty(), "{}", run.stderr);
    }
}

fn nextest_lists_what_is_selected_and_runs_what_it_is_told() {
    let suite = suite("")
        .with("CHAOS_SELECT", "outdoors")
        .with("NEXTEST", "1")
        .with("NEXTEST_EXECUTION_MODE", "process-per-test");
    let listed = suite.run("--list --format terse");
    listed.assert_code(exit_code::PASSED);
    assert_eq!(listed.stdout, "suite::phases::e_garden: test\n");
    assert_eq!(listed.stderr, "");
    let ignored = suite.run("--list --format terse --ignored");
    assert_eq!(ignored.stdout, "suite::is_ignored: test\n");
    // Whatever it is told to run was selected.
    let run = suite.run("--exact suite::passes --nocapture");
    run.assert_code(exit_code::PASSED);
    assert_eq!(started(&run).selected, ["suite::passes"]);
}

fn gates_and_overrides_for_nobody_are_told() {
    let gate = "[gates.domains.gardn]\npass-rate = \"50 %\"\n";
    let run = suite(gate).run("--exact suite::passes");
    run.assert_code(exit_code::USAGE);
    let part =
        "no test has the domain `gardn`; did you mean `garden`?; if another test binary has it";
    assert!(run.stderr.contains(part) && run.stderr.contains("chaos.toml:"), "{}", run.stderr);
    suite(&format!("{gate}binary = \"other\"\n")).run("--exact suite::passes").assert_code(0);
    let other = "[[override]]\ntests = \"suite::pases\"\nattempts.retries = 1\n";
    let run = suite(other).run("--exact suite::passes");
    run.assert_code(exit_code::PASSED);
    let part = "no test is called `suite::pases`; did you mean `suite::passes`?";
    assert!(
        run.stderr.contains("warning: chaos.toml:") && run.stderr.contains(part),
        "{}",
        run.stderr
    );
    let run = suite(&format!("{other}binary = [\"other\"]\n")).run("--exact suite::passes");
    assert_eq!(run.stderr, "");
}
