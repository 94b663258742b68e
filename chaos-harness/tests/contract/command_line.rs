//! What can be said on the command line, and how it is answered.

use chaos_harness::exit_code;
use chaos_harness::run_event::RunEvent;

use crate::binary::Suite;

crate::tests![
    filters_select_by_part_by_whole_name_and_by_any_of_several,
    what_libtest_accepts_is_accepted,
    a_wrong_argument_is_named_and_runs_nothing,
    options_that_exclude_one_another_are_both_named,
    the_result_line_is_that_of_libtest,
    formats_for_machines_have_nothing_else_on_standard_output,
    the_list_of_tests_comes_in_three_forms,
    ignored_tests_run_when_they_are_asked_for,
    fail_fast_starts_no_more_tests,
    an_order_can_be_shuffled_and_repeated,
    the_logfile_has_the_results,
];

fn filters_select_by_part_by_whole_name_and_by_any_of_several() {
    let suite = Suite::new();
    for (arguments, passed) in [
        ("passes_without", 1),
        ("--exact suite::passes", 1),
        ("--exact passes", 0),
        ("--exact suite::passes suite::passes_without_async", 2),
        ("suite::passes --skip third", 2),
        ("no_such_test", 0),
    ] {
        let run = suite.run(arguments);
        run.assert_code(exit_code::PASSED);
        let line = format!("test result: ok. {passed} passed; 0 failed; 0 ignored; 0 measured; ");
        assert!(run.stdout.contains(&line), "{arguments}:\n{}", run.stdout);
    }
}

fn what_libtest_accepts_is_accepted() {
    let suite = Suite::new();
    for arguments in [
        "--no-capture",
        "--report-time --ensure-time -Z unstable-options",
        "--show-output --color always",
        "--test --test-threads=1",
        "--format junit",
        "--force-run-in-process --exclude-should-panic",
        "-q",
    ] {
        let run = suite.run(&format!("{arguments} --exact suite::passes"));
        run.assert_code(exit_code::PASSED);
    }
    let run = suite.run("--help");
    run.assert_code(exit_code::PASSED);
    assert!(run.stdout.contains("CHAOS_SEED") && run.stdout.contains("--shuffle"));
}

fn a_wrong_argument_is_named_and_runs_nothing() {
    for arguments in ["--frobnicate", "--test-threads none", "--format xml"] {
        let run = Suite::new().run(arguments);
        run.assert_code(exit_code::USAGE);
        let wrong = arguments.split(' ').next_back().unwrap();
        assert!(run.stderr.starts_with("error: ") && run.stderr.contains(wrong), "{}", run.stderr);
        assert!(run.events.is_empty() && run.stdout.is_empty());
    }
}

fn options_that_exclude_one_another_are_both_named() {
    for (arguments, named) in [
        ("--chaos-config --list", ["`--list`", "`--chaos-config`"]),
        ("--chaos-issue a --chaos-bisect", ["`--chaos-issue`", "`--chaos-bisect`"]),
        ("--chaos-runs 9 --chaos-retries 2", ["`--chaos-runs 9`", "`--chaos-retries 2`"]),
        ("--chaos-judge 6f3d", ["`--chaos-judge`", "`--chaos-judge=6f3d`"]),
    ] {
        let run = Suite::new().run(arguments);
        let bisects = arguments.ends_with("--chaos-bisect");
        run.assert_code(if bisects { exit_code::BISECTION_ENDS } else { exit_code::USAGE });
        assert!(named.iter().all(|name| run.stderr.contains(name)), "{}", run.stderr);
        assert!(run.events.is_empty() && run.stdout.is_empty());
    }
    let measured = Suite::new().with("CHAOS_RUNS", "9");
    let run = measured.run("--chaos-set attempts.retries=2 --exact suite::passes");
    run.assert_code(exit_code::USAGE);
    let both = ["CHAOS_RUNS=9", "`--chaos-set attempts.retries=2`"];
    assert!(both.iter().all(|name| run.stderr.contains(name)), "{}", run.stderr);
    // What is meant for other runs, and what asks for none, is no contradiction.
    let suite = Suite::new().with("CHAOS_RETRIES", "2");
    suite.run("--chaos-runs 2 --exact suite::passes").assert_code(exit_code::PASSED);
    let run = Suite::new().run("--chaos-runs 2 --chaos-retries 0 --exact suite::passes");
    run.assert_code(exit_code::PASSED);
}

fn the_result_line_is_that_of_libtest() {
    let run = Suite::new().run("suite::pass is_ignored --skip third");
    let line = "test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; ";
    assert!(run.stdout.contains(line), "{}", run.stdout);
    assert!(run.stdout.contains("\nrunning 3 tests\n"), "{}", run.stdout);
    // Names are padded, so that what follows them stands in columns.
    let words = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("test suite::passes ... ok"), "{words}");
    assert!(words.contains("test suite::is_ignored ... ignored, it takes an hour"), "{words}");
    let run = Suite::new().run("--exact suite::fails_a_check");
    let line = "test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; ";
    assert!(run.stdout.contains(line), "{}", run.stdout);
    assert!(run.stdout.contains("test suite::fails_a_check ... FAILED"), "{}", run.stdout);
}

fn formats_for_machines_have_nothing_else_on_standard_output() {
    let suite = Suite::new();
    let run = suite.run("--format json -Z unstable-options --nocapture suite::pass --skip third");
    run.assert_code(exit_code::PASSED);
    let lines: Vec<serde_json::Value> =
        run.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let end = lines.last().unwrap();
    assert_eq!((&end["passed"], &end["type"]), (&2.into(), &"suite".into()));
    assert!(end["filtered_out"].as_u64().unwrap() > 10, "{end}");
    // What the tests print goes where no machine reads.
    assert!(run.stderr.contains("printed by passes"), "{}", run.stderr);

    let run = suite.run("--format json --exact suite::fails_a_check");
    run.assert_code(exit_code::FAILED);
    let failed = run.stdout.lines().find(|line| line.contains("\"failed\"")).unwrap();
    let failed: serde_json::Value = serde_json::from_str(failed).unwrap();
    let text = failed["stdout"].as_str().unwrap();
    for part in ["money is conserved", "printed by fails_a_check", "CHAOS_SEED=", "--exact suite::"]
    {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

fn the_list_of_tests_comes_in_three_forms() {
    let suite = Suite::new();
    let terse = suite.run("--list --format terse").stdout;
    assert!(terse.lines().all(|line| line.ends_with(": test")), "{terse}");
    assert!(terse.contains("suite::passes: test\n"));
    let pretty = suite.run("--list").stdout;
    let count = terse.lines().count();
    assert!(pretty.ends_with(&format!("\n\n{count} tests, 0 benchmarks\n")), "{pretty}");
    let json = suite.run("--list --format json -Z unstable-options").stdout;
    let json: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(json.len(), count + 2);
    assert_eq!(json.last().unwrap()["total"], count);
    // A list needs no directory, and leaves nothing behind.
    assert!(!suite.latest().exists());
}

fn ignored_tests_run_when_they_are_asked_for() {
    let suite = Suite::new();
    let listed = suite.run("--list --format terse --ignored").stdout;
    assert_eq!(listed, "suite::is_ignored: test\n");
    for flag in ["--ignored", "--include-ignored"] {
        let run = suite.run(&format!("{flag} is_ignored"));
        assert!(run.stdout.contains("1 passed; 0 failed; 0 ignored"), "{}", run.stdout);
    }
}

fn fail_fast_starts_no_more_tests() {
    let arguments =
        "--test-threads 1 --fail-fast --exact suite::aborts suite::panics suite::passes";
    let run = Suite::new().run(arguments);
    run.assert_code(exit_code::FAILED);
    assert_eq!(run.attempts().len(), 1);
    assert!(run.stdout.contains("0 passed; 1 failed; 2 ignored"), "{}", run.stdout);
    assert!(run.stdout.contains("--fail-fast"), "{}", run.stdout);
}

fn an_order_can_be_shuffled_and_repeated() {
    let suite = Suite::new();
    let order = |arguments: &str| -> Vec<String> {
        let arguments = format!("{arguments} --test-threads 1 suite::pass is_ignored --skip third");
        let run = suite.run(&arguments);
        let RunEvent::RunStarted(started) = &run.events[0] else { unreachable!() };
        started.selected.clone()
    };
    let sorted = order("");
    assert_eq!(sorted.len(), 3);
    assert_eq!(order("--shuffle-seed 5"), order("--shuffle-seed 5"));
    assert!((0..20).any(|seed| order(&format!("--shuffle-seed {seed}")) != sorted));
    let run = suite.run("--shuffle suite::passes_without");
    assert!(run.stderr.contains("--shuffle-seed "), "{}", run.stderr);
}

fn the_logfile_has_the_results() {
    let suite = Suite::new();
    let path = suite.scratch("results.log");
    let run = suite.run(&format!("--logfile {} --exact suite::passes", path.display()));
    run.assert_code(exit_code::PASSED);
    let log = std::fs::read_to_string(path).unwrap();
    assert!(log.contains("suite::passes ... ok"), "{log}");
    assert!(run.stdout.contains("suite::passes ... ok"), "{}", run.stdout);
    let run = suite.run("--logfile /no/such/directory/results.log --exact suite::passes");
    run.assert_code(exit_code::HARNESS);
    assert!(run.stderr.contains("/no/such/directory/results.log"), "{}", run.stderr);
}
