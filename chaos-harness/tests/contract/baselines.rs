//! What is saved of the durations that tests measure, and what comparing them says.

use std::fs;
use std::path::PathBuf;

use chaos_harness::core::verdict::FailureKind;
use chaos_harness::exit_code;
use chaos_harness::run_event::{RunEvent, TestOutcome};

use crate::binary::{Run, Suite};

crate::tests![
    what_did_not_change_passes_and_what_takes_longer_fails_with_the_evidence,
    how_much_slower_and_how_many_may_be_is_configured,
    a_machine_that_is_another_one_is_refused_with_the_reason,
    a_file_that_is_broken_runs_nothing_and_names_the_line,
    what_a_test_no_longer_measures_and_what_is_new_is_told,
    too_few_values_and_none_are_no_baseline,
    a_variable_asks_nothing_of_tests_that_measure_nothing,
    an_attempt_that_the_machine_could_not_carry_is_not_saved,
];

/// An effect that a machine that is busy with other tests does not have. That a very busy one measures
/// nothing, which the watch sees to, is judged elsewhere.
const COARSE: &str = "[baselines]\neffect = 2\n[watch]\nenabled = false\n";

const MEASURES: &str = "suite::baselines::measures";
const BOTH: &str = "--exact suite::baselines::measures suite::baselines::measures_more";

/// A suite whose package is its own directory, with this `chaos.toml`.
fn suite(config: &str) -> Suite {
    let suite = Suite::new();
    let path = suite.scratch("chaos.toml");
    fs::write(&path, config).unwrap();
    let package = suite.scratch("").display().to_string();
    suite.with("CHAOS_CONFIG", path.to_str().unwrap()).with("CARGO_MANIFEST_DIR", &package)
}

/// The same, with both tests saved.
fn saved(config: &str) -> Suite {
    let suite = suite(config);
    let run = suite.run(&format!("{BOTH} --chaos-baseline save"));
    run.assert_code(exit_code::PASSED);
    assert!(run.stdout.contains("2 baselines saved to "), "{}", run.stdout);
    suite
}

fn file(suite: &Suite) -> PathBuf {
    suite.scratch("chaos-baselines/contract.toml")
}

/// The gates that were judged: whether each was passed, and its message.
fn gates(run: &Run) -> Vec<(bool, String)> {
    let judged = run.events.iter().filter_map(|event| match event {
        RunEvent::GateJudged(gate) => Some((gate.passed, gate.message.clone())),
        _ => None,
    });
    judged.collect()
}

fn what_did_not_change_passes_and_what_takes_longer_fails_with_the_evidence() {
    let suite = saved(COARSE);
    let text = fs::read_to_string(file(&suite)).unwrap();
    for part in
        ["n = 12\n", "mean-99 = [\"", "median-95 = [\"", "p99 = \"", "samples-ns = [", "os = \""]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let run = suite.run(&format!("{BOTH} --chaos-baseline compare"));
    run.assert_code(exit_code::PASSED);
    let [(true, message)] = &gates(&run)[..] else { panic!("{:?}", gates(&run)) };
    assert!(message.starts_with("0 of 2 baselines became slower, 0 may; judged by a"), "{message}");
    assert!(run.stdout.contains("2 baselines compared with "), "{}", run.stdout);

    // The variable stands for the option.
    let slower = suite.with("CHAOS_CONTRACT_SLOWER", "4").with("CHAOS_BASELINE", "compare");
    let run = slower.run(BOTH);
    run.assert_code(exit_code::GATE);
    let [(false, message)] = &gates(&run)[..] else { panic!("{:?}", gates(&run)) };
    for part in [
        "1 of 2 baselines became slower, 0 may, 1 too many: suite::baselines::measures: operation takes ",
        "(n = 12 and 12, p = ",
        "after Holm's correction for 2 comparisons",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    for part in ["SLOWER  suite::baselines::measures: operation takes ", "variable CHAOS_BASELINE"]
    {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    assert_eq!(run.outcome(MEASURES), Some(TestOutcome::Passed), "the test itself has passed");
    let report = fs::read_to_string(slower.latest().join("report.json")).unwrap();
    for part in ["\"change\": \"slower\"", "\"least_effect\": 2.0", "\"median_95_ns\": {"] {
        assert!(report.contains(part), "{part}: {report}");
    }
}

fn how_much_slower_and_how_many_may_be_is_configured() {
    let suite = saved("").with("CHAOS_CONTRACT_SLOWER", "4");
    let compare = |config: &str| {
        fs::write(suite.scratch("chaos.toml"), config).unwrap();
        suite.run(&format!("--exact {MEASURES} --chaos-baseline compare"))
    };
    compare("").assert_code(exit_code::GATE);
    compare("[[baselines.override]]\nnames = \"oper*\"\neffect = 16\n").assert_code(0);
    compare("[gates]\nbaseline-regressions = 1\n").assert_code(exit_code::PASSED);
    let run = compare(
        "[gates]\nbaseline-regressions = 1\n[gates.domains.storage]\nbaseline-regressions = 0\n",
    );
    run.assert_code(exit_code::GATE);
    let line = "FAILED baseline-regressions of `storage`: 1 of 1 baselines became slower";
    assert!(run.stdout.contains(line), "{}", run.stdout);
    // The file can ask for it, in one environment.
    let config = "[environments.validation.baselines]\nmode = \"compare\"\n";
    fs::write(suite.scratch("chaos.toml"), config).unwrap();
    let run = suite.run(&format!("--exact {MEASURES} --chaos-environment validation"));
    run.assert_code(exit_code::GATE);
    suite.run(&format!("--exact {MEASURES}")).assert_code(exit_code::PASSED);
}

fn a_machine_that_is_another_one_is_refused_with_the_reason() {
    let suite = saved(COARSE);
    let text = fs::read_to_string(file(&suite)).unwrap();
    let cores = text.lines().find(|line| line.starts_with("cores = ")).unwrap();
    fs::write(file(&suite), text.replace(cores, "cores = 4096.0")).unwrap();
    let run = suite.run(&format!("{BOTH} --chaos-baseline compare"));
    run.assert_code(exit_code::GATE);
    let here = cores.trim_start_matches("cores = ").trim_end_matches(".0");
    let [(false, message)] = &gates(&run)[..] else { panic!("{:?}", gates(&run)) };
    assert!(message.contains(&format!("cores 4096, here {here}")), "{message}");
    assert!(run.stdout.contains("REFUSED the baselines in "), "{}", run.stdout);
    // Another part of the file is made for this machine, and the first one kept.
    suite.run(&format!("{BOTH} --chaos-baseline save")).assert_code(exit_code::PASSED);
    suite.run(&format!("{BOTH} --chaos-baseline compare")).assert_code(exit_code::PASSED);
    assert!(fs::read_to_string(file(&suite)).unwrap().contains("cores = 4096.0"));
}

fn a_file_that_is_broken_runs_nothing_and_names_the_line() {
    let suite = saved("");
    let text = fs::read_to_string(file(&suite)).unwrap();
    let line = 1 + text.lines().position(|line| line == "[machine.state]").unwrap();
    let broken = [
        (text.replace("[machine.state]", "[machine.state"), format!("contract.toml:{line}:15: ")),
        (text.replace("build = ", "biuld = "), "missing field `build`".to_owned()),
    ];
    for (broken, told) in broken {
        fs::write(file(&suite), broken).unwrap();
        for mode in ["save", "compare"] {
            let run = suite.run(&format!("{BOTH} --chaos-baseline {mode}"));
            run.assert_code(exit_code::USAGE);
            assert!(run.stderr.contains(&told), "{}", run.stderr);
            assert!(run.stdout.is_empty(), "no test ran: {}", run.stdout);
        }
        // Whoever does not ask for it is not concerned.
        suite.run(&format!("--exact {MEASURES}")).assert_code(exit_code::PASSED);
    }
}

fn what_a_test_no_longer_measures_and_what_is_new_is_told() {
    let suite = saved("[baselines]\neffect = 10\n");
    let text = fs::read_to_string(file(&suite)).unwrap();
    let renamed = text.replace(&format!("test = \"{MEASURES}\"\n"), "test = \"suite::is_gone\"\n");
    fs::write(file(&suite), renamed).unwrap();
    let suite = suite.with("CHAOS_CONTRACT_NAME", "resting");
    let run = suite.run(&format!("{BOTH} --chaos-baseline compare"));
    // Nothing of what was measured is in the file.
    run.assert_code(exit_code::GATE);
    assert!(gates(&run)[0].1.contains("measures_more: resting"), "{:?}", gates(&run));
    suite.run(&format!("{BOTH} --chaos-baseline save")).assert_code(exit_code::PASSED);
    let suite = suite.with("CHAOS_CONTRACT_NAME", "sleeping");
    let run = suite.run(&format!("{BOTH} --chaos-baseline compare"));
    run.assert_code(exit_code::PASSED);
    for part in [
        "new     suite::baselines::measures_more: sleeping has no baseline",
        "gone    suite::is_gone: operation: there is no such test; it is in the file",
        "gone    suite::baselines::measures_more: resting: its test does not measure it",
    ] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    // Whoever runs one test is not told what the others do.
    let run = suite.run(&format!("--exact {MEASURES} --chaos-baseline compare"));
    assert!(!run.stdout.contains("measures_more"), "{}", run.stdout);
}

fn too_few_values_and_none_are_no_baseline() {
    let suite = saved("");
    let run = suite.run("--exact suite::baselines::measures_too_little --chaos-baseline save");
    let parts = ["`recovery` has 9 values, and a baseline takes at least 10"];
    run.assert_failure(FailureKind::Error, &parts);
    let run = suite.run("--exact suite::passes --chaos-baseline save");
    run.assert_code(exit_code::GATE);
    assert!(gates(&run)[0].1.contains("no baseline was measured by a test that passed"));
    let text = fs::read_to_string(file(&suite)).unwrap();
    let begin = text.find("samples-ns = [").unwrap();
    fs::write(file(&suite), format!("{}samples-ns = [1, 2, 3]\n", &text[..begin])).unwrap();
    let run = suite.run(&format!("--exact {MEASURES} --chaos-baseline compare"));
    run.assert_code(exit_code::USAGE);
    let line = text[..begin].lines().count() + 1;
    let told = format!("contract.toml:{line}:14: `operation` has 3 values");
    assert!(run.stderr.contains(&told), "{}", run.stderr);
}

fn a_variable_asks_nothing_of_tests_that_measure_nothing() {
    for mode in ["save", "compare"] {
        let suite = saved(COARSE).with("CHAOS_BASELINE", mode);
        suite.run("--exact suite::passes").assert_code(exit_code::PASSED);
        let mut command = suite.command("--exact suite::passes --nocapture");
        command.env("NEXTEST_EXECUTION_MODE", "process-per-test").env("NEXTEST_RUN_ID", mode);
        suite.run_command(command).assert_code(exit_code::PASSED);
        suite.run(BOTH).assert_code(exit_code::PASSED);
    }
}

fn an_attempt_that_the_machine_could_not_carry_is_not_saved() {
    let suite = suite("watch = { retries = 0 }\n");
    let test = "suite::baselines::measures_on_a_machine_that_is_too_small";
    let run = suite.run(&format!("--exact {test} --chaos-baseline save"));
    run.assert_code(exit_code::ENVIRONMENT);
    assert_eq!(run.outcome(test), Some(TestOutcome::Environment));
    assert!(!file(&suite).exists());
    assert!(run.stdout.contains("REFUSED no baseline was measured by"), "{}", run.stdout);
}
