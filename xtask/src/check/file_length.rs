//! Finds source files that hold more than one subject, by their length.

use super::files;
use crate::error::Error;
use crate::workspace;

/// The most lines that a source file has.
const MOST: usize = 600;

/// A sentence for each file that is too long.
pub(crate) fn findings() -> Result<Vec<String>, Error> {
    let mut findings = Vec::new();
    for file in files::sources()? {
        let lines = workspace::read(&file)?.lines().count();
        if lines > MOST {
            findings.push(format!("{}: {lines} lines, at most {MOST} allowed", file.display()));
        }
    }
    Ok(findings)
}
