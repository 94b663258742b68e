//! Tests of the report as a file, and of the documents that describe it.

use std::collections::BTreeSet;
use std::fs::OpenOptions;

use chaos_core::journal::write_line;
use serde_json::Value;

use super::*;
use crate::report::judgement::Judgement;
use crate::report::sample;
use crate::run_event::{RunLine, TestEnded, TestOutcome};

/// Writes events to the journal of a run as the process `process`.
fn write_events(run_directory: &Path, process: u32, events: &[RunEvent]) {
    fs::create_dir_all(run_directory).unwrap();
    let file = run_directory.join("run.jsonl");
    let file = OpenOptions::new().create(true).append(true).open(file).unwrap();
    for event in events {
        write_line(&file, &RunLine { process, event: event.clone() }).unwrap();
    }
}

fn report_in(root: &Path, run_directory: &Path) -> Report {
    let path = make(run_directory, root).unwrap();
    let text = fs::read(&path).unwrap();
    assert_eq!(text, fs::read(root.join(FILE)).unwrap());
    serde_json::from_slice(&text).unwrap()
}

fn sample_report() -> Value {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("runs/1700000000000-4711");
    write_events(&run, 4711, &sample::events());
    serde_json::to_value(report_in(root.path(), &run)).unwrap()
}

fn repository_file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

#[test]
fn a_report_says_what_each_test_came_to() {
    let report = sample_report();
    assert_eq!(report["directory"], "runs/1700000000000-4711");
    assert_eq!(report["complete"], true);
    assert_eq!(report["totals"]["passed"], 1);
    assert_eq!(report["totals"]["passed_on_retry"], 1);
    assert_eq!(report["totals"]["failed"], 1);
    assert_eq!(report["totals"]["failed_as_allowed"], 1);
    assert_eq!(report["totals"]["skipped"], 1);
    assert_eq!(report["totals"]["ignored"], 2);
    assert_eq!(report["totals"]["unfinished"], 0);
    assert_eq!(report["slowest_recoveries"][0]["kind"], "cut");

    let money = &report["tests"][4];
    assert_eq!(money["name"], "bank::money_is_conserved");
    assert_eq!(money["outcome"], "failed");
    assert_eq!(money["category"]["missing_ends"], 1);
    let judgements: Vec<&Value> =
        money["attempts"].as_array().unwrap().iter().map(|a| &a["judgement"]).collect();
    assert_eq!(judgements, ["fresh_seed", "reproduced", "fresh_seed", "fresh_seed"]);
    let reproduce = money["reproduce"].as_str().unwrap();
    assert!(reproduce.starts_with("CHAOS_SEED=42 CHAOS_RETRIES=0 cargo test -p ledger"));
    assert!(!report.to_string().contains("hunter2"));
    assert!(report.to_string().contains("postgres://app:***@127.0.0.1"));
}

#[test]
fn a_run_that_was_killed_has_a_report_too() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("runs/killed");
    let events = sample::events();
    let second_start =
        |event: &RunEvent| matches!(event, RunEvent::AttemptStarted(s) if s.attempt == 2);
    let killed_at = events.iter().position(second_start).unwrap();
    write_events(&run, 1, &events[..=killed_at]);
    // The process was killed in the midst of a line.
    let mut file = OpenOptions::new().append(true).open(run.join("run.jsonl")).unwrap();
    io::Write::write_all(&mut file, b"{\"process\":1,\"eve").unwrap();

    let report = report_in(root.path(), &run);
    assert!(!report.complete);
    assert_eq!(report.duration_ns, None);
    assert_eq!(report.problems.len(), 1);
    let test = report.tests.last().unwrap();
    assert_eq!(test.outcome, document::TestAnswer::Unfinished);
    assert_eq!(test.attempts[0].verdict, document::AttemptVerdict::Failed);
    assert_eq!(test.attempts[1].verdict, document::AttemptVerdict::MissingEnd);
}

#[test]
fn processes_of_one_run_are_told_apart_even_when_their_lines_mix() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("runs/nextest");
    let events = sample::events();
    for event in &events {
        for process in [1, 2] {
            write_events(&run.join("ledger.chaos"), process, std::slice::from_ref(event));
        }
    }
    write_events(&run.join("other.chaos"), 3, &events);
    // A stress run of nextest begins them anew, and the id may be one that was used before.
    write_events(&run.join("ledger.chaos"), 1, &events);

    let report = report_in(root.path(), &run);
    assert!(report.complete, "{report:#?}");
    assert_eq!(report.processes.len(), 4);
    assert_eq!(report.tests.len(), 4 * 8);
    let journals: BTreeSet<_> = report
        .tests
        .iter()
        .filter(|test| test.name == "refused")
        .map(|test| test.attempts[0].journal.clone().unwrap())
        .collect();
    let journals: Vec<_> = journals.iter().map(String::as_str).collect();
    assert_eq!(
        journals,
        ["ledger.chaos/refused/attempt-1.jsonl", "other.chaos/refused/attempt-1.jsonl"]
    );
}

#[test]
fn a_retry_of_nextest_is_another_attempt_at_the_same_test() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("runs/nextest");
    let events = sample::events();
    let of_latency = |event: &&RunEvent| match event {
        RunEvent::AttemptStarted(started) => started.test == "latency_is_survived",
        RunEvent::AttemptEnded(ended) => ended.test == "latency_is_survived",
        RunEvent::RunStarted(_) | RunEvent::RunEnded(_) => true,
        _ => false,
    };
    let events: Vec<RunEvent> = events.iter().filter(of_latency).cloned().collect();
    let [start, first_start, first_end, second_start, second_end, end] = events.as_slice() else {
        panic!("{events:#?}");
    };
    let answer = |outcome| {
        let summary = sample::events().into_iter().find_map(|event| match event {
            RunEvent::TestEnded(ended) if ended.test == "latency_is_survived" => Some(ended),
            _ => None,
        });
        RunEvent::TestEnded(TestEnded { outcome, attempts: 1, ..summary.unwrap() })
    };
    let (failed, passed) = (answer(TestOutcome::Failed), answer(TestOutcome::Passed));
    let first = [start, first_start, first_end, &failed, end].map(Clone::clone);
    let second = [start, second_start, second_end, &passed, end].map(Clone::clone);
    write_events(&run, 1, &first);
    write_events(&run, 2, &second);

    let report = report_in(root.path(), &run);
    assert_eq!(report.tests.len(), 1, "{report:#?}");
    assert_eq!(report.tests[0].outcome, document::TestAnswer::PassedOnRetry);
    let judgements: Vec<_> = report.tests[0].attempts.iter().map(|a| a.judgement).collect();
    assert_eq!(judgements, [Some(Judgement::FreshSeed), Some(Judgement::NotReproduced)]);
}

#[test]
fn the_end_of_a_run_leaves_its_report_and_no_other_file() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("runs/one");
    let events = sample::events();
    write_events(&run, 1, &events);
    let mut reporter = JsonReport::new(&run, root.path());
    events.iter().for_each(|event| reporter.event(event));
    assert!(reporter.error.is_none(), "{:?}", reporter.error);
    let report: Report = serde_json::from_slice(&fs::read(run.join(FILE)).unwrap()).unwrap();
    assert!(report.complete);
    assert_eq!(fs::read_dir(&run).unwrap().count(), 2, "the journal and the report");
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2, "the runs and the copy");
}

#[test]
fn without_a_journal_the_error_says_where_one_was_looked_for() {
    let root = tempfile::tempdir().unwrap();
    let error = make(root.path(), root.path()).unwrap_err();
    assert!(error.to_string().contains(&root.path().display().to_string()));
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("run.jsonl"));
}

#[test]
fn a_report_fits_the_schema_and_the_schema_describes_all_of_it() {
    let schema: Value = serde_json::from_str(&repository_file("docs/report.schema.json")).unwrap();
    let mut checker = Checker { schema: &schema, used: BTreeSet::new(), wrong: Vec::new() };
    checker.check(&sample_report(), &schema, "report");
    assert_eq!(checker.wrong, Vec::<String>::new());

    // And no field of the schema is one that no report has.
    let mut described = BTreeSet::new();
    fields_of(&schema, &mut described);
    // No test of the sample is very flaky, and its baselines could be compared.
    let expected: BTreeSet<String> = described.difference(&checker.used).cloned().collect();
    assert_eq!(expected, BTreeSet::from(["refused".to_owned(), "very_flaky".to_owned()]));
}

#[test]
fn a_report_that_does_not_fit_the_schema_is_found_out() {
    let schema: Value = serde_json::from_str(&repository_file("docs/report.schema.json")).unwrap();
    let wrongs: [fn(&mut Value); 5] = [
        |report| report["version"] = 2.into(),
        |report| report["tests"][2]["outcome"] = "perhaps".into(),
        |report| report["tests"][2]["category"]["rate"] = 1.5.into(),
        |report| report["tests"][2]["attempts"][0]["new_field"] = 1.into(),
        |report| {
            report["tests"][2].as_object_mut().unwrap().remove("name");
        },
    ];
    for make_wrong in wrongs {
        let mut report = sample_report();
        make_wrong(&mut report);
        let mut checker = Checker { schema: &schema, used: BTreeSet::new(), wrong: Vec::new() };
        checker.check(&report, &schema, "report");
        assert_eq!(checker.wrong.len(), 1, "{:?}", checker.wrong);
    }
}

#[test]
fn every_field_is_explained_in_words() {
    let schema: Value = serde_json::from_str(&repository_file("docs/report.schema.json")).unwrap();
    let words = repository_file("docs/report-schema.md");
    let mut fields = BTreeSet::new();
    fields_of(&schema, &mut fields);
    let unexplained: Vec<_> =
        fields.iter().filter(|field| !words.contains(&format!("`{field}`"))).collect();
    assert_eq!(unexplained, Vec::<&String>::new());
}

#[test]
fn every_event_of_both_journals_is_explained_in_words() {
    let words = repository_file("docs/journal-format.md");
    for file in ["chaos-core/src/event.rs", "chaos-harness/src/run_event.rs"] {
        let source = repository_file(file);
        let (_, events) = source.split_once("snake_case\", tag = \"event\"").unwrap();
        let (events, _) = events.split_once("\n}").unwrap();
        let variants = events.lines().filter_map(|line| {
            let variant = line.strip_prefix("    ")?;
            variant
                .starts_with(char::is_uppercase)
                .then(|| variant.split(['(', ' ', ',']).next())?
        });
        let names: Vec<String> = variants
            .map(|variant| {
                let mut name = String::new();
                for c in variant.chars() {
                    if c.is_uppercase() && !name.is_empty() {
                        name.push('_');
                    }
                    name.extend(c.to_lowercase());
                }
                name
            })
            // These are shown, and not written.
            .filter(|name| !["attempt_progress", "measuring"].contains(&name.as_str()))
            .collect();
        assert!(names.len() > 4, "{names:?}");
        for name in names {
            assert!(words.contains(&format!("| `{name}` |")), "{name} of {file} is not explained");
        }
    }
}

/// As much of JSON Schema as `report.schema.json` uses; any other keyword is an error.
struct Checker<'a> {
    schema: &'a Value,
    /// The names of all fields that were met.
    used: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Checker<'_> {
    fn check(&mut self, value: &Value, schema: &Value, path: &str) {
        for (keyword, argument) in schema.as_object().unwrap() {
            let fits = match keyword.as_str() {
                "$schema" | "title" | "description" | "$defs" => true,
                "$ref" => {
                    let name = argument.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                    let referenced = self.schema["$defs"][name].clone();
                    self.check(value, &referenced, path);
                    true
                }
                "type" => match argument.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_u64() || value.is_i64(),
                    "number" => value.is_number(),
                    other => panic!("the checker does not know the type {other}"),
                },
                "const" => value == argument,
                "enum" => argument.as_array().unwrap().contains(value),
                "minimum" => value.as_f64() >= argument.as_f64(),
                "maximum" => value.as_f64() <= argument.as_f64(),
                "required" => {
                    let names = argument.as_array().unwrap().iter();
                    names.map(|name| name.as_str().unwrap()).all(|name| value.get(name).is_some())
                }
                "properties" => {
                    for (name, field) in value.as_object().unwrap() {
                        self.used.insert(name.clone());
                        let path = format!("{path}.{name}");
                        match argument.get(name) {
                            Some(schema) => self.check(field, schema, &path),
                            // The schema allows it, and must not lag behind.
                            None => self.wrong.push(format!("{path} is not described")),
                        }
                    }
                    true
                }
                // Names that a user chooses are no fields of the schema.
                "additionalProperties" => {
                    for (name, field) in value.as_object().unwrap() {
                        self.check(field, argument, &format!("{path}.{name}"));
                    }
                    true
                }
                "items" => {
                    for (place, item) in value.as_array().unwrap().iter().enumerate() {
                        self.check(item, argument, &format!("{path}[{place}]"));
                    }
                    true
                }
                other => panic!("the checker does not know the keyword {other}"),
            };
            if !fits {
                self.wrong.push(format!("{path} does not fit {keyword}: {argument}"));
            }
        }
    }
}

/// The names of all fields that a schema describes.
fn fields_of(schema: &Value, fields: &mut BTreeSet<String>) {
    let Some(object) = schema.as_object() else { return };
    for (keyword, value) in object {
        // Below these are names of somebody's choice, which may be keywords too.
        if let ("properties" | "$defs", Some(named)) = (keyword.as_str(), value.as_object()) {
            if keyword == "properties" {
                fields.extend(named.keys().cloned());
            }
            named.values().for_each(|nested| fields_of(nested, fields));
        } else {
            fields_of(value, fields);
        }
    }
}
