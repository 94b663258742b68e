//! What becomes of properties.

use chaos_harness::core::verdict::FailureKind;
use chaos_harness::exit_code;

use crate::binary::{Run, Suite};

crate::tests![
    a_property_that_holds_passes,
    a_case_that_fails_is_made_small_kept_and_tried_first,
    cases_that_prove_nothing_fail_the_test,
    an_exit_is_told_with_its_case,
];

/// A suite whose failing cases are kept in its own directory.
fn suite() -> Suite {
    let suite = Suite::new();
    let root = suite.scratch("").display().to_string();
    suite.with("CARGO_MANIFEST_DIR", &root)
}

fn run(suite: &Suite, test: &str) -> Run {
    suite.run(&format!("--exact suite::properties::{test}"))
}

fn a_property_that_holds_passes() {
    let run = run(&suite(), "holds");
    assert_eq!(run.code, Some(i32::from(exit_code::PASSED)), "{}{}", run.stdout, run.stderr);
    let [property] = run.attempts()[0].summary.tried_properties.as_slice() else { panic!() };
    assert_eq!((property.wanted, property.cases, property.failed), (3, 3, false));
}

fn a_case_that_fails_is_made_small_kept_and_tried_first() {
    let suite = suite();
    let first = run(&suite, "does_not_hold");
    let parts = ["numbers are small", "  1. Say { number: 7 }\n  without any fault", "5 of 5 runs"];
    first.assert_failure(FailureKind::Property, &parts);
    let [property] = first.attempts()[0].summary.tried_properties.as_slice() else { panic!() };
    let file = property.file.clone().expect("it is kept");
    assert!(file.contains("tests/chaos-regressions/suite.properties.does_not_hold"), "{file}");
    assert_eq!(property.shrunk.as_ref().map(|it| (it.operations, it.faults)), Some((1, 0)));
    // What happened in cases is not told one by one.
    assert!(first.attempts()[0].summary.faults.is_empty());

    let again = run(&suite, "does_not_hold");
    again.assert_failure(FailureKind::Property, &["the case that is kept in", "number: 7"]);
    // A token tries that case alone.
    let name = std::path::Path::new(&file).file_stem().unwrap().to_str().unwrap().to_owned();
    let repeat = format!(" CHAOS_REPLAY=case:{name} ");
    assert!(first.stdout.contains(&repeat), "the command repeats the case: {}", first.stdout);
    let suite = suite.with("CHAOS_REPLAY", &format!("case:{name}"));
    run(&suite, "does_not_hold").assert_failure(FailureKind::Property, &["number: 7"]);
    // And leaves the properties of other tests as they are.
    let other = run(&suite, "holds");
    assert_eq!(other.code, Some(i32::from(exit_code::PASSED)), "{}{}", other.stdout, other.stderr);
    let [property] = other.attempts()[0].summary.tried_properties.as_slice() else { panic!() };
    assert_eq!((property.wanted, property.cases, property.replayed), (3, 3, 0));
    let none = format!("replayed    CHAOS_REPLAY=case:{name} concerns none of 1 test");
    assert!(other.stdout.contains(&none), "{}", other.stdout);
    let both = suite.run("suite::properties::holds suite::properties::does_not_hold");
    let one = format!(
        "CHAOS_REPLAY=case:{name} concerns 1 of 2 tests, the others ran as usual: \
         suite::properties::does_not_hold"
    );
    assert!(both.stdout.contains(&one), "{}", both.stdout);
    // A case that nobody keeps would pass if all were tried for it.
    let suite = suite.with("CHAOS_REPLAY", "case:0123");
    run(&suite, "does_not_hold").assert_failure(FailureKind::Error, &["there is no", "0123.toml"]);
}

fn cases_that_prove_nothing_fail_the_test() {
    let parts = ["all 3 cases are vacuous", "plan.run"];
    run(&suite(), "proves_nothing").assert_failure(FailureKind::Vacuous, &parts);
}

fn an_exit_is_told_with_its_case() {
    let parts = ["exited with code 0", "in case 1 (", "operations, without faults)"];
    run(&suite(), "exits_in_a_case").assert_failure(FailureKind::Exit, &parts);
}
