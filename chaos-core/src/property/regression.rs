//! Failing cases as files that people read: `tests/chaos-regressions/<test>/<hash>.toml`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::{Spanned, Table, Value};

use super::case::{Case, CaseFault, Step, Until};
use super::error::PropertyError;
use super::operation::Operation;
use crate::duration;
use crate::fault::Fault;
use crate::seed::Seed;

/// The version of the format.
const VERSION: u32 = 1;

const REMEDY: &str = "correct it, or delete the file if it is about operations that are gone";

/// A case that is kept, and what is known of it.
#[derive(Debug)]
pub(super) struct Kept<Op> {
    pub(super) path: PathBuf,
    pub(super) case: Case<Op>,
    /// How often it failed when it was kept.
    pub(super) failed: u32,
    /// In so many runs.
    pub(super) runs: u32,
}

/// What is known of a case beside its operations and faults.
#[derive(Debug)]
pub(super) struct About<'a> {
    pub(super) test: &'a str,
    pub(super) failure: &'a str,
    pub(super) failed: u32,
    pub(super) runs: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "Op: Operation")]
struct File<Op> {
    version: Spanned<u32>,
    #[serde(rename = "test")]
    _test: Option<String>,
    #[serde(rename = "failure")]
    _failure: Option<String>,
    failed: u32,
    runs: u32,
    #[serde(default = "one")]
    pool_size: usize,
    #[serde(default = "Vec::new")]
    operation: Vec<FileStep<Op>>,
    #[serde(default)]
    fault: Vec<FileFault>,
}

const fn one() -> usize {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "Op: Operation")]
struct FileStep<Op> {
    /// Counted from 1.
    #[serde(default = "first")]
    worker: u32,
    #[serde(default = "Option::default")]
    r#do: Option<Op>,
    /// What TOML cannot say.
    json: Option<Spanned<String>>,
}

const fn first() -> u32 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileFault {
    /// Counted from 1.
    during: Spanned<usize>,
    #[serde(rename = "says")]
    _says: Option<String>,
    #[serde(default, with = "duration::text")]
    after: std::time::Duration,
    #[serde(default)]
    until: Until,
    fault: Fault,
}

/// The name under which a case is kept: a hash of what it consists of.
pub(super) fn name<Op: Operation>(case: &Case<Op>) -> String {
    format!("{:016x}", Seed(0).named(&body(case).to_string()).0)
}

/// Keeps a case in the directory.
///
/// # Errors
///
/// When the file cannot be written.
pub(super) fn keep<Op: Operation>(
    directory: &Path,
    case: &Case<Op>,
    about: &About<'_>,
) -> io::Result<PathBuf> {
    fs::create_dir_all(directory)?;
    let path = directory.join(format!("{}.toml", name(case)));
    fs::write(&path, text(case, about))?;
    Ok(path)
}

fn text<Op: Operation>(case: &Case<Op>, about: &About<'_>) -> String {
    let mut table = Table::new();
    table.insert("version".to_owned(), Value::Integer(VERSION.into()));
    table.insert("test".to_owned(), Value::String(about.test.to_owned()));
    table.insert("failure".to_owned(), Value::String(about.failure.to_owned()));
    table.insert("failed".to_owned(), Value::Integer(about.failed.into()));
    table.insert("runs".to_owned(), Value::Integer(about.runs.into()));
    table.extend(body(case));
    let table = toml::to_string_pretty(&table).unwrap_or_else(|_| table.to_string());
    format!(
        "# A case that failed. It is tried first whenever the test runs; keep it in version control.\n\
         # Operations are counted from 1. See docs/property.md of the chaos library.\n\n{table}"
    )
}

/// What the case consists of.
fn body<Op: Operation>(case: &Case<Op>) -> Table {
    let mut table = Table::new();
    let pool_size = i64::try_from(case.pool_size).unwrap_or(1);
    table.insert("pool_size".to_owned(), Value::Integer(pool_size));
    let several = case.workers() > 1;
    let steps = case.steps.iter().map(|step| {
        let mut entry = Table::new();
        if several {
            entry.insert("worker".to_owned(), Value::Integer(i64::from(step.worker) + 1));
        }
        let (key, operation) = written(&step.operation);
        entry.insert(key.to_owned(), operation);
        Value::Table(entry)
    });
    table.insert("operation".to_owned(), Value::Array(steps.collect()));
    let faults: Vec<Value> = case.faults.iter().map(|fault| Value::Table(shown(fault))).collect();
    if !faults.is_empty() {
        table.insert("fault".to_owned(), Value::Array(faults));
    }
    table
}

/// The operation as TOML, or else as a text of JSON: TOML knows no null, and no number above 2^63.
fn written<Op: Operation>(operation: &Op) -> (&'static str, Value) {
    if let Ok(value) = Value::try_from(operation) {
        // Some of it may be lost on the way, such as a field that is null.
        let back = Op::deserialize(value.clone());
        if back.is_ok_and(|back| format!("{back:?}") == format!("{operation:?}")) {
            return ("do", value);
        }
    }
    let json = serde_json::to_string(operation).unwrap_or_else(|_| format!("{operation:?}"));
    ("json", Value::String(json))
}

fn shown(planned: &CaseFault) -> Table {
    let mut entry = Table::new();
    let during = i64::try_from(planned.during + 1).unwrap_or(i64::MAX);
    entry.insert("during".to_owned(), Value::Integer(during));
    entry.insert("says".to_owned(), Value::String(planned.to_string()));
    if !planned.after.is_zero() {
        let after = duration::Display(planned.after).to_string();
        entry.insert("after".to_owned(), Value::String(after));
    }
    if planned.until != Until::Operation {
        let until = Value::try_from(Named { until: planned.until }).ok().and_then(into_table);
        entry.extend(until.unwrap_or_default());
    }
    let usual = Value::try_from(Fault::new(planned.fault.kind.clone())).ok();
    let usual = usual.and_then(into_table).unwrap_or_default();
    let mut fault = Value::try_from(&planned.fault).ok().and_then(into_table).unwrap_or_default();
    // Only what is not as always is worth reading.
    fault.retain(|key, value| key == "kind" || usual.get(key) != Some(value));
    fault.remove("may_be_idle");
    entry.insert("fault".to_owned(), Value::Table(fault));
    entry
}

#[derive(Serialize)]
struct Named {
    until: Until,
}

fn into_table(value: Value) -> Option<Table> {
    match value {
        Value::Table(table) => Some(table),
        _ => None,
    }
}

/// All cases that are kept in the directory, by name; none where there is no such directory.
///
/// # Errors
///
/// [`PropertyError::File`] about the first that cannot be read.
pub(super) fn load<Op: Operation>(directory: &Path) -> Result<Vec<Kept<Op>>, PropertyError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(directory, &error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(directory, &error))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.into_iter().map(|path| read(&path)).collect()
}

/// Whose case a name is of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Of the property that keeps its cases in this directory: this file.
    This(PathBuf),
    /// Of another one, whose directory lies beside it.
    Another,
    /// No file has this name.
    Nobody,
}

/// Whose case this is, for the property that keeps its cases in `directory`.
pub(super) fn owner(directory: &Path, name: &str) -> Owner {
    let file = format!("{name}.toml");
    let own = directory.join(&file);
    if own.is_file() {
        return Owner::This(own);
    }
    // What cannot be looked into keeps nothing that could be tried.
    let beside = directory.parent().and_then(|parent| fs::read_dir(parent).ok());
    let mut others = beside.into_iter().flatten().filter_map(Result::ok);
    if others.any(|other| other.path().join(&file).is_file()) {
        Owner::Another
    } else {
        Owner::Nobody
    }
}

fn unreadable(path: &Path, error: &io::Error) -> PropertyError {
    let problem = format!("cannot be read: {error}");
    PropertyError::File { path: path.to_owned(), line: None, problem }
}

/// Reads one case.
pub(super) fn read<Op: Operation>(path: &Path) -> Result<Kept<Op>, PropertyError> {
    let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    parse(path, &text)
}

fn parse<Op: Operation>(path: &Path, text: &str) -> Result<Kept<Op>, PropertyError> {
    let wrong = |offset: Option<usize>, problem: String| {
        let line = offset.map(|offset| text[..offset.min(text.len())].matches('\n').count() + 1);
        PropertyError::File { path: path.to_owned(), line, problem: format!("{problem}; {REMEDY}") }
    };
    let file: File<Op> = toml::from_str(text)
        .map_err(|error| wrong(error.span().map(|span| span.start), error.message().to_owned()))?;
    if *file.version.get_ref() != VERSION {
        let version = file.version.get_ref();
        let problem = format!("is of version {version}, and this library reads version {VERSION}");
        return Err(wrong(Some(file.version.span().start), problem));
    }
    let mut steps = Vec::new();
    for (place, step) in file.operation.into_iter().enumerate() {
        let operation = match (step.r#do, step.json) {
            (Some(operation), None) => operation,
            (None, Some(json)) => serde_json::from_str(json.get_ref())
                .map_err(|error| wrong(Some(json.span().start), error.to_string()))?,
            _ => {
                let problem = format!("operation {} needs either `do` or `json`", place + 1);
                return Err(wrong(None, problem));
            }
        };
        steps.push(Step { worker: step.worker.saturating_sub(1), operation });
    }
    let count = steps.len();
    let mut faults = Vec::new();
    for fault in file.fault {
        let during = *fault.during.get_ref();
        if !(1..=count).contains(&during) {
            let problem = format!("`during` names operation {during} of {count}");
            return Err(wrong(Some(fault.during.span().start), problem));
        }
        let FileFault { after, until, fault, .. } = fault;
        faults.push(CaseFault { during: during - 1, after, until, fault });
    }
    let case = Case { steps, faults, pool_size: file.pool_size.max(1) };
    Ok(Kept { path: path.to_owned(), case, failed: file.failed, runs: file.runs })
}

#[cfg(test)]
#[path = "regression_tests.rs"]
mod tests;
