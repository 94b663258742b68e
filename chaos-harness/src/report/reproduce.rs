//! The command that repeats a failed test.

use super::judgement::seed_to_repeat;
use super::record::{ProcessRecord, TestRecord};

/// The command that repeats the failure of a test with its seed, to be pasted into a shell anywhere
/// in the workspace.
pub(crate) fn command(test: &TestRecord, process: &ProcessRecord) -> Option<String> {
    let seed = seed_to_repeat(&test.attempts)?;
    let started = &process.started;
    let ignored = started
        .arguments
        .iter()
        .find(|argument| ["--ignored", "--include-ignored"].contains(&argument.as_str()))
        .map_or("", |_| " --include-ignored");
    // With retries the command would go on to other seeds, and pass.
    let retries = test.attempts.iter().filter_map(|attempt| attempt.started.as_ref());
    let only =
        if retries.map(|started| started.of).any(|of| of > 1) { " CHAOS_RETRIES=0" } else { "" };
    Some(format!(
        "CHAOS_SEED={seed}{only} cargo test -p {} --test {} -- --exact {}{ignored}",
        quoted(&started.package),
        quoted(&started.binary),
        quoted(&test.name)
    ))
}

/// A word for the shell. Names are words by themselves unless they come from elsewhere.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ':' | '.' | '/');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_a_shell_would_take_apart_is_quoted() {
        assert_eq!(quoted("bank::transfers"), "bank::transfers");
        assert_eq!(quoted("it's; rm"), r"'it'\''s; rm'");
        assert_eq!(quoted(""), "''");
    }
}
