//! What a run is judged by beside its tests, and what is said of its failures.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use chaos_harness::exit_code;
use chaos_harness::run_event::{RunEvent, TestOutcome};

use crate::binary::{Run, Suite};

crate::tests![
    a_gate_that_is_not_passed_fails_the_run_and_says_by_how_much,
    a_test_in_quarantine_fails_no_run_until_it_ends,
    an_entry_for_no_test_ends_the_run_before_the_first_one,
    requirements_without_a_test_are_told_and_unknown_ones_refused,
    a_requirement_fares_as_the_test_of_this_binary_does,
    failures_are_listed_by_what_they_point_at_and_runs_are_compared,
    a_test_that_broke_is_shown_with_its_past_and_can_be_written_about,
    what_breaks_together_is_suspected_once_and_is_a_regression_if_it_lasts,
    a_bisection_is_told_what_is_good_bad_and_unknown,
    an_error_points_at_the_fault_behind_it_or_at_what_its_kind_says,
    an_inventory_names_who_sees_to_a_failure,
];

/// A suite with a `chaos.toml`, and files beside it.
fn suite(files: &[(&str, &str)]) -> Suite {
    let suite = Suite::new();
    for (name, text) in files {
        std::fs::write(suite.scratch(name), text).unwrap();
    }
    let config = suite.scratch("chaos.toml").display().to_string();
    suite.with("CHAOS_CONFIG", &config)
}

fn gates(run: &Run) -> Vec<(String, bool, String)> {
    let judged = run.events.iter().filter_map(|event| match event {
        RunEvent::GateJudged(gate) => Some((gate.gate.clone(), gate.passed, gate.message.clone())),
        _ => None,
    });
    judged.collect()
}

fn a_gate_that_is_not_passed_fails_the_run_and_says_by_how_much() {
    let suite = suite(&[("chaos.toml", "[gates]\npass-rate = \"85 %\"\n")]);
    let run = suite.run("--exact suite::passes suite::fails_as_it_may");
    run.assert_code(exit_code::GATE);
    let judged = gates(&run);
    let [(gate, false, message)] = judged.as_slice() else { panic!("{judged:?}") };
    assert_eq!(gate, "pass-rate");
    let parts = "1 of 2 tests passed (50.0 %), 35.0 points below the 85.0 % that are needed";
    assert!(message.contains(parts), "{message}");
    assert!(run.stdout.contains(parts) && run.stdout.contains("chaos.toml:2"), "{}", run.stdout);
    suite.run("--exact suite::passes").assert_code(exit_code::PASSED);
    suite.run("--exact suite::panics").assert_code(exit_code::FAILED);
}

const ENTRY: &str = "[[test]]\ntest = \"suite::panics\"\nreason = \"r\"\nissue = \"I-7\"\n\
                     owner = \"anna\"\nexpires = ";

fn a_test_in_quarantine_fails_no_run_until_it_ends() {
    let entry = |day: &str| format!("{ENTRY}\"{day}\"\n");
    let ahead = suite(&[("chaos.toml", ""), ("chaos-quarantine.toml", &entry("2999-12-31"))]);
    let run = ahead.run("--exact suite::panics");
    run.assert_code(exit_code::PASSED);
    assert_eq!(run.outcome("suite::panics"), Some(TestOutcome::FailedAsAllowed));
    assert!(run.stdout.contains("in quarantine until 2999-12-31 (anna, I-7)"), "{}", run.stdout);
    let over = suite(&[("chaos.toml", ""), ("chaos-quarantine.toml", &entry("2020-01-01"))]);
    over.run("--exact suite::panics").assert_code(exit_code::FAILED);
    // Whoever runs another test is not told.
    over.run("--exact suite::passes").assert_code(exit_code::PASSED);
    let entry = entry("2020-01-01").replace("suite::panics", "suite::passes");
    let mended = suite(&[("chaos.toml", ""), ("chaos-quarantine.toml", &entry)]);
    let run = mended.run("--exact suite::passes");
    run.assert_code(exit_code::GATE);
    assert!(gates(&run)[0].2.contains("`suite::passes` ended on 2020-01-01"), "{:?}", gates(&run));
}

fn an_entry_for_no_test_ends_the_run_before_the_first_one() {
    let entry = format!("{ENTRY}\"2999-12-31\"\n").replace("suite::panics", "suite::panic");
    let suite = suite(&[("chaos.toml", ""), ("chaos-quarantine.toml", &entry)]);
    let run = suite.run("--exact suite::passes");
    run.assert_code(exit_code::USAGE);
    assert!(run.stderr.contains("did you mean `suite::panics`?"), "{}", run.stderr);
    assert!(run.events.is_empty());
}

fn requirements_without_a_test_are_told_and_unknown_ones_refused() {
    let config = "[coverage]\nrequirements = \"list.md\"\n";
    let list = "| id | what |\n|---|---|\n| N1 | refused |\n| T6 | ambiguous |\n";
    let suite_of = |list: &str| suite(&[("chaos.toml", config), ("list.md", list)]);
    let suite = suite_of(list);
    suite.run("--exact suite::judging::covers_a_requirement").assert_code(exit_code::PASSED);
    let shown = suite.run("--chaos-coverage");
    shown.assert_code(exit_code::PASSED);
    // However wide the column of answers is.
    let words = shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("N1 refused passed suite::judging::covers_a"), "{words}");
    for part in ["1 of 2 requirements have a test in this binary\n", "without a test: T6"] {
        assert!(shown.stdout.contains(part), "{}", shown.stdout);
    }
    let run = suite_of(&list.replace("N1", "N2")).run("--exact suite::passes");
    run.assert_code(exit_code::USAGE);
    assert!(run.stderr.contains("covers `N1`") && run.stderr.contains("`N2`"), "{}", run.stderr);
}

fn a_requirement_fares_as_the_test_of_this_binary_does() {
    let config = "[coverage]\nrequirements = \"list.md\"\n";
    let list = "| id | what |\n|---|---|\n| N1 | refused |\n";
    let suite = suite(&[("chaos.toml", config), ("list.md", list)]);
    suite.run("--exact suite::judging::covers_a_requirement").assert_code(exit_code::PASSED);
    suite.run("--exact suite::judging::covers_a_requirement").assert_code(exit_code::PASSED);
    // As if the later run were of another binary with a test of the same name.
    let journal = suite.latest().join("run.jsonl");
    let text = std::fs::read_to_string(&journal).unwrap();
    let of_other = text.replace("\"binary\":\"contract\"", "\"binary\":\"other\"");
    let failed = of_other.replace("\"outcome\":\"passed\"", "\"outcome\":\"failed\"");
    assert_ne!(of_other, text);
    assert_ne!(failed, of_other);
    std::fs::write(&journal, failed).unwrap();
    let shown = suite.run("--chaos-coverage").stdout;
    assert!(shown.contains("passed ") && !shown.contains("FAILED"), "{shown}");
}

fn failures_are_listed_by_what_they_point_at_and_runs_are_compared() {
    let suite = Suite::new();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    suite.run("--exact suite::panics suite::injects_what_touches_nothing suite::passes");
    let first = name(&std::fs::canonicalize(suite.latest()).unwrap());
    suite.run("--exact suite::passes suite::panics");
    let run = suite.run(&format!("--chaos-inventory={first}"));
    run.assert_code(exit_code::PASSED);
    let table = std::fs::read_to_string(run.stdout.lines().next().unwrap()).unwrap();
    let row = |test: &str| table.lines().find(|line| line.contains(test)).unwrap().to_owned();
    assert!(row("suite::panics").contains(",potential bug,crash,"), "{table}");
    let nothing = suite.run("--chaos-compare ..");
    nothing.assert_code(exit_code::USAGE);
    assert!(nothing.stderr.contains("needs the run that was before"), "{}", nothing.stderr);
    assert!(row("touches_nothing").contains(",test design,untouched-fault,"), "{table}");
    let compared = suite.run(&format!("--chaos-compare {first}"));
    compared.assert_code(exit_code::PASSED);
    for part in [
        "* before: 1 of 3 passed (33.3 %)",
        "* after: 1 of 2 passed (50.0 %)",
        "## still failing (1)",
    ] {
        assert!(compared.stdout.contains(part), "{}", compared.stdout);
    }
}

/// The history of a test that passed so often, as older versions wrote it.
fn with_past(suite: &Suite, test: &str, passes: u64) {
    let directory = suite.scratch("chaos/history/chaos-harness.contract");
    std::fs::create_dir_all(&directory).unwrap();
    let line = |number: u64| {
        let when = 1_700_000_000_000 + number;
        format!(
            r#"{{"package":"chaos-harness","binary":"contract","test":"{test}","version":1,"event":{{"ended":{{"id":{number},"run":"{number}","attempt":1,"seed":{number},"unix_ms":{when},"duration_ns":1,"outcome":"passed","counts":true}}}}}}"#
        ) + "\n"
    };
    let mut file =
        File::options().create(true).append(true).open(directory.join("00000001.jsonl")).unwrap();
    file.write_all((1..=passes).map(line).collect::<String>().as_bytes()).unwrap();
}

fn what_breaks_together_is_suspected_once_and_is_a_regression_if_it_lasts() {
    let suite = Suite::new();
    let tests =
        ["panics", "panics_in_a_task", "panics_otherwise", "aborts", "exits", "fails_a_check"];
    let names = tests.map(|test| format!("suite::{test}"));
    names.iter().for_each(|name| with_past(&suite, name, 100));
    let arguments = format!("--exact {}", names.join(" "));
    let run = suite.run(&arguments);
    assert!(run.stdout.contains("6 of 6 stable tests failed at once"), "{}", run.stdout);
    let later = [(); 3].map(|()| suite.run(&arguments).stdout);
    assert!(!later.concat().contains("stable tests failed at once"), "{later:#?}");
    let rates = "[REGRESSION] 3 of the latest 3 failed (17–86 %), 0 of 100 before (0–2 %)";
    let told = later[2].lines().filter(|line| line.starts_with("test ") && line.contains(rates));
    assert_eq!(told.count(), 6, "{}", later[2]);
}

fn a_test_that_broke_is_shown_with_its_past_and_can_be_written_about() {
    let suite = Suite::new();
    with_past(&suite, "suite::panics", 100);
    let run = suite.run("--exact suite::panics");
    assert!(run.stdout.contains("[stable 1 % (0.1–4 %), n = 101]"), "{}", run.stdout);
    suite.run("--exact suite::panics");
    let run = suite.run("--exact suite::panics");
    let rates = "[REGRESSION] 3 of the latest 3 failed (17–86 %), 0 of 100 before (0–2 %)";
    assert!(run.stdout.contains(rates), "{}", run.stdout);
    let worse = run.stdout.lines().find(|line| line.starts_with("worse ")).unwrap();
    assert!(worse.contains("p < 0.0001, since 20"), "{worse}");

    let issue = suite.run("--chaos-issue panics");
    issue.assert_code(exit_code::USAGE);
    assert!(issue.stderr.contains("`suite::panics_in_a_task`"), "{}", issue.stderr);
    let issue = suite.run("--chaos-issue suite::panics");
    issue.assert_code(exit_code::PASSED);
    for part in [
        "# `suite::panics` fails in 3 of 3 runs, and failed in 0 of 100 before",
        "`.................FFF` (the latest 20 first attempts, `F` failed)",
        "the pool is empty",
        "It points at: potential bug",
        " cargo test -p chaos-harness --test contract -- --exact suite::panics\n",
        "--exact suite::panics --chaos-bisect --chaos-runs 200'",
    ] {
        assert!(issue.stdout.contains(part), "{part}: {}", issue.stdout);
    }
    let nothing = suite.run("--chaos-issue suite::passes_without_async");
    nothing.assert_code(exit_code::PASSED);
    assert!(
        nothing.stdout.starts_with("# `suite::passes_without_async` fails\n"),
        "{}",
        nothing.stdout
    );
}

fn a_bisection_is_told_what_is_good_bad_and_unknown() {
    let suite = Suite::new();
    suite.run("--chaos-bisect --exact suite::passes").assert_code(0);
    suite.run("--chaos-bisect --exact suite::panics").assert_code(1);
    suite.run("--chaos-bisect --exact suite::fails_as_it_may").assert_code(1);
    suite.run("--chaos-bisect --exact suite::is_not_there_yet").assert_code(125);
    suite.run("--chaos-bisect --chaos-runs 60 --exact suite::passes").assert_code(0);
    suite.run("--chaos-bisect --chaos-runs 60 --exact suite::panics").assert_code(1);
    // Five runs decide nothing.
    suite.run("--chaos-bisect --chaos-runs 5 --exact suite::passes").assert_code(125);
    // What old commits do says nothing of what is checked out.
    let run = suite.run("--exact suite::passes");
    assert_eq!(run.category("suite::passes").n, 1);
    // A command that is wrong is so at each commit, a file may be at this one only.
    for wrong in ["--chaos-timeout soon", "--chaos-rnus 9", "--list", "--chaos-set foo.bar=1"] {
        let run = suite.run(&format!("--chaos-bisect {wrong}"));
        run.assert_code(exit_code::BISECTION_ENDS);
        assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
    }
    let file = suite.scratch("chaos.toml");
    std::fs::write(&file, "[attempts]\nretires = 2\n").unwrap();
    let suite = suite.with("CHAOS_CONFIG", file.to_str().unwrap());
    suite.run("--chaos-bisect --exact suite::passes").assert_code(125);
}

/// The failures of a run, as the inventory has them: what stands after `outcome`.
fn inventory(suite: &Suite) -> impl Fn(&str) -> String + use<> {
    let run = suite.run("--chaos-inventory");
    run.assert_code(exit_code::PASSED);
    let table = std::fs::read_to_string(run.stdout.lines().next().unwrap()).unwrap();
    move |test| {
        let row = table.lines().find(|line| line.contains(&format!("::{test},")));
        row.unwrap_or_else(|| panic!("no {test} in {table}")).to_owned()
    }
}

fn an_error_points_at_the_fault_behind_it_or_at_what_its_kind_says() {
    let suite = Suite::new();
    suite.run("suite::errors").assert_code(exit_code::FAILED);
    let row = inventory(&suite);
    for (test, expected) in [
        ("lets_a_lost_connection_through", ",potential bug,fault-let-through,"),
        ("lets_a_lost_connection_through", "a connection was lost while `reset` on `postgres`"),
        ("has_not_got_over_a_lost_connection", ",potential bug,not-over-its-fault,"),
        ("has_not_got_over_a_lost_connection", "after `reset` on `postgres` had ended"),
        ("lets_an_answer_of_a_fault_through", ",potential bug,fault-let-through,"),
        ("lets_an_answer_of_a_fault_through", "SQLSTATE 53300 while `error 53300"),
        ("breaks_a_constraint_while_it_is_slow", ",potential bug,statement-refused,"),
        ("waits_for_its_own_connection", ",tuning needed,limit-without-fault,"),
        ("listens_where_another_does", ",environment,machine-trouble,"),
        ("connects_where_nobody_listens", ",environment,lost-without-fault,"),
        ("fails_for_reasons_of_its_own", ",unclassified,,returned an error,"),
    ] {
        let row = row(test);
        assert!(row.contains(expected), "{expected:?} is not in {row}");
    }
}

fn an_inventory_names_who_sees_to_a_failure() {
    let config = "triage.owner = \"platform\"\n\n[[override]]\ntests = \"suite::errors::*\"\n\
                  triage.owner = \"payments\"\n";
    let entry = format!("{ENTRY}\"2999-12-31\"\n");
    let suite = suite(&[("chaos.toml", config), ("chaos-quarantine.toml", &entry)]);
    let tests = "suite::panics suite::never_passes suite::errors::fails_for_reasons_of_its_own";
    suite.run(&format!("--exact {tests}")).assert_code(exit_code::FAILED);
    let row = inventory(&suite);
    assert!(row("panics").contains(",anna,failed as it may,"), "{}", row("panics"));
    assert!(row("never_passes").contains(",platform,failed,"), "{}", row("never_passes"));
    let row = row("fails_for_reasons_of_its_own");
    assert!(row.contains(",payments,failed,"), "{row}");
}
