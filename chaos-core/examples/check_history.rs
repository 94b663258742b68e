//! Reads a history from a file and prints what a checker says of it.
//!
//! ```text
//! cargo run -p chaos-core --example check_history -- serializable history.jsonl
//! cargo run -p chaos-core --example check_history -- linearizable:register:per-key history.edn
//! ```
//!
//! The first argument is an isolation model (`serializable`, `snapshot-isolation`, ...) or
//! `linearizable:` with one of `register`, `counter`, `set`, `queue`, `lock`, `text`, `map`, `once` and
//! `lease`. Files that end in `.edn` are read as EDN, in `.log` as a log of Jepsen, and others as lines of
//! JSON. It answers with 0 for valid, 1 for violated and 2 for unknown.

use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::ExitCode;

use chaos_core::check::linearizability::{
    Counter, FencedLease, FifoQueue, Linearizability, Lock, Map, Model, Once, Register, Set, Text,
};
use chaos_core::check::transactions::Transactions;
use chaos_core::check::{Checker, Validity};
use chaos_core::history::History;

type Answer = Result<(Validity, String), Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [promise, path] = arguments.as_slice() else {
        eprintln!("usage: check_history <model> <file>");
        return ExitCode::from(3);
    };
    match judge(promise, Path::new(path)) {
        Ok((validity, report)) => {
            println!("{report}");
            ExitCode::from(match validity {
                Validity::Valid => 0,
                Validity::Violated => 1,
                Validity::Unknown => 2,
            })
        }
        Err(error) => {
            eprintln!("{path}: {}", chaos_core::error::with_sources(error.as_ref()));
            ExitCode::from(3)
        }
    }
}

fn judge(promise: &str, path: &Path) -> Answer {
    if let Some(model) = promise.strip_prefix("linearizable:") {
        return linearizable(model, &history(path)?);
    }
    let model = promise.parse()?;
    // Lines of JSON need not be kept.
    let is_kept = path.extension().is_some_and(|end| end == "edn" || end == "log");
    let transactions = if is_kept {
        Transactions::from_history(&history(path)?)?
    } else {
        Transactions::from_jsonl(BufReader::new(File::open(path)?))?
    };
    let report = transactions.check(model);
    Ok((report.validity, report.to_string()))
}

fn history(path: &Path) -> Result<History, Box<dyn Error>> {
    let file = BufReader::new(File::open(path)?);
    let end = path.extension().and_then(|end| end.to_str());
    Ok(match end {
        Some("edn") => History::from_edn(file)?,
        Some("log") => History::from_jepsen_log(file)?,
        _ => History::from_jsonl(file)?,
    })
}

fn linearizable(model: &str, history: &History) -> Answer {
    let (model, per_key) = match model.strip_suffix(":per-key") {
        Some(model) => (model, true),
        None => (model, false),
    };
    match model {
        "register" => search(Register, per_key, history),
        "counter" => search(Counter, per_key, history),
        "set" => search(Set, per_key, history),
        "queue" => search(FifoQueue, per_key, history),
        "lock" => search(Lock, per_key, history),
        "text" => search(Text, per_key, history),
        "map" => search(Map, per_key, history),
        "once" => search(Once, per_key, history),
        "lease" => search(FencedLease, per_key, history),
        other => Err(format!("there is no model `{other}`").into()),
    }
}

fn search<M: Model + Send + Sync>(model: M, per_key: bool, history: &History) -> Answer {
    let mut checker = Linearizability::of(model);
    if per_key {
        checker = checker.per_key();
    }
    // What was not put to the test is linearizable all the same.
    let report = checker.may_be_vacuous().check_history(history)?;
    Ok((report.validity(), report.to_string()))
}
