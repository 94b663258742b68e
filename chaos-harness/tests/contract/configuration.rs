//! What `chaos.toml`, variables and options say, and which of them goes before which.

use std::path::PathBuf;

use chaos_harness::core::verdict::FailureKind;
use chaos_harness::exit_code;

use crate::binary::Suite;

crate::tests![
    a_mistake_in_the_file_runs_nothing_and_names_its_line,
    of_all_files_every_mistake_is_told_at_once,
    an_option_goes_before_a_variable_and_that_before_the_file_and_the_attribute,
    an_override_is_for_its_tests_alone,
    every_setting_is_shown_with_its_source,
    any_key_of_the_file_can_be_set_for_one_run,
    a_gate_can_be_set_for_one_run,
    a_validation_is_fitted_to_no_machine,
    every_gate_is_shown_with_its_place,
    a_seed_chosen_for_one_run_is_no_evidence_however_it_is_chosen,
    a_run_that_tries_a_part_is_no_evidence,
    a_variable_that_is_nearly_ours_is_told,
    an_environment_that_is_not_defined_runs_nothing,
];

/// A suite whose `chaos.toml` is this one.
fn suite_with(text: &str) -> (Suite, PathBuf) {
    let suite = Suite::new();
    let path = suite.scratch("chaos.toml");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    (suite.with("CHAOS_CONFIG", path.to_str().unwrap()), path)
}

fn a_mistake_in_the_file_runs_nothing_and_names_its_line() {
    let (suite, _) = suite_with("[attempts]\nretries = 200\ntimout = \"30s\"\n");
    let run = suite.run("");
    run.assert_code(exit_code::USAGE);
    let lines: Vec<_> = run.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].contains("chaos.toml:2:11: ") && lines[0].contains("from 0 to 100"));
    assert!(lines[1].contains("chaos.toml:3:1: ") && lines[1].contains("did you mean `timeout`?"));
    assert!(run.events.is_empty() && run.stdout.is_empty());
    // Nor does a list depend on the file.
    suite.run("--list").assert_code(exit_code::PASSED);
}

fn of_all_files_every_mistake_is_told_at_once() {
    let toml = "[gates.domains.netwrok]\npass-rate = \"9 %\"\n[gates.domains.sabotaeg]\nvacuous = 0\n\
                [phases.one]\ntests = [\"nobody\"]\nafter = \"three\"\n[phases.two]\ntests = \"none\"\n\
                [selections.part]\ntests = \"no_such\"\ndomains = \"nor_this\"\nskip = \"nor_that\"\n";
    let (suite, path) = suite_with(toml);
    let entry = |test: &str| {
        let rest = "reason = \"a\"\nissue = \"b\"\nowner = \"c\"\nexpires = \"2126-12-31\"\n";
        format!("[[test]]\ntest = \"{test}\"\n{rest}")
    };
    let quarantine = path.with_file_name("chaos-quarantine.toml");
    std::fs::write(&quarantine, entry("suite::pases") + &entry("suite::panisc")).unwrap();
    let assert_told = |arguments: &str, places: &[&str]| {
        let run = suite.run(arguments);
        run.assert_code(exit_code::USAGE);
        let lines: Vec<_> = run.stderr.lines().collect();
        assert_eq!(lines.len(), places.len(), "{lines:#?}");
        for (line, place) in lines.iter().zip(places) {
            assert!(line.starts_with("error: ") && line.contains(place), "{place}: {line}");
        }
        assert!(run.events.is_empty() && run.stdout.is_empty());
    };
    let in_quarantine = [
        "chaos-quarantine.toml:1: there is no test `suite::pases`",
        "chaos-quarantine.toml:7: there is no test `suite::panisc`",
    ];
    let in_settings = [
        "chaos.toml:1: no test has the domain `netwrok`",
        "chaos.toml:3: no test has the domain `sabotaeg`",
        "chaos.toml:6: no test is called `nobody`",
        "chaos.toml:7: there is no phase `three`",
        "chaos.toml:9: no test is called `none`",
    ];
    assert_told("", &[&in_quarantine[..], &in_settings[..]].concat());
    // What cannot be understood in one place does not hide what cannot be in another.
    std::fs::write(&quarantine, "[[test]]\ntset = 1\n").unwrap();
    std::fs::write(&path, "gates.vacuous = -1\nphases.one = 1\n").unwrap();
    let in_files = [
        "chaos.toml:1:17: `gates.vacuous` is -1, which is not a whole number",
        "chaos.toml:2:8: `phases.one` is a table; write [phases.one]",
        "chaos-quarantine.toml:2:1: `test` has no setting `tset`; did you mean `test`?",
        "chaos-quarantine.toml:2:1: say until when: expires = ",
        "chaos-quarantine.toml:2:1: say where it is worked on: issue = ",
        "chaos-quarantine.toml:2:1: say which test: test = ",
        "chaos-quarantine.toml:2:1: say who sees to it: owner = ",
        "chaos-quarantine.toml:2:1: say why: reason = ",
        "`--chaos-set` is wrong: `watch` has no setting `sterved`",
    ];
    assert_told("--chaos-set watch.sterved=5%", &in_files);
    std::fs::remove_file(&quarantine).unwrap();
    let (_, selection) = toml.split_once("[selections").unwrap();
    std::fs::write(&path, format!("[selections{selection}")).unwrap();
    let in_selection = [
        "chaos.toml:2: the selection `part`: no test is called `no_such`",
        "chaos.toml:3: the selection `part`: no test has the domain `nor_this`",
        "chaos.toml:4: the selection `part`: no test is called `nor_that`",
    ];
    assert_told("--chaos-select part", &in_selection);
}

fn an_option_goes_before_a_variable_and_that_before_the_file_and_the_attribute() {
    // The attribute of `hangs_politely` says 300 ms.
    let (suite, _) = suite_with("[attempts]\ntimeout = \"250ms\"\n");
    let run = suite.run("--exact suite::hangs_politely");
    run.assert_failure(FailureKind::Timeout, &["250ms"]);
    let suite = suite.with("CHAOS_TIMEOUT", "200ms");
    let run = suite.run("--exact suite::hangs_politely");
    run.assert_failure(FailureKind::Timeout, &["200ms"]);
    let run = suite.run("--exact suite::hangs_politely --chaos-timeout 150ms");
    run.assert_failure(FailureKind::Timeout, &["150ms"]);
}

fn an_override_is_for_its_tests_alone() {
    let text = "[[override]]\ntests = \"suite::hangs_p*\"\nattempts.timeout = \"150ms\"\n";
    let (suite, _) = suite_with(text);
    let run = suite.run("--exact suite::hangs_politely");
    run.assert_failure(FailureKind::Timeout, &["150ms"]);
    let run = suite.run("--exact suite::hangs_under_a_fault");
    run.assert_failure(FailureKind::Timeout, &["300ms"]);
}

fn every_setting_is_shown_with_its_source() {
    let text = "[attempts]\nretries = 2\n\n[environments.ci.attempts]\ntimeout = \"2m\"\n";
    let (suite, path) = suite_with(text);
    let suite = suite.with("CHAOS_SEED", "7");
    let arguments = "--chaos-config --chaos-environment ci --chaos-pool-size=3 suite::hangs_p";
    let run = suite.run(arguments);
    run.assert_code(exit_code::PASSED);
    let row = |name: &str| {
        let line = run.stdout.lines().find_map(|line| line.trim_start().strip_prefix(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in {}", run.stdout));
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("chaos.toml"), path.display().to_string());
    assert_eq!(row("environment"), "ci command line (--chaos-environment)");
    let timeout = "2m chaos.toml:5 (environments.ci) (before the attribute's 300ms)";
    assert_eq!(row("attempts.timeout "), timeout);
    assert_eq!(row("attempts.retries"), "2 chaos.toml:2");
    assert_eq!(row("attempts.seed"), "7 variable CHAOS_SEED");
    assert_eq!(row("load.pool-size"), "3 command line (--chaos-pool-size)");
    assert!(row("run.directory").ends_with("variable CHAOS_DIR"), "{}", run.stdout);
    // Without a filter only what differs is told of each test.
    let run = Suite::new().run("--chaos-config");
    let (_, test) = run.stdout.split_once("\nsuite::hangs_politely\n").unwrap();
    let (test, _) = test.split_once("\n\n").unwrap();
    assert_eq!(
        test.split_whitespace().collect::<Vec<_>>(),
        ["attempts.timeout", "300ms", "attribute"]
    );
}

fn any_key_of_the_file_can_be_set_for_one_run() {
    let (suite, _) = suite_with("[[override]]\ntests = \"*\"\nattempts.timeout = \"250ms\"\n");
    let suite = suite.with("CHAOS_SET", "attempts.timeout=200ms; watch.retries=0");
    let hangs = "--exact suite::hangs_politely";
    suite.run(hangs).assert_failure(FailureKind::Timeout, &["200ms"]);
    let run = suite.run(&format!("{hangs} --chaos-set attempts.timeout=150ms"));
    run.assert_failure(FailureKind::Timeout, &["150ms"]);
    // An option goes before a variable, whichever of them has a name of its own.
    let named = suite.with("CHAOS_TIMEOUT", "100ms");
    named.run(hangs).assert_failure(FailureKind::Timeout, &["100ms"]);
    let run = named.run(&format!("{hangs} --chaos-set attempts.timeout=150ms"));
    run.assert_failure(FailureKind::Timeout, &["150ms"]);
    let shown = named.run("--chaos-config --chaos-set gates.pass-rate=90% suite::hangs_p");
    shown.assert_code(exit_code::PASSED);
    for part in ["variable CHAOS_SET", "variable CHAOS_TIMEOUT (before the attribute's 300ms)"] {
        assert!(shown.stdout.contains(part), "{part}: {}", shown.stdout);
    }
    let wrong = named.run("--chaos-set watch.sterved=5% --chaos-set run.keep=maybe");
    wrong.assert_code(exit_code::USAGE);
    for part in
        ["`--chaos-set` is wrong: `watch` has no setting `sterved`", "`run.keep` is \"maybe\""]
    {
        assert!(wrong.stderr.contains(part), "{part}: {}", wrong.stderr);
    }
}

fn every_gate_is_shown_with_its_place() {
    let text = "[gates]\npass-rate = \"85 %\"\n[gates.domains.garden]\nundeclared-flaky = false\n";
    let run = suite_with(text).0.run("--chaos-config --chaos-set gates.recovery=2s");
    run.assert_code(exit_code::PASSED);
    let words = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "gates.pass-rate 85 % chaos.toml:2 gates.flaky not judged default",
        "gates.recovery 2s command line (--chaos-set)",
        "gates.domains.garden.undeclared-flaky false chaos.toml:4",
    ] {
        assert!(words.contains(part), "{part}: {}", run.stdout);
    }
}

fn a_run_that_tries_a_part_is_no_evidence() {
    let n = |suite: &Suite, option: &str| {
        suite.run(&format!("--exact suite::passes {option}")).category("suite::passes").n
    };
    assert_eq!(n(&Suite::new(), ""), 1);
    assert_eq!(n(&Suite::new(), "--check-determinism"), 0);
    assert_eq!(n(&Suite::new().with("CHAOS_REPLAY", "c1.b55.cut"), ""), 0);
}

fn a_seed_chosen_for_one_run_is_no_evidence_however_it_is_chosen() {
    let suite = Suite::new();
    for chosen in ["--chaos-seed 7", "--chaos-set attempts.seed=7"] {
        let run = suite.run(&format!("--exact suite::passes {chosen}"));
        assert!(run.stdout.contains("[undetermined, n = 0]"), "{chosen}: {}", run.stdout);
    }
    let run = suite.with("CHAOS_SET", "attempts.seed=7").run("--exact suite::passes");
    assert!(run.stdout.contains("[undetermined, n = 0]"), "{}", run.stdout);
}

fn a_validation_is_fitted_to_no_machine() {
    let run = Suite::new().run("--chaos-config --chaos-environment validation suite::passes");
    run.assert_code(exit_code::PASSED);
    let words = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["load.multiplier 1 default", "load.timeout-multiplier 1 default"] {
        assert!(words.contains(part), "{part}: {}", run.stdout);
    }
}

fn a_gate_can_be_set_for_one_run() {
    let run = Suite::new().run("--chaos-set gates.pass-rate=100% suite::fails_as_it_may");
    run.assert_code(exit_code::GATE);
    assert!(run.stdout.contains("the option `--chaos-set`"), "{}", run.stdout);
}

fn a_variable_that_is_nearly_ours_is_told() {
    let run = Suite::new().with("CHAOS_TIMOUT", "1s").run("--exact suite::passes");
    run.assert_code(exit_code::PASSED);
    assert!(run.stderr.contains("did you mean CHAOS_TIMEOUT?"), "{}", run.stderr);
}

fn an_environment_that_is_not_defined_runs_nothing() {
    let run = Suite::new().run("--chaos-environment=validaton suite::passes");
    run.assert_code(exit_code::USAGE);
    assert!(run.stderr.contains("did you mean `validation`?"), "{}", run.stderr);
}
