//! The output of the quick start that the README shows.
//!
//! It is pasted from a run and compared with one, so that the README cannot show what no longer
//! happens. Times and order differ from run to run; which tests there are and how they end does not.

use std::path::Path;

use crate::console;
use crate::error::Error;
use crate::{postgres, program, workspace};

const BEGIN: &str = "<!-- demo-output: begin -->\n";
const END: &str = "<!-- demo-output: end -->";

/// Runs the suite of the quick start and pastes what it prints.
pub(crate) fn paste() -> Result<(), Error> {
    postgres::prepare()?;
    let mut cargo = workspace::cargo();
    cargo.args(["test", "-p", "quickstart", "--test", "chaos"]);
    // A reader who runs it for the first time has no history either.
    let directory = workspace::root().join("target/chaos-readme");
    if directory.exists() {
        std::fs::remove_dir_all(&directory).map_err(Error::file("remove", &directory))?;
    }
    cargo.env("CHAOS_DIR", &directory);
    let printed = program::output(&mut cargo)?;
    let block = block(&printed).ok_or_else(|| Error::other("the suite printed no result"))?;
    let checkout = format!("{}/", workspace::root().display());
    let block = block.replace(&checkout, "").replace("target/chaos-readme/", "target/chaos/");

    let readme = workspace::read("README.md")?;
    let (before, _, after) = parts(&readme)?;
    let readme = format!("{before}{BEGIN}```text\n{block}```\n{END}{after}");
    let path = workspace::root().join("README.md");
    std::fs::write(&path, readme).map_err(Error::file("write", &path))?;
    console::note("README.md shows this run now.");
    Ok(())
}

/// Compares what the README shows with what a run printed into `file`.
pub(crate) fn check(file: &Path) -> Result<(), Error> {
    let printed = std::fs::read_to_string(file).map_err(Error::file("read", file))?;
    let readme = workspace::read("README.md")?;
    let (_, shown, _) = parts(&readme)?;
    let ran = block(&printed)
        .ok_or_else(|| Error::other(format!("{} holds no result of a suite", file.display())))?;
    let (shown, ran) = (shape(shown), shape(&ran));
    if shown == ran {
        console::note("The README shows what the quick start prints.");
        return Ok(());
    }
    let differing = |these: &[String], those: &[String], sign: &str| -> Vec<String> {
        let differing = these.iter().filter(|line| !those.contains(line));
        differing.map(|line| format!("{sign} {line}")).collect()
    };
    let mut lines = differing(&shown, &ran, "-");
    lines.extend(differing(&ran, &shown, "+"));
    Err(Error::other(format!(
        "the README shows (-) what the quick start does not print (+); `cargo xtask readme` mends it:\n{}",
        lines.join("\n")
    )))
}

/// The README before, between and after the marks.
fn parts(readme: &str) -> Result<(&str, &str, &str), Error> {
    let marks = || {
        Error::other(format!(
            "README.md lacks the marks {} and {}",
            BEGIN.trim_end(),
            END.trim_end()
        ))
    };
    let (before, rest) = readme.split_once(BEGIN).ok_or_else(marks)?;
    let (shown, after) = rest.split_once(END).ok_or_else(marks)?;
    Ok((before, shown, after))
}

/// What a suite printed, from its first line to its last.
fn block(printed: &str) -> Option<String> {
    let lines: Vec<&str> = printed.lines().collect();
    let first = lines.iter().position(|line| line.starts_with("running "))?;
    let length = lines[first..].iter().position(|line| line.starts_with("test result:"))?;
    Some(lines[first..=first + length].iter().map(|line| format!("{line}\n")).collect())
}

/// The lines of a block that are the same in every run, sorted.
fn shape(block: &str) -> Vec<String> {
    let mut lines: Vec<String> = block.lines().filter_map(constant_part).collect();
    lines.sort();
    lines
}

fn constant_part(line: &str) -> Option<String> {
    if let Some((result, _)) = line.split_once("; finished in ") {
        return Some(result.to_owned());
    }
    let (name, answer) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let answer = answer.split_whitespace().next().unwrap_or_default();
    Some(format!("test {} ... {answer}", name.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\
   Compiling quickstart
running 2 tests
test slow   ... ok   0.80 s  undetermined (n = 1)
test gone   ... ok    1.2 s  recovered 0.20 s

report  target/chaos/report.json

test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s
and more
";

    #[test]
    fn a_block_is_what_the_suite_printed() {
        let block = block(PRINTED).unwrap();
        assert!(block.starts_with("running 2 tests\n") && block.ends_with("in 1.20s\n"), "{block}");
        assert_eq!(super::block("error: could not compile"), None);
    }

    #[test]
    fn runs_that_differ_in_time_and_order_have_the_same_shape() {
        let other = "test gone ... ok  9 s\ntest slow ... ok\ntest result: ok. 2 passed; \
                     0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 9.99s\n";
        assert_eq!(shape(&block(PRINTED).unwrap()), shape(other));
        assert_ne!(shape(other), shape(&other.replace("slow ... ok", "slow ... FAILED")));
        assert_ne!(shape(other), shape(&other.replace("test slow ... ok\n", "")));
    }
}
