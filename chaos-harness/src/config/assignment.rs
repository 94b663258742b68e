//! Values that are set for one run, by `--chaos-set watch.starved=95%` or in `CHAOS_SET`.
//!
//! Whatever may stand in a section of `chaos.toml` can be set so, and is understood by the same code:
//! an assignment is a layer of one value, for every test. The value may be written as in the file or,
//! so that no shell has to be told of quotes, without the quotes of a text.

use std::fmt;
use std::path::Path;

use super::document::Document;
use super::sections::{Place, Sections};

/// The option that sets one value, and may be repeated.
pub(crate) const OPTION: &str = "--chaos-set";

/// The variable that sets any number of them, with semicolons between them.
pub(crate) const VARIABLE: &str = "CHAOS_SET";

/// Who sets a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetBy {
    Option,
    Variable,
}

impl fmt::Display for SetBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option => write!(f, "the option `{OPTION}`"),
            Self::Variable => write!(f, "the environment variable {VARIABLE}"),
        }
    }
}

/// A value that is set for one run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assignment {
    pub(super) by: SetBy,
    pub(super) sections: Sections,
}

impl Assignment {
    /// All values that the variable sets.
    ///
    /// # Errors
    ///
    /// A sentence for each that cannot be understood.
    pub(crate) fn of_variable(text: &str) -> Result<Vec<Self>, Vec<String>> {
        let mut mistakes = Vec::new();
        let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
        let parsed = parts.map(|part| Self::parse(SetBy::Variable, part));
        let values =
            parsed.filter_map(|it| it.map_err(|error| mistakes.push(error)).ok()).collect();
        if mistakes.is_empty() { Ok(values) } else { Err(mistakes) }
    }

    /// Understands `watch.starved=95%`.
    ///
    /// # Errors
    ///
    /// What is wrong, and what to write instead.
    pub(crate) fn parse(by: SetBy, text: &str) -> Result<Self, String> {
        let wrong = |why: &dyn fmt::Display| format!("{by} is wrong: {why}");
        let Some((key, value)) = text.split_once('=') else {
            return Err(wrong(&format_args!(
                "{text:?} sets nothing; write a key of chaos.toml and its value, such as \
                 attempts.timeout=2m"
            )));
        };
        let (key, value) = (key.trim(), value.trim());
        let is_key = |key: &str| {
            let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
            !key.is_empty() && key.chars().all(is_letter)
        };
        if !is_key(key) {
            return Err(wrong(&format_args!(
                "{key:?} is no key of chaos.toml; write one such as attempts.timeout"
            )));
        }
        let quoted = toml::Value::from(value).to_string();
        // As in the file, or as a text without its quotes: `30s` is no TOML, and `40001` is a number
        // where a text may be meant.
        match read(&format!("{key} = {value}")) {
            Ok(sections) => Ok(Self { by, sections }),
            Err(as_it_is) => match read(&format!("{key} = {quoted}")) {
                Ok(sections) => Ok(Self { by, sections }),
                Err(as_text) => {
                    let is_toml = format!("value = {value}").parse::<toml::Table>().is_ok();
                    Err(wrong(&if is_toml { as_it_is } else { as_text }))
                }
            },
        }
    }
}

/// The sections of a text of one line.
fn read(text: &str) -> Result<Sections, String> {
    let read = Document::read(Path::new(""), text, |table| Sections::read(table, Place::File));
    read.map_err(|mistakes| {
        let words: Vec<_> = mistakes.iter().map(|mistake| mistake.message()).collect();
        words.join("; ")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections(text: &str) -> Sections {
        Assignment::parse(SetBy::Option, text).unwrap().sections
    }

    #[test]
    fn a_value_is_written_as_in_the_file_or_without_quotes() {
        for text in ["attempts.timeout=2m", "attempts.timeout = \"2m\""] {
            assert_eq!(sections(text).attempts.timeout.unwrap().value.as_secs(), 120);
        }
        assert_eq!(sections("watch.starved=95%").watch.starved.unwrap().value.get(), 0.95);
        assert_eq!(
            sections("attempts.only-retry=40001").attempts.only_retry.unwrap().value,
            "40001"
        );
        assert_eq!(sections("attempts.retries=3").attempts.retries.unwrap().value, 3);
        assert!(sections("run.keep=true").run.keep.unwrap().value);
        let pattern = "attempts.only-retry=a=b|\\d";
        assert_eq!(sections(pattern).attempts.only_retry.unwrap().value, "a=b|\\d");
    }

    #[test]
    fn a_variable_sets_several() {
        let set = Assignment::of_variable("run.keep=true; watch.retries=0;").unwrap();
        assert_eq!(set.len(), 2);
        assert_eq!(set[1].sections.watch.retries.unwrap().value, 0);
        let mistakes = Assignment::of_variable("run.keep=maybe;watch=1;x").unwrap_err();
        assert_eq!(mistakes.len(), 3, "{mistakes:#?}");
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_what_to_write() {
        for (text, part) in [
            ("attempts.timeout", "write a key of chaos.toml and its value, such as"),
            ("=5", "\"\" is no key of chaos.toml"),
            ("attempts.timeout=30", "`attempts.timeout` is 30, which is not a duration"),
            ("attempts.timeout=soon", "`attempts.timeout` is \"soon\", which is not a duration"),
            ("watch.sterved=5%", "`watch` has no setting `sterved`; did you mean `starved`?"),
            ("colours=1", "there is no setting `colours`"),
            ("override=1", "there is no setting `override`"),
        ] {
            let error = Assignment::parse(SetBy::Option, text).unwrap_err();
            assert!(error.starts_with("the option `--chaos-set` is wrong: "), "{error}");
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}
