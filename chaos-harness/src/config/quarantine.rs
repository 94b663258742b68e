//! The file of the quarantine, which is read as `chaos.toml` is.

use std::path::Path;

use super::document::{Document, Mistake};
use crate::quarantine::{Date, Entry};

/// Understands the text of the file at `path`.
///
/// # Errors
///
/// All mistakes, in the order of the lines.
pub(crate) fn parse(path: &Path, text: &str) -> Result<Vec<Entry>, Vec<Mistake>> {
    let entries = Document::read(path, text, |table| {
        table.table_list("test", |table| {
            let test = table.text("test");
            let binary = table.text("binary");
            let reason = table.text("reason");
            let issue = table.text("issue");
            let owner = table.text("owner");
            let expires =
                table.parsed("expires", "a day in quotes, such as \"2026-12-31\"", Date::parse);
            let needed = [
                (test.is_some(), "test", "say which test: test = \"pool::drains\""),
                (reason.is_some(), "reason", "say why: reason = \"loses a connection\""),
                (issue.is_some(), "issue", "say where it is worked on: issue = \"..\""),
                (owner.is_some(), "owner", "say who sees to it: owner = \"..\""),
                (expires.is_some(), "expires", "say until when: expires = \"2026-12-31\""),
            ];
            for (is_there, key, help) in needed {
                // What is there and wrong has been told already.
                if !is_there && !table.has(key) {
                    table.mistake(&["test"], help);
                }
            }
            Some(Entry {
                line: 0,
                test: test?.value,
                binary: binary.map(|it| it.value),
                reason: reason?.value,
                issue: issue?.value,
                owner: owner?.value,
                expires: expires?.value,
            })
        })
    })?;
    let entries = entries
        .into_iter()
        .filter_map(|found| found.value.map(|entry| Entry { line: found.line, ..entry }));
    Ok(entries.collect())
}
