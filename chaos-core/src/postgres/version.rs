//! Versions of PostgreSQL.

use std::fmt;

use super::error::{NEWEST, OLDEST};

/// A version of PostgreSQL, such as 15.18.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) major: u16,
    full: String,
}

impl Version {
    /// Reads what `postgres --version` prints, such as `postgres (PostgreSQL) 18beta1`.
    pub(crate) fn from_output(output: &str) -> Option<Self> {
        let (_, after) = output.lines().next()?.split_once(") ")?;
        Self::from_text(after.split_whitespace().next()?)
    }

    /// Reads a version such as `15.18`, `18beta1` or `16devel`.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let major = text[..digits].parse().ok()?;
        Some(Self { major, full: text.to_owned() })
    }

    /// Whether the library can use it.
    pub(crate) fn is_supported(&self) -> bool {
        (OLDEST..=NEWEST).contains(&self.major)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_programs_print() {
        for (output, major, full) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", 15, "15.18"),
            ("postgres (PostgreSQL) 13.23", 13, "13.23"),
            ("postgres (PostgreSQL) 18beta1", 18, "18beta1"),
            ("postgres (PostgreSQL) 16devel", 16, "16devel"),
            ("postgres (EnterpriseDB Advanced Server) 17.2.0", 17, "17.2.0"),
        ] {
            let version = Version::from_output(output).unwrap();
            assert_eq!((version.major, version.to_string().as_str()), (major, full));
            assert!(version.is_supported());
        }
    }

    #[test]
    fn other_words_and_other_ages_are_told_apart() {
        for output in ["", "hello", "postgres (PostgreSQL)", "postgres (PostgreSQL) next", "15.18"]
        {
            assert_eq!(Version::from_output(output), None, "{output:?}");
        }
        for text in ["9.6.24", "12.22", "19devel"] {
            assert!(!Version::from_text(text).unwrap().is_supported(), "{text}");
        }
    }
}
