//! What nextest expects, spoken as nextest speaks it.

use chaos_harness::core::verdict::FailureKind;
use chaos_harness::exit_code;
use chaos_harness::run_event::RunEvent;

use crate::binary::{Suite, events_in};
use crate::interruption::kill;

crate::tests![
    listing_twice_prints_names_and_nothing_else,
    one_test_runs_by_its_name_and_answers_with_its_exit_code,
    processes_of_one_run_share_its_directory,
    one_report_has_the_tests_of_all_processes_when_it_is_asked_for,
    a_run_is_judged_as_a_whole_when_it_is_over,
    what_was_killed_under_nextest_is_no_pass,
    retries_are_left_to_nextest_and_counted_on,
    what_no_retry_forgives_is_not_forgiven_by_those_of_nextest,
    repetitions_of_a_stress_run_do_not_collide,
];

const RUN_ID: &str = "6f3d1f7e-run";

fn nextest() -> Suite {
    Suite::new()
        .with("NEXTEST", "1")
        .with("NEXTEST_EXECUTION_MODE", "process-per-test")
        .with("NEXTEST_RUN_ID", RUN_ID)
}

fn listing_twice_prints_names_and_nothing_else() {
    let suite = nextest();
    let all = suite.run("--list --format terse");
    let ignored = suite.run("--list --format terse --ignored");
    for run in [&all, &ignored] {
        run.assert_code(exit_code::PASSED);
        assert!(run.stdout.lines().all(|line| line.ends_with(": test")), "{}", run.stdout);
        assert_eq!(run.stderr, "");
    }
    assert_eq!(ignored.stdout.lines().count(), 1);
}

fn one_test_runs_by_its_name_and_answers_with_its_exit_code() {
    let suite = nextest();
    let run = suite.run("--exact suite::passes --nocapture");
    run.assert_code(exit_code::PASSED);
    assert!(run.stdout.contains("printed by passes"), "{}", run.stdout);
    suite.run("--exact suite::is_ignored --nocapture --ignored").assert_code(exit_code::PASSED);
    suite.run("--exact suite::exits --nocapture").assert_code(exit_code::FAILED);
    suite.run("--exact suite::aborts --nocapture").assert_code(exit_code::FAILED);
}

fn processes_of_one_run_share_its_directory() {
    let suite = nextest();
    suite.run("--exact suite::passes --nocapture");
    suite.run("--exact suite::passes_without_async --nocapture");
    let run = suite.scratch(&format!("chaos/runs/{RUN_ID}/chaos-harness.contract"));
    let events = events_in(&run);
    let starts = events.iter().filter(|event| matches!(event, RunEvent::RunStarted(_))).count();
    assert_eq!((starts, events.len()), (2, 10), "{events:#?}");
}

fn one_report_has_the_tests_of_all_processes_when_it_is_asked_for() {
    let suite = nextest();
    let failed = suite.run("--exact suite::fails_a_check --nocapture");
    let command = format!("--test contract -- --chaos-report={RUN_ID}");
    assert!(failed.stdout.contains(&command), "{}", failed.stdout);
    suite.run("--exact suite::passes --nocapture");
    let copy = suite.scratch("chaos/report.json");
    assert!(!copy.exists(), "no process knows that it is the last");
    for run in ["--chaos-report", &format!("--chaos-report={RUN_ID}")] {
        let made = suite.run(run);
        made.assert_code(exit_code::PASSED);
        let report = std::fs::read_to_string(made.stdout.trim()).unwrap();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let tests = report["tests"].as_array().unwrap().iter();
        let names: Vec<_> = tests.map(|test| test["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["suite::fails_a_check", "suite::passes"]);
        std::fs::remove_file(&copy).unwrap();
    }
    let unknown = suite.run("--chaos-report=another");
    unknown.assert_code(exit_code::USAGE);
    assert!(unknown.stderr.contains("`another`") && unknown.stderr.contains(RUN_ID));
}

/// A suite with gates and with phases, whose ground breaks.
fn house() -> Suite {
    let suite = nextest();
    let toml = "[gates]\npass-rate = \"90 %\"\n[gates.domains.roof]\npass-rate = \"50 %\"\n\
                [phases.ground]\ndomains = \"ground\"\npass-rate = \"100 %\"\n\
                [phases.walls]\ndomains = \"walls\"\nafter = \"ground\"\n";
    let config = suite.scratch("chaos.toml");
    std::fs::write(&config, toml).unwrap();
    suite.with("CHAOS_CONFIG", config.to_str().unwrap())
}

fn a_run_is_judged_as_a_whole_when_it_is_over() {
    let suite = house();
    let none = suite.run("--chaos-judge");
    none.assert_code(exit_code::USAGE);
    assert!(none.stderr.contains("there is no run `latest`"), "{}", none.stderr);
    // What nextest does with four tests, of which one may fail, and does.
    std::fs::write(suite.scratch("cellar_breaks"), "").unwrap();
    for test in ["a_roof", "c_ground", "d_cellar", "b_walls"] {
        let run = suite.run(&format!("--exact suite::phases::{test} --nocapture"));
        run.assert_code(exit_code::PASSED);
        if test == "b_walls" {
            let command = format!("-p chaos-harness --test contract -- --chaos-judge={RUN_ID}`");
            assert!(run.stderr.contains(&command), "{}", run.stderr);
        }
    }
    // Judged twice it is the same.
    for arguments in ["--chaos-judge", &format!("--chaos-judge={RUN_ID}")] {
        let judged = suite.run(arguments);
        judged.assert_code(exit_code::GATE);
        let text = judged.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "tests 3 passed, 1 failed as it may",
            "FAILED pass-rate: 3 of 4 tests passed (75.0 %), 15.0 points below the 90.0 %",
            "passed pass-rate of `roof`: 1 of 1",
            "FAILED phase `walls`: stays locked: `ground` came to 1 of 2 (50 %), 100 % are needed; its 1 \
             test ran all the same",
            "test result: FAILED. 3 passed; 0 failed; 1 ignored",
        ] {
            assert!(text.contains(part), "{part:?} is not in {}", judged.stdout);
        }
        assert!(text.contains("judged by a part of the suite:"), "{text}");
        assert!(text.contains(" not in the run)"), "{text}");
        let report = std::fs::read_to_string(suite.scratch("chaos/report.json")).unwrap();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let gates = report["gates"].as_array().unwrap();
        assert_eq!(gates.len(), 3, "{gates:#?}");
    }
    suite.run("--exact suite::fails_a_check --nocapture").assert_code(exit_code::FAILED);
    let failed = suite.run("--chaos-judge");
    failed.assert_code(exit_code::FAILED);
    assert!(failed.stdout.contains("failures:\n    suite::fails_a_check\n"), "{}", failed.stdout);
}

fn what_was_killed_under_nextest_is_no_pass() {
    // With its `slow-timeout` nextest asks first, and kills what does not go.
    for signal in ["-TERM", "-KILL"] {
        a_test_that_got_is_no_pass(signal);
    }
}

fn a_test_that_got_is_no_pass(signal: &str) {
    let suite = house();
    suite.run("--exact suite::passes --nocapture").assert_code(exit_code::PASSED);
    suite.run("--chaos-judge").assert_code(exit_code::PASSED);
    let mut command = suite.command("--exact suite::phases::f_tree_grows --nocapture");
    let mut running = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    crate::binary::eventually("the test has begun", || {
        let has_begun = |event: &RunEvent| match event {
            RunEvent::AttemptStarted(started) => started.test.ends_with("f_tree_grows"),
            _ => false,
        };
        suite.events().iter().any(has_begun).then_some(())
    });
    kill(signal, running.id());
    running.wait().unwrap();
    let judged = suite.run("--chaos-judge");
    judged.assert_code(exit_code::FAILED);
    let part = "did not come to an end (were they killed?):\n    suite::phases::f_tree_grows\n";
    assert!(judged.stdout.contains(part), "{}", judged.stdout);
    let report = std::fs::read_to_string(suite.scratch("chaos/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["totals"]["unfinished"], 1, "{}", report["totals"]);
    let text = judged.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let gate = "FAILED pass-rate: 1 of 2 tests passed (50.0 %), 40.0 points below the 90.0 % that are \
                needed; failed: `suite::phases::f_tree_grows`";
    assert!(text.contains(gate), "{text}");
}

fn retries_are_left_to_nextest_and_counted_on() {
    let suite = nextest().with("NEXTEST_TOTAL_ATTEMPTS", "3");
    let attempt = |number: &str| {
        let mut command = suite.command("--exact suite::passes_at_the_third_attempt --nocapture");
        command.env("NEXTEST_ATTEMPT", number);
        command.output().unwrap()
    };
    let outputs = ["1", "2", "3"].map(attempt);
    let passed = outputs.each_ref().map(|output| output.status.success());
    assert_eq!(passed, [false, false, true]);
    let told = String::from_utf8_lossy(&outputs[0].stderr).into_owned();
    assert!(told.contains("nextest"), "{told}");
    let run = suite.scratch(&format!("chaos/runs/{RUN_ID}/chaos-harness.contract"));
    let started: Vec<_> = events_in(&run)
        .into_iter()
        .filter_map(|event| match event {
            RunEvent::AttemptStarted(started) => Some(started),
            _ => None,
        })
        .collect();
    let numbers: Vec<_> = started.iter().map(|started| (started.attempt, started.of)).collect();
    assert_eq!(numbers, [(1, 3), (2, 3), (3, 3)]);
    assert_eq!(started[0].seed, started[1].seed);
    assert_ne!(started[0].seed, started[2].seed);
}

fn what_no_retry_forgives_is_not_forgiven_by_those_of_nextest() {
    let attempts = |suite: &Suite, test: &str| {
        ["1", "2", "3"].map(|number| {
            let mut command = suite.command(&format!("--exact {test} --nocapture"));
            command.env("NEXTEST_TOTAL_ATTEMPTS", "3").env("NEXTEST_ATTEMPT", number);
            let output = command.output().unwrap();
            (output.status.success(), String::from_utf8(output.stdout).unwrap())
        })
    };
    let violated = attempts(&nextest(), "suite::violates_a_check_at_first");
    assert_eq!(violated.each_ref().map(|it| it.0), [false; 3], "{violated:#?}");
    let told = "passed on attempt 2 and fails all the same: before, a check failed, which no retry";
    assert!(violated[1].1.contains(told), "{}", violated[1].1);
    let skipped = attempts(&nextest(), "suite::loses_what_it_needs");
    assert_eq!(skipped.each_ref().map(|it| it.0), [false; 3], "{skipped:#?}");
    let told = "skipped on attempt 2 and fails all the same: before, a check failed, which is not";
    assert!(skipped[1].1.contains(told), "{}", skipped[1].1);
    let strict = nextest().with("CHAOS_FLAKY_RESULT", "fail");
    let strict = attempts(&strict, "suite::passes_at_the_third_attempt");
    assert_eq!(strict.each_ref().map(|it| it.0), [false; 3], "{strict:#?}");
    assert!(strict[2].1.contains("(flaky-result is `fail`)"), "{}", strict[2].1);
}

fn repetitions_of_a_stress_run_do_not_collide() {
    let suite = nextest();
    for repetition in ["0", "1", "2"] {
        let mut command = suite.command("--exact suite::passes --nocapture");
        let output = command.env("NEXTEST_STRESS_CURRENT", repetition).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let run = suite.run("--exact suite::hangs_politely --nocapture");
    assert_eq!(run.failure_kinds(), [FailureKind::Timeout]);
}
