use super::*;
use crate::run_event::{AttemptSummary, BaselineSummary};

fn here() -> Machine {
    let mut machine = Machine::detect();
    (machine.cores, machine.allowed_cores, machine.memory) = (4.0, 4, Some(8 << 30));
    machine.processor = Some("A \"fast\" one".to_owned());
    machine.load_average = Some([0.5; 3]);
    machine
}

/// About a millisecond, times this.
fn samples(factor: u64) -> Vec<u64> {
    (0..30).map(|n| factor * (1_000_000 + n * 1_000)).collect()
}

/// What a test that passed measured, on a machine that was beyond these bounds.
fn attempt(test: &str, measured: &[(&str, Vec<u64>)], beyond: &[&str]) -> AttemptEnded {
    let baselines = measured.iter().map(|(name, samples_ns)| {
        let (name, samples_ns) = ((*name).to_owned(), samples_ns.clone());
        BaselineSummary { name, samples_ns }
    });
    let summary = AttemptSummary { baselines: baselines.collect(), ..AttemptSummary::default() };
    let resources = serde_json::json!({
        "machine": { "cpu": 0.4 },
        "processes": {
            "cpu_ms": 1, "ran_ms": 1, "waited_ms": 0, "memory": 1, "descriptors": 1, "processes": 1,
        },
        "probes": 9, "delay_p95_us": 250, "longest_delay_us": 300, "beyond": beyond,
    });
    AttemptEnded {
        test: test.to_owned(),
        attempt: 1,
        seed: 1,
        duration_ns: 1,
        verdict: chaos_core::verdict::Verdict::Passed,
        summary,
        stdout: None,
        stderr: None,
        resources: Some(serde_json::from_value(resources).unwrap()),
        diagnostics: None,
    }
}

fn measured(factor: u64) -> Measured {
    let measured = Measured::default();
    let both = [("checkout", samples(factor)), ("\"quoted\"", samples(1))];
    measured.add(&attempt("pool", &both, &[]));
    measured
}

fn compare(measured: &Measured, path: &Path, machine: &Machine) -> Result<Conclusion, StoreError> {
    let tests = ["pool".to_owned()];
    measured.compare_among(path, machine, &Criteria::default(), Some(&tests))
}

#[test]
fn what_was_saved_is_compared_and_what_became_slower_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chaos-baselines/chaos.toml");
    let saved = measured(1).save(&path, &here()).unwrap();
    assert!(saved.to_string().starts_with("2 baselines saved to "), "{saved}");
    let text = std::fs::read_to_string(&path).unwrap();
    for part in [
        "mean = \"1.01ms\"",
        "median-95 = [",
        "processor = \"A \\\"fast\\\" one\"",
        "beside = \"processors busy 40 %, a waiting task woken 250us late (p95)\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }

    let same = compare(&measured(1), &path, &here()).unwrap();
    assert_eq!(same.slower().count(), 0, "{same}");
    let slower = compare(&measured(2), &path, &here()).unwrap();
    assert_eq!(slower.slower().count(), 1);
    let text = slower.to_string();
    assert!(text.starts_with("SLOWER  pool: checkout takes 2.00 times as long (1.9"), "{text}");
    assert!(text.contains(": 1 slower, 0 faster, 1 without a change that matters\n"), "{text}");
    measured(4).save(&path, &here()).unwrap();
    let faster = compare(&measured(1), &path, &here()).unwrap().to_string();
    assert!(faster.starts_with("faster  pool: checkout takes 0.25 times as long (0.2"), "{faster}");
}

#[test]
fn another_machine_is_refused_with_the_reason_until_it_has_baselines_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chaos.toml");
    measured(1).save(&path, &here()).unwrap();
    let mut other = here();
    (other.cores, other.cpu_quota) = (1.5, Some(1.5));
    let error = compare(&measured(2), &path, &other).unwrap_err().to_string();
    assert!(error.contains("so nothing is compared: cores 4, here 1.5; `--chaos"), "{error}");
    measured(2).save(&path, &other).unwrap();
    assert_eq!(compare(&measured(2), &path, &other).unwrap().slower().count(), 0);
    // The first machine keeps its own.
    assert_eq!(compare(&measured(2), &path, &here()).unwrap().slower().count(), 1);
    let text = std::fs::read_to_string(&path).unwrap();
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    std::fs::write(&path, text.replace(&format!("build = \"{build}\""), "build = \"fat\""))
        .unwrap();
    let error = compare(&measured(2), &path, &here()).unwrap_err().to_string();
    assert!(error.contains(&format!("build fat, here {build}; or: cores 1.5, here 4")), "{error}");
}

#[test]
fn what_may_explain_a_change_of_the_machine_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chaos.toml");
    let mut then = here();
    then.kernel = Some("1.2.3".to_owned());
    then.load_average = Some([9.0, 1.0, 1.0]);
    measured(1).save(&path, &then).unwrap();
    let mut now = here();
    now.kernel = Some("4.5.6".to_owned());
    let told = compare(&measured(1), &path, &now).unwrap().to_string();
    assert!(told.contains("the kernel is 4.5.6, and was 1.2.3 for the baselines"), "{told}");
    let load = "when the baselines were measured the load average was 9.0 on 4 cores";
    assert!(told.contains(load) && !told.contains("when this run began"), "{told}");
}

#[test]
fn a_part_of_the_tests_replaces_its_own_baselines_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chaos.toml");
    measured(1).save(&path, &here()).unwrap();
    let one = Measured::default();
    let both = [("checkout", samples(2)), ("brand new", samples(1))];
    one.add(&attempt("pool", &both, &[]));
    let told = compare(&one, &path, &here()).unwrap().to_string();
    assert!(told.contains("new     pool: brand new has no baseline"), "{told}");
    assert!(told.contains("gone    pool: \"quoted\": its test does not measure it"), "{told}");
    one.save(&path, &here()).unwrap();
    let told = compare(&measured(2), &path, &here()).unwrap();
    assert_eq!(told.slower().count(), 0, "{told}");
}

#[test]
fn what_is_in_the_file_and_of_no_test_is_told_and_what_did_not_run_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chaos.toml");
    let all = measured(1);
    all.add(&attempt("was renamed", &[("checkout", samples(1))], &[]));
    all.add(&attempt("pool::filtered_out", &[("checkout", samples(1))], &[]));
    all.save(&path, &here()).unwrap();
    let tests = ["pool".to_owned(), "pool::filtered_out".to_owned()];
    let criteria = Criteria::default();
    let told = measured(1).compare_among(&path, &here(), &criteria, Some(&tests)).unwrap();
    assert_eq!(told.missing, ["was renamed: checkout: there is no such test"]);
}

#[test]
fn what_was_measured_on_an_overloaded_machine_is_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chaos.toml");
    let beyond = ["a waiting task was woken 99ms late or more (bound 50ms)"];
    let some = measured(1);
    some.add(&attempt("cache", &[("fill", samples(1))], &beyond));
    let saved = some.save(&path, &here()).unwrap();
    assert_eq!(saved.saved, 2);
    assert!(saved.to_string().contains("cache: its baselines are left out"), "{saved}");
    assert!(!std::fs::read_to_string(&path).unwrap().contains("fill"));
    let none = Measured::default();
    none.add(&attempt("cache", &[("fill", samples(1))], &beyond));
    let error = none.save(&path, &here()).unwrap_err().to_string();
    assert!(error.contains("overloaded machine") && error.contains("99ms"), "{error}");
}

#[test]
fn what_is_measured_twice_under_one_name_is_one_thing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chaos.toml");
    let measured = Measured::default();
    measured.add(&attempt("pool", &[("checkout", samples(1)), ("checkout", samples(1))], &[]));
    assert_eq!(measured.save(&path, &here()).unwrap().saved, 1);
    assert!(std::fs::read_to_string(&path).unwrap().contains("\nn = 60\n"));
}

#[test]
fn what_is_missing_or_malformed_is_an_error_that_says_where_and_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chaos.toml");
    let nothing = Measured::default().save(&path, &here()).unwrap_err().to_string();
    assert!(nothing.contains("cx.baseline("), "{nothing}");
    let error = || compare(&measured(1), &path, &here()).unwrap_err().to_string();
    assert!(error().contains("`--chaos-baseline save` writes them"));
    std::fs::write(&path, "version = 2\n[[machine]\n").unwrap();
    assert!(error().starts_with(&format!("{}:2:", path.display())), "{}", error());
    std::fs::write(&path, "version = \"two\"").unwrap();
    assert!(error().starts_with(&format!("{}:1:11: invalid type", path.display())), "{}", error());
    std::fs::write(&path, "version = 3").unwrap();
    assert!(error().contains("has version 3"));
    std::fs::write(&path, "version = 1").unwrap();
    assert!(error().contains("has version 1, whose values are single runs"), "{}", error());
    assert!(error().contains("remove it, and let `--chaos-baseline save`"), "{}", error());
    let saved = measured(1).save(&path, &here()).unwrap_err();
    assert!(matches!(saved, StoreError::TooOld { version: 1, .. }), "{saved}");
    std::fs::remove_file(&path).unwrap();
    measured(1).save(&path, &here()).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let begin = text.rfind("samples-ns = [").unwrap();
    std::fs::write(&path, format!("{}samples-ns = [1, 2]\n", &text[..begin])).unwrap();
    let line = text[..begin].lines().count() + 1;
    let wanted = format!("{}:{line}:14: `checkout` has 2 values, and", path.display());
    assert!(error().starts_with(&wanted), "{}", error());
    assert!(check(&path).is_err());
}
