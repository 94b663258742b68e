use super::*;

fn here() -> Host {
    Host {
        os: "linux".to_owned(),
        arch: "x86_64".to_owned(),
        cores: 4,
        processor: "A \"fast\" one".to_owned(),
        build: "debug".to_owned(),
    }
}

/// About a millisecond, times this.
fn samples(factor: u64) -> Vec<u64> {
    (0..30).map(|n| factor * (1_000_000 + n * 1_000)).collect()
}

fn measured(factor: u64) -> Measured {
    let measured = Measured::default();
    measured.push("pool: checkout", &samples(factor));
    measured.push("pool: \"quoted\"", &samples(1));
    measured
}

#[test]
fn what_was_saved_is_compared_and_what_became_slower_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chaos-baselines/chaos.toml");
    let saved = measured(1).conclude(Mode::Save, &path, &here()).unwrap();
    assert!(saved.to_string().starts_with("2 baselines were saved to "), "{saved}");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("mean = \"1.01ms\"") && text.contains("median-95 = ["), "{text}");

    let same = measured(1).conclude(Mode::Compare, &path, &here()).unwrap();
    assert!(!same.has_regressed(), "{same}");
    let slower = measured(2).conclude(Mode::Compare, &path, &here()).unwrap();
    assert!(slower.has_regressed());
    let text = slower.to_string();
    assert!(text.contains("SLOWER  pool: checkout takes 2.00 times as long"), "{text}");
    assert!(text.ends_with("1 of 2 baselines regressed, 0 without one\n"), "{text}");
}

#[test]
fn another_machine_is_refused_with_the_reason_until_it_has_baselines_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chaos.toml");
    measured(1).conclude(Mode::Save, &path, &here()).unwrap();
    let other = Host { cores: 64, build: "release".to_owned(), ..here() };
    let error = measured(2).conclude(Mode::Compare, &path, &other).unwrap_err().to_string();
    assert!(error.contains("cores 4, here 64, build debug, here release"), "{error}");
    measured(2).conclude(Mode::Save, &path, &other).unwrap();
    assert!(!measured(2).conclude(Mode::Compare, &path, &other).unwrap().has_regressed());
    // The first machine keeps its own.
    assert!(measured(2).conclude(Mode::Compare, &path, &here()).unwrap().has_regressed());
}

#[test]
fn a_part_of_the_tests_replaces_its_own_baselines_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chaos.toml");
    measured(1).conclude(Mode::Save, &path, &here()).unwrap();
    let one = Measured::default();
    one.push("pool: checkout", &samples(2));
    one.push("pool: brand new", &samples(1));
    let told = one.conclude(Mode::Compare, &path, &here()).unwrap().to_string();
    assert!(told.contains("pool: brand new has no baseline"), "{told}");
    one.conclude(Mode::Save, &path, &here()).unwrap();
    let told = measured(2).conclude(Mode::Compare, &path, &here()).unwrap();
    assert!(!told.has_regressed(), "{told}");
}

#[test]
fn what_is_missing_or_malformed_is_an_error_that_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chaos.toml");
    let error = |mode, measured: &Measured| {
        measured.conclude(mode, &path, &here()).unwrap_err().to_string()
    };
    assert!(error(Mode::Save, &Measured::default()).contains("cx.baseline("));
    assert!(error(Mode::Compare, &measured(1)).contains("`--chaos-baseline save` writes them"));
    std::fs::write(&path, "version = \"two\"").unwrap();
    assert!(error(Mode::Compare, &measured(1)).starts_with("cannot understand "));
    std::fs::write(&path, "version = 2").unwrap();
    assert!(error(Mode::Compare, &measured(1)).contains("has version 2"));
}
