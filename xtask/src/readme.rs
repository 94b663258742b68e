//! The output of the quick start that the README shows.
//!
//! It is pasted from a run and compared with one, so that the README cannot show what no longer
//! happens. Times and order differ from run to run; which tests there are and how they end does not.

use std::path::Path;
use std::process::Command;

use crate::console;
use crate::error::Error;
use crate::{postgres, program, workspace};

/// Between which lines of the README something is shown.
struct Marks {
    begin: &'static str,
    end: &'static str,
}

/// The suite as it is.
const DEMO: Marks =
    Marks { begin: "<!-- demo-output: begin -->\n", end: "<!-- demo-output: end -->" };

/// What is said of the test that finds the bug which [`WRONG`] puts into the quick start.
const FAILURE: Marks =
    Marks { begin: "<!-- failure-output: begin -->\n", end: "<!-- failure-output: end -->" };

/// The switch of the quick start that makes its retry wrong.
const WRONG: &str = "QUICKSTART_WRONG_RETRY";

/// Runs the suite of the quick start, as it is and with its bug, and pastes what it prints.
pub(crate) fn paste() -> Result<(), Error> {
    postgres::prepare()?;
    let directory = workspace::root().join("target/chaos-readme");
    let checkout = format!("{}/", workspace::root().display());
    let local =
        |text: String| text.replace(&checkout, "").replace("target/chaos-readme/", "target/chaos/");
    let passed = program::output(&mut suite(&directory)?)?;
    let passed = block(&passed).ok_or_else(|| Error::other("the suite printed no result"))?;
    let failed = program::output_of_failure(suite(&directory)?.env(WRONG, "1"))?;
    let failed = failure(&failed)
        .ok_or_else(|| Error::other(format!("the suite found no failure with {WRONG}=1")))?;

    let readme = workspace::read("README.md")?;
    let readme = DEMO.replaced(&readme, &local(passed))?;
    let readme = FAILURE.replaced(&readme, &local(failed))?;
    let path = workspace::root().join("README.md");
    std::fs::write(&path, readme).map_err(Error::file("write", &path))?;
    console::note("README.md shows these runs now.");
    Ok(())
}

/// The suite of the quick start, without a history: a reader who runs it for the first time has none
/// either.
fn suite(directory: &Path) -> Result<Command, Error> {
    if directory.exists() {
        std::fs::remove_dir_all(directory).map_err(Error::file("remove", directory))?;
    }
    let mut cargo = workspace::cargo();
    cargo.args(["test", "-p", "quickstart", "--test", "chaos"]);
    // A backtrace would tell of the machine that this runs on.
    cargo.env("CHAOS_DIR", directory).env_remove("RUST_BACKTRACE").env_remove(WRONG);
    Ok(cargo)
}

/// Compares what the README shows with what a run printed into `file`.
pub(crate) fn check(file: &Path) -> Result<(), Error> {
    let printed = std::fs::read_to_string(file).map_err(Error::file("read", file))?;
    let readme = workspace::read("README.md")?;
    let (_, shown, _) = DEMO.parts(&readme)?;
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

impl Marks {
    /// The README before, between and after the marks.
    fn parts<'readme>(
        &self,
        readme: &'readme str,
    ) -> Result<(&'readme str, &'readme str, &'readme str), Error> {
        let missing = || {
            Error::other(format!(
                "README.md lacks the marks {} and {}",
                self.begin.trim_end(),
                self.end
            ))
        };
        let (before, rest) = readme.split_once(self.begin).ok_or_else(missing)?;
        let (shown, after) = rest.split_once(self.end).ok_or_else(missing)?;
        Ok((before, shown, after))
    }

    /// The README with this output between the marks.
    fn replaced(&self, readme: &str, output: &str) -> Result<String, Error> {
        let (before, _, after) = self.parts(readme)?;
        Ok(format!("{before}{}```text\n{output}```\n{}{after}", self.begin, self.end))
    }
}

/// What a suite printed, from its first line to its last.
fn block(printed: &str) -> Option<String> {
    let lines: Vec<&str> = printed.lines().collect();
    let first = lines.iter().position(|line| line.starts_with("running "))?;
    let length = lines[first..].iter().position(|line| line.starts_with("test result:"))?;
    Some(lines[first..=first + length].iter().map(|line| format!("{line}\n")).collect())
}

/// What a suite said of its first failed test.
fn failure(printed: &str) -> Option<String> {
    let (_, failures) = printed.split_once("\nfailures:\n\n")?;
    let lines: Vec<&str> = failures.lines().collect();
    let last = lines.iter().position(|line| line.starts_with("  journal "))?;
    Some(lines[..=last].iter().map(|line| format!("{line}\n")).collect())
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
test slow   ... ok   0.80 s  [undetermined, n = 1]
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
    fn a_failure_is_what_the_suite_said_of_its_first_failed_test() {
        let printed = "test gone ... FAILED\n\nfailures:\n\n---- gone ----\nFAILED: a check failed\n\n  \
                       attempt 1\n  journal  here\n\n---- slow ----\n\nfailures:\n    gone\n";
        let expected = "---- gone ----\nFAILED: a check failed\n\n  attempt 1\n  journal  here\n";
        assert_eq!(failure(printed).as_deref(), Some(expected));
        assert_eq!(failure(PRINTED), None);
    }

    #[test]
    fn each_output_has_its_own_place() {
        let readme = "a\n<!-- demo-output: begin -->\nold\n<!-- demo-output: end -->\nb\n";
        let new = DEMO.replaced(readme, "new\n").unwrap();
        assert_eq!(DEMO.parts(&new).unwrap(), ("a\n", "```text\nnew\n```\n", "\nb\n"));
        assert!(FAILURE.replaced(readme, "new\n").is_err());
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
