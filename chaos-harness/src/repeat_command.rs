//! The command that repeats an attempt at a test, to be pasted into a shell anywhere in the
//! workspace.

use std::fmt;

/// What the command has to name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RepeatCommand<'a> {
    pub(crate) package: &'a str,
    /// The name of the test target; absent for unit tests, which have none to be selected by.
    pub(crate) target: Option<&'a str>,
    pub(crate) test: &'a str,
    pub(crate) seed: u64,
    /// The point of an exploration that is tried alone.
    pub(crate) replay: Option<&'a str>,
    /// Whether the test has retries, which would go on to other seeds, and pass.
    pub(crate) has_retries: bool,
    /// Whether it takes an option to run the test, because it is ignored.
    pub(crate) is_ignored: bool,
}

impl fmt::Display for RepeatCommand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CHAOS_SEED={}", self.seed)?;
        if self.has_retries {
            f.write_str(" CHAOS_RETRIES=0")?;
        }
        if let Some(token) = self.replay {
            write!(f, " CHAOS_REPLAY={token}")?;
        }
        write!(f, " cargo test -p {}", Word(self.package))?;
        if let Some(target) = self.target {
            write!(f, " --test {}", Word(target))?;
        }
        write!(f, " -- --exact {}", Word(self.test))?;
        if self.is_ignored {
            f.write_str(" --include-ignored")?;
        }
        Ok(())
    }
}

/// A word for the shell. Names are words by themselves unless they come from elsewhere.
struct Word<'a>(&'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ':' | '.' | '/');
        if !self.0.is_empty() && self.0.chars().all(plain) {
            f.write_str(self.0)
        } else {
            write!(f, "'{}'", self.0.replace('\'', r"'\''"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_a_shell_would_take_apart_is_quoted() {
        assert_eq!(Word("bank::transfers").to_string(), "bank::transfers");
        assert_eq!(Word("it's; rm").to_string(), r"'it'\''s; rm'");
        assert_eq!(Word("").to_string(), "''");
    }
}
