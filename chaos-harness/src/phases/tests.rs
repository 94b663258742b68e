//! What is read of phases, in which order tests come, and which of them are locked.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::progress::Progress;
use super::*;
use crate::config::File;
use crate::config::profile::Hardware;
use crate::registry::{Options, TestCase};

fn tests(tests: &[(&'static str, Option<&'static str>)]) -> Vec<Selected> {
    let of = |(function, domain): &(&'static str, Option<&'static str>)| {
        let case: &'static TestCase = Box::leak(Box::new(TestCase {
            module: "chaos",
            function,
            file: "",
            line: 1,
            column: 1,
            description: "",
            fingerprint: 0,
            options: Options { domain: *domain, ..Options::DEFAULT },
            run: |_| Box::pin(async { Ok(()) }),
        }));
        Selected { case, name: case.name(), ignored: false }
    };
    tests.iter().map(of).collect()
}

fn plan_of(toml: &str, all: &[Selected]) -> Result<Plan, Vec<String>> {
    let file = File::parse(Path::new("chaos.toml"), toml).unwrap().for_binary("chaos");
    let config = Config::new(Some(file), "local", None, Hardware::default()).unwrap();
    let plan = Plan::of(&config, all);
    plan.map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
}

const THREE: &str = r#"
[phases.foundation]
tests = "base_*"

[phases.network]
domains = "network"
after = "foundation"
pass-rate = "75 %"

[phases.sabotage]
domains = ["sabotage"]
after = ["network"]
"#;

const NAMES: [(&str, Option<&str>); 9] = [
    ("a_sabotage", Some("sabotage")),
    ("b_other", None),
    ("base_one", None),
    ("base_two", None),
    ("c_other", None),
    ("n_1", Some("network")),
    ("n_2", Some("network")),
    ("n_3", Some("network")),
    ("n_4", Some("network")),
];

fn three() -> Plan {
    plan_of(THREE, &tests(&NAMES)).unwrap()
}

fn progress(names: &[&str]) -> Progress {
    Progress::new(three(), names.iter().copied())
}

#[test]
fn no_test_comes_before_one_that_it_waits_for_and_others_fill_the_seams() {
    let names = NAMES.map(|(name, _)| name).to_vec();
    let arranged = three().arrange(names, |name| name);
    let expected =
        ["base_one", "base_two", "b_other", "n_1", "n_2", "n_3", "n_4", "c_other", "a_sabotage"];
    assert_eq!(arranged, expected);
    let without = Plan::default().arrange(vec!["b", "a"], |name| name);
    assert_eq!(without, ["b", "a"]);
    let listing = three().listing();
    let (name, text, place) = &listing[1];
    let said = (name.as_str(), text.as_str(), place.as_str());
    assert_eq!(said, ("network", "4 tests, after foundation, unlocks at 75 %", "chaos.toml:5"));
}

#[test]
fn what_cannot_be_meant_is_told_with_its_line_and_what_to_write_instead() {
    let all = tests(&NAMES);
    let mistakes = |toml: &str| plan_of(toml, &all).unwrap_err();
    let found = mistakes(
        "[phases.a]\ndomains = \"netwrok\"\nafter = \"bbb\"\n[phases.aa]\ntests = \"n_*\"\n",
    );
    assert!(
        found[0]
            .contains("chaos.toml:2: no test has the domain `netwrok`; did you mean `network`?"),
        "{found:?}"
    );
    assert!(
        found[1].contains("chaos.toml:3: there is no phase `bbb`; it may be `a`, `aa`"),
        "{found:?}"
    );
    let found = mistakes(
        "[phases.a]\ndomains = \"network\"\n[phases.b]\ntests = \"n_3\"\n[phases.c]\ntests = \"n_*\"\n\
         [phases.d]\ntests = \"base*\"\n[phases.e]\ntests = \"base_*\"\n",
    );
    assert!(
        found[0].contains("chaos.toml:3: the test `n_3` is of the phase `a` and of the phase `b`"),
        "{found:?}"
    );
    assert!(
        found[1]
            .contains("chaos.toml:5: the tests `n_1`, `n_2`, `n_3` and 1 other are of the phase"),
        "{found:?}"
    );
    assert!(
        found[2].contains("chaos.toml:9: the tests `base_one` and `base_two` are"),
        "{found:?}"
    );
    assert_eq!(found.len(), 3, "{found:?}");
    let found = mistakes(
        "[phases.a]\ntests = \"n_1\"\nafter = \"a\"\n[phases.b]\ntests = \"n_2\"\nafter = \"c\"\n\
         [phases.c]\ntests = \"n_3\"\nafter = \"b\"\n",
    );
    assert!(found[0].contains("chaos.toml:3: phases wait for one another: `a` after `a`"));
    assert!(
        found[1].contains("chaos.toml:6: phases wait for one another: `b` after `c` after `b`")
    );
    assert_eq!(found.len(), 2, "{found:?}");
    let found = mistakes(
        "[phases.a]\ntests = \"n_1\"\nafter = \"c\"\n[phases.b]\ntests = \"n_2\"\nafter = \"a\"\n\
         [phases.c]\ntests = \"n_3\"\nafter = \"b\"\n[phases.d]\ntests = \"n_4\"\nafter = \"a\"\n",
    );
    assert!(
        found[0].contains(
            "chaos.toml:3: phases wait for one another: `a` after `c` after `b` after `a`"
        ),
        "{found:?}"
    );
    let found = mistakes("[phases.a]\ntests = \"n_1\"\npass-rate = \"85 %\"\n");
    assert!(
        found[0].contains("chaos.toml:3: `phases.a.pass-rate` is what unlocks the phases after"),
        "{found:?}"
    );
    let nobody = File::parse(Path::new("chaos.toml"), "[phases.a]\nafter = \"b\"\n").unwrap_err();
    assert!(nobody[0].to_string().contains("say which tests belong to it"), "{nobody:?}");
    // Of another test binary nothing is known here.
    let other = plan_of("[phases.a]\ndomains = \"storage\"\nbinary = \"other\"\n", &all).unwrap();
    assert_eq!(other.len(), 0);
}

#[test]
fn a_phase_stays_locked_by_what_those_before_it_came_to() {
    let progress = progress(&NAMES.map(|(name, _)| name));
    let end = |name: &str, must_pass, passed| {
        let turn = progress.turn(name);
        assert_eq!(turn.wait(), None, "{name}");
        progress.judged(name, must_pass, passed);
    };
    end("base_one", true, true);
    // It may fail, and does.
    end("base_two", false, false);
    for (name, passed) in [("n_1", true), ("n_2", false), ("n_3", true), ("n_4", false)] {
        end(name, true, passed);
    }
    end("b_other", true, false);
    let reason = progress.turn("a_sabotage").wait();
    let expected =
        "phase `sabotage` stays locked: `network` came to 2 of 4 (50 %), 75 % are needed";
    assert_eq!(reason.as_deref(), Some(expected));
    let gates = progress.gates();
    let said: Vec<_> = gates.iter().map(|gate| (gate.passed, &*gate.message)).collect();
    let locked =
        "stays locked: `network` came to 2 of 4 (50 %), 75 % are needed; 1 test was not run";
    assert_eq!(said, [(true, "unlocked: `foundation` came to 1 of 1 (100 %)"), (false, locked)]);
    assert_eq!(gates[1].phase.as_deref(), Some("sabotage"));
}

#[test]
fn a_phase_after_a_locked_one_is_locked_and_one_without_tests_hands_on() {
    // The network is left out of this run; the foundation still counts.
    let progress = progress(&["base_one", "a_sabotage"]);
    let turn = progress.turn("base_one");
    progress.judged("base_one", true, false);
    drop(turn);
    let reason = progress.turn("a_sabotage").wait().unwrap();
    assert!(reason.ends_with("locked: `network` stays locked itself"), "{reason}");
}

#[test]
fn what_is_not_in_the_run_locks_nothing() {
    let progress = progress(&["a_sabotage", "b_other"]);
    assert_eq!(progress.turn("a_sabotage").wait(), None);
    assert_eq!(progress.gates()[0].message, "unlocked: no test of `network` was judged");
}

#[test]
fn a_test_waits_until_the_last_one_before_it_has_ended_also_by_a_panic() {
    let progress = progress(&["base_one", "base_two", "n_1"]);
    let ended = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let begun = ["base_one", "base_two"].map(|name| progress.turn(name));
        let waiting = scope.spawn(|| {
            assert_eq!(progress.turn("n_1").wait(), None);
            assert_eq!(ended.load(Ordering::SeqCst), 2);
        });
        for turn in begun {
            let panics = scope.spawn(|| {
                let _turn = turn;
                ended.fetch_add(1, Ordering::SeqCst);
                std::panic::resume_unwind(Box::new("it panicked"));
            });
            assert!(panics.join().is_err());
        }
        waiting.join().unwrap();
    });
}
