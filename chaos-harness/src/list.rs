//! The list of tests, for people, IDEs and nextest.

use std::io::{self, Write};

use serde_json::json;

use crate::arguments::Format;
use crate::selection::Selected;

/// Writes the list in the forms of libtest.
///
/// The terse form has one line for each test and nothing else: nextest refuses the whole workspace
/// because of any other line.
pub(crate) fn write(mut out: impl Write, tests: &[Selected], format: Format) -> io::Result<()> {
    match format {
        Format::Json => return write_json(out, tests),
        Format::Pretty | Format::Terse => {
            for test in tests {
                writeln!(out, "{}: test", test.name)?;
            }
        }
    }
    if format == Format::Pretty {
        let plural = if tests.len() == 1 { "" } else { "s" };
        writeln!(out, "\n{} test{plural}, 0 benchmarks", tests.len())?;
    }
    Ok(())
}

fn write_json(mut out: impl Write, tests: &[Selected]) -> io::Result<()> {
    writeln!(out, "{}", json!({ "type": "suite", "event": "discovery" }))?;
    for Selected { case, name, .. } in tests {
        let line = json!({
            "type": "test",
            "event": "discovered",
            "name": name,
            "ignore": case.options.ignore.is_some(),
            "ignore_message": case.options.ignore.unwrap_or_default(),
            "source_path": case.file,
            "start_line": case.line,
            "start_col": case.column,
            "end_line": case.line,
            "end_col": case.column,
        });
        writeln!(out, "{line}")?;
    }
    let ignored = tests.iter().filter(|test| test.case.options.ignore.is_some()).count();
    let line = json!({
        "type": "suite",
        "event": "completed",
        "tests": tests.len(),
        "benchmarks": 0,
        "total": tests.len(),
        "ignored": ignored,
    });
    writeln!(out, "{line}")
}
