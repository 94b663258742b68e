//! The file as a whole: what is understood, what goes before what, and what is said of mistakes.

use super::*;

const PATH: &str = "chaos.toml";

fn mistakes(text: &str) -> Vec<String> {
    let mistakes = File::parse(Path::new(PATH), text).unwrap_err();
    mistakes.iter().map(ToString::to_string).collect()
}

fn config(text: &str, environment: &str, hardware: Hardware) -> Config {
    let file = File::parse(Path::new(PATH), text).unwrap();
    Config::new(Some(file), environment, None, hardware).unwrap()
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_to_write_instead() {
    let text = r#"
[attempts]
timout = "30s"
timeout = "30"
retries = -1

[load]
multiplier = 0
pool-size = "8"

[[override]]
attempts.retries = 1

[environments.ci.run]
keep = "yes"

[profiles.small]
when = { cores-at-least = 8, cores-at-most = 2, memory-at-most = "4 GB" }

[colours]
"#;
    let mistakes = mistakes(text);
    let expected = [
        ("3:1", "did you mean `timeout`?"),
        ("4:11", "\"30\", which is not a duration from 1ms to 365 days with its unit"),
        ("5:11", "-1, which is not a whole number from 0 to 100"),
        ("8:14", "0, which is not a number from 0.01 to 100"),
        ("9:13", "which is not a whole number from 1 to 262143"),
        ("12:1", "say which tests this is for: tests = \"pool::*\""),
        ("15:8", "`environments.ci.run.keep` is \"yes\", which is not `true` or `false`"),
        ("18:10", "no machine meets both bounds"),
        ("18:66", "a size with a unit (KiB, MiB, GiB), such as \"4 GiB\""),
        ("20:2", "there is no setting `colours`; it may be `attempts`, `baselines`, "),
    ];
    assert_eq!(mistakes.len(), expected.len(), "{mistakes:#?}");
    for (mistake, (place, part)) in mistakes.iter().zip(expected) {
        assert!(mistake.starts_with(&format!("{PATH}:{place}: ")), "{place}: {mistake}");
        assert!(mistake.contains(part), "{part}: {mistake}");
    }
}

#[test]
fn text_that_is_no_toml_is_told_with_its_place() {
    let mistakes = mistakes("[attempts]\ntimeout = 30s\n");
    assert!(mistakes[0].starts_with("chaos.toml:2:"), "{mistakes:?}");
}

#[test]
fn whoever_forgets_quotes_or_a_section_is_told_what_to_write() {
    for (text, part) in [
        ("[attempts]\ntimeout = 30s # a while\n", "write it in quotes: \"30s\""),
        ("[attempts]\nretries = \"3\"\n", "from 0 to 100; write it without quotes"),
        ("[run]\nkeep = \"true\"\n", "not `true` or `false`; write it without quotes"),
        ("[attempts]\nretries = 1\nretries = 2\n", "`retries` is above already"),
        ("retries = 1\n", "`retries` does not stand here; write attempts.retries, or [attempts]"),
        ("[environments.ci]\nsteal = \"5 %\"\n", "write watch.steal, or [watch] above it"),
        ("[[override]]\ntests = \"a\"\nrun.keep = true\n", "it concerns the run as a whole"),
        ("[[override]]\ntests = []\n", "say which tests this is for"),
        ("[gates.domains]\nnetwork = 1\n", "write [gates.domains.network]"),
    ] {
        let found = mistakes(text);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].contains(part), "{part:?} is not in {found:?}");
    }
}

#[test]
fn a_table_where_a_list_belongs_and_the_reverse_are_told() {
    let found = mistakes("attempts = 3\noverride = { tests = \"a\" }\nenvironments = 1\n");
    assert!(found[0].contains("write [attempts] and its settings"), "{found:?}");
    assert!(found[1].contains("write [[override]]"), "{found:?}");
    assert!(found[2].contains("write [environments.<name>]"), "{found:?}");
}

const LAYERS: &str = r#"
[attempts]
retries = 1
timeout = "1s"
seed = 7

[environments.ci.attempts]
retries = 2

[profiles.small]
when = { cores-at-most = 2 }
attempts = { retries = 3, timeout = "3s" }

[profiles.large]
when = { cores-at-least = 16, memory-at-least = "32 GiB" }
attempts.timeout = "4s"

[[override]]
tests = ["pool::*"]
attempts.retries = 5

[[override]]
tests = "pool::drains"
attempts = { retries = 6, timeout = "6s" }
"#;

#[test]
fn overrides_go_before_the_environment_and_that_before_the_profile_and_the_file() {
    let small = Hardware { cores: Some(2.0), memory: None };
    let config = config(LAYERS, "ci", small);
    let retries = |test| {
        let found = config.get(test, |sections| sections.attempts.retries.as_ref()).unwrap();
        (found.value, found.place.to_string())
    };
    assert_eq!(retries(None), (2, "chaos.toml:8 (environments.ci)".to_owned()));
    assert_eq!(retries(Some("ledger::adds")).0, 2);
    assert_eq!(retries(Some("pool::drains")), (5, "chaos.toml:20 (override 1)".to_owned()));
    let timeout = |test| {
        let found = config.get(test, |sections| sections.attempts.timeout.as_ref()).unwrap();
        found.value.as_secs()
    };
    assert_eq!((timeout(Some("pool::drains")), timeout(None)), (6, 3));
    let seed = config.get(None, |sections| sections.attempts.seed.as_ref()).unwrap();
    assert_eq!(seed.place.to_string(), "chaos.toml:5");
    assert_eq!(config.profile(), Some("small"));
}

#[test]
fn a_profile_applies_where_its_conditions_are_known_to_be_met() {
    let profile = |cores, memory: Option<u64>| {
        let hardware = Hardware { cores, memory: memory.map(|gib| gib << 30) };
        config(LAYERS, "local", hardware).profile().map(str::to_owned)
    };
    assert_eq!(profile(Some(1.5), Some(64)).as_deref(), Some("small"));
    assert_eq!(profile(Some(16.0), Some(32)).as_deref(), Some("large"));
    assert_eq!(profile(Some(16.0), Some(31)), None);
    assert_eq!(profile(Some(16.0), None), None);
    assert_eq!(profile(Some(4.0), Some(64)), None);
}

#[test]
fn every_condition_of_a_profile_counts() {
    for (condition, met, not_met) in [
        ("cores-at-least = 4", (4.0, 8), (3.5, 8)),
        ("cores-at-most = 4", (4.0, 8), (4.5, 8)),
        ("memory-at-least = \"8 GiB\"", (4.0, 8), (4.0, 7)),
        ("memory-at-most = \"8 GiB\"", (4.0, 8), (4.0, 9)),
    ] {
        let text = format!("[profiles.this]\nwhen = {{ {condition} }}\n");
        let applies = |(cores, gib): (f64, u64)| {
            let hardware = Hardware { cores: Some(cores), memory: Some(gib << 30) };
            config(&text, "local", hardware).profile().is_some()
        };
        assert!(applies(met) && !applies(not_met), "{condition}");
    }
}

#[test]
fn names_that_are_not_defined_are_refused_with_the_nearest() {
    let file = File::parse(Path::new(PATH), LAYERS).unwrap();
    let new = |environment, profile| {
        let config = Config::new(Some(file.clone()), environment, profile, Hardware::default());
        config.map_err(|error| error.to_string())
    };
    assert_eq!(new("local", Some("large")).unwrap().profile(), Some("large"));
    let error = new("validaton", None).unwrap_err();
    assert!(error.starts_with("there is no environment `validaton`; did you mean `validation`?"));
    let error = new("ci", Some("medium")).unwrap_err();
    let expected = "there is no hardware profile `medium`; it may be `large`, `small`, or chaos.toml \
                    defines it: [profiles.medium]";
    assert_eq!(error, expected);
}

#[test]
fn every_setting_stands_in_the_documentation() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    // A published crate is without it.
    let Ok(documentation) = std::fs::read_to_string(path) else { return };
    for section in ["attempts", "baselines", "gates", "load", "run", "triage", "watch"] {
        let told = mistakes(&format!("[{section}]\nqqqqqqqqqqqqqqqq = 1\n"));
        let (_, known) = told[0].split_once("it may be ").unwrap();
        for key in known.split('`').skip(1).step_by(2) {
            let setting = format!("`{section}.{key}`");
            assert!(documentation.contains(&setting), "{setting} is not in {path}");
        }
    }
}
