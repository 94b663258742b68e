//! Phases that unlock one another.

use chaos_harness::exit_code;
use chaos_harness::run_event::{RunEvent, SkipCause, TestOutcome};

use crate::binary::{Run, Suite};

crate::tests![
    tests_begin_when_those_of_the_phases_before_have_ended,
    a_locked_phase_runs_nothing_and_is_a_gate_that_was_not_passed,
    what_the_machine_could_not_carry_locks_nothing,
    a_share_unlocks_and_a_test_alone_waits_for_nothing,
    phases_that_cannot_be_meant_run_nothing,
    phases_are_shown_and_nextest_is_told_that_none_is_locked,
];

const HOUSE: &str = r#"
[phases.ground]
domains = "ground"

[phases.walls]
tests = "suite::phases::b_*"
after = "ground"

[phases.roof]
domains = ["roof"]
after = ["walls"]
"#;

const ALL: &str = "suite::phases:: --skip tree";

fn house(toml: &str) -> Suite {
    let suite = Suite::new();
    let config = suite.scratch("chaos.toml");
    std::fs::write(&config, toml).unwrap();
    suite.with("CHAOS_CONFIG", &config.display().to_string())
}

/// Makes a part break from now on.
fn break_part(suite: &Suite, part: &str) {
    std::fs::write(suite.scratch(&format!("{part}_breaks")), "").unwrap();
}

fn built(suite: &Suite) -> Vec<String> {
    let built = std::fs::read_to_string(suite.scratch("built")).unwrap_or_default();
    built.lines().map(str::to_owned).collect()
}

fn phases(run: &Run) -> Vec<(String, bool, String)> {
    let judged = run.events.iter().filter_map(|event| match event {
        RunEvent::GateJudged(gate) => {
            Some((gate.phase.clone()?, gate.passed, gate.message.clone()))
        }
        _ => None,
    });
    judged.collect()
}

fn tests_begin_when_those_of_the_phases_before_have_ended() {
    let suite = house(HOUSE);
    break_part(&suite, "cellar");
    // Were the garden behind the walls, it would never be laid out.
    std::fs::write(suite.scratch("cellar_waits"), "").unwrap();
    let run = suite.run(&format!("{ALL} --test-threads 2"));
    // The cellar may fail, and does.
    run.assert_code(exit_code::PASSED);
    let built = built(&suite);
    let place = |part: &str| built.iter().position(|built| built == part).unwrap();
    assert!(place("ground") < place("walls") && place("walls") < place("roof"), "{built:?}");
    assert!(place("cellar") < place("walls") && place("garden") < place("cellar"), "{built:?}");
    let found = phases(&run);
    let [(walls, true, by_ground), (roof, true, by_walls)] =
        [&found[1], &found[0]].map(Clone::clone)
    else {
        panic!("{found:?}")
    };
    assert_eq!((walls.as_str(), roof.as_str()), ("walls", "roof"));
    assert_eq!(by_ground, "unlocked: `ground` came to 1 of 1 (100 %)");
    assert_eq!(by_walls, "unlocked: `walls` came to 1 of 1 (100 %)");
}

fn a_locked_phase_runs_nothing_and_is_a_gate_that_was_not_passed() {
    let suite = house(&format!("{HOUSE}\n[gates]\npass-rate = \"10 %\"\nflaky = \"10 %\"\n"));
    break_part(&suite, "ground");
    for threads in [1, 8] {
        let run = suite.run(&format!("{ALL} --test-threads {threads}"));
        run.assert_code(exit_code::FAILED);
        let built = built(&suite);
        assert!(!built.iter().any(|part| part == "walls" || part == "roof"), "{built:?}");
        let why = "`ground` came to 0 of 1 (0 %), every test that must pass has to";
        let skipped: Vec<_> = run
            .events
            .iter()
            .filter_map(|event| match event {
                RunEvent::TestSkipped { test, reason, cause } => {
                    Some((test.as_str(), reason.clone(), *cause))
                }
                _ => None,
            })
            .collect();
        let cause = Some(SkipCause::PhaseLocked);
        let expected = [
            ("suite::phases::b_walls", format!("phase `walls` stays locked: {why}"), cause),
            (
                "suite::phases::a_roof",
                "phase `roof` stays locked: `walls` stays locked itself".to_owned(),
                cause,
            ),
        ];
        assert_eq!(skipped, expected);
        assert!(run.stdout.contains("2 of a locked phase"), "{}", run.stdout);
        let line = format!("FAILED phase `walls`: stays locked: {why}; 1 test was not run");
        assert!(run.stdout.contains(&line), "{}", run.stdout);
        // Of a part the share of flaky tests is not judged.
        assert!(
            run.stdout.contains("not judged flaky: it takes the whole suite"),
            "{}",
            run.stdout
        );
    }
    // No test fails that must pass: the gate alone is left.
    let suite = house(&HOUSE.replace("[phases.ground]", "[phases.ground]\npass-rate = \"75 %\""));
    break_part(&suite, "cellar");
    let run = suite.run(ALL);
    run.assert_code(exit_code::GATE);
    assert!(
        phases(&run)[1].2.contains("came to 1 of 2 (50 %), 75 % are needed"),
        "{:?}",
        phases(&run)
    );
    let report = std::fs::read_to_string(suite.latest().join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let gates = report["gates"].as_array().unwrap();
    let locked = gates.iter().find(|gate| gate["phase"] == "walls").unwrap();
    assert_eq!((&locked["gate"], &locked["passed"]), (&"phase".into(), &false.into()));
    let tests = report["tests"].as_array().unwrap();
    let causes = tests.iter().filter(|test| test["skip_cause"] == "phase_locked");
    assert_eq!(causes.count(), 2);
}

fn what_the_machine_could_not_carry_locks_nothing() {
    let suite = house(HOUSE);
    break_part(&suite, "ground");
    // No machine has more than all of its memory left, so no failure counts.
    let run = suite
        .run(&format!("{ALL} --chaos-set watch.memory-available=100% --chaos-set watch.retries=0"));
    run.assert_code(exit_code::ENVIRONMENT);
    assert!(built(&suite).iter().any(|part| part == "roof"));
    let by_ground = &phases(&run)[1].2;
    assert_eq!(by_ground, "unlocked: no test of `ground` was judged");
    assert_eq!(run.outcome("suite::phases::c_ground"), Some(TestOutcome::Environment));
}

fn a_share_unlocks_and_a_test_alone_waits_for_nothing() {
    let suite = house(&HOUSE.replace("[phases.ground]", "[phases.ground]\npass-rate = \"50 %\""));
    break_part(&suite, "cellar");
    suite.run(ALL).assert_code(exit_code::PASSED);
    assert!(built(&suite).iter().any(|part| part == "roof"));
    let suite = house(HOUSE);
    break_part(&suite, "ground");
    suite.run("--exact suite::phases::a_roof").assert_code(exit_code::PASSED);
    assert_eq!(built(&suite), ["roof"]);
}

fn phases_that_cannot_be_meant_run_nothing() {
    for (toml, part) in [
        (HOUSE.replace("after = \"ground\"", "after = \"groun\""), "did you mean `ground`?"),
        (HOUSE.replace("\"ground\"\n\n", "\"gruond\"\n\n"), "did you mean `ground`?"),
        (HOUSE.replace("b_*", "*"), "of the phase `roof` and of the phase `walls`"),
        (
            HOUSE.replace("[phases.ground]", "[phases.ground]\nafter = \"roof\""),
            "chaos.toml:3: phases wait for one another",
        ),
    ] {
        let suite = house(&toml);
        let run = suite.run(ALL);
        run.assert_code(exit_code::USAGE);
        assert!(run.stderr.contains(part) && run.stderr.contains("chaos.toml:"), "{}", run.stderr);
        assert!(built(&suite).is_empty() && run.events.is_empty());
    }
}

fn phases_are_shown_and_nextest_is_told_that_none_is_locked() {
    let suite = house(HOUSE);
    let shown = suite.run("--chaos-config").stdout;
    let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("phase ground 2 tests chaos.toml:2"), "{shown}");
    assert!(words.contains("phase roof 1 test, after walls chaos.toml:9"), "{shown}");
    let suite = suite.with("NEXTEST_EXECUTION_MODE", "process-per-test");
    let run = suite.run("--exact suite::phases::a_roof --nocapture");
    run.assert_code(exit_code::PASSED);
    assert!(run.stderr.contains("no phase of chaos.toml is locked"), "{}", run.stderr);
}
