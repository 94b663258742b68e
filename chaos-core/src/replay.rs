//! What `CHAOS_REPLAY` asks for: one thing that a search has found, and nothing else.
//!
//! A failure that a search has found is printed with a token. Its kind stands before a colon, so that
//! one variable serves all searches, and each leaves alone what is meant for another.

use std::fmt;
use std::str::FromStr;

/// What `CHAOS_REPLAY` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayToken {
    /// `case:3f2a90c1d4e5b607`: a failing case of a property, which is kept under this name.
    Case(String),
    /// A token of another search: its kind, and what follows.
    Other(String, String),
}

/// A text that is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no token to replay; paste one that a failure has printed, such as `case:3f2a90c1d4e5b607`"
)]
pub struct InvalidToken(String);

impl ReplayToken {
    /// The token in the environment, if there is one.
    ///
    /// # Errors
    ///
    /// When the variable holds something else.
    pub fn from_environment() -> Result<Option<Self>, InvalidToken> {
        match std::env::var_os("CHAOS_REPLAY") {
            Some(text) if !text.is_empty() => text.to_string_lossy().parse().map(Some),
            _ => Ok(None),
        }
    }
}

impl FromStr for ReplayToken {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let invalid = || InvalidToken(text.to_owned());
        let (kind, rest) = text.trim().split_once(':').ok_or_else(invalid)?;
        match kind {
            "case" if !rest.is_empty() && rest.bytes().all(|it| it.is_ascii_hexdigit()) => {
                Ok(Self::Case(rest.to_owned()))
            }
            "case" | "" => Err(invalid()),
            kind => Ok(Self::Other(kind.to_owned(), rest.to_owned())),
        }
    }
}

impl fmt::Display for ReplayToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Case(name) => write!(f, "case:{name}"),
            Self::Other(kind, rest) => write!(f, "{kind}:{rest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_is_printed() {
        for text in ["case:3f2a90c1d4e5b607", "point:postgres/c1/B51:cut"] {
            assert_eq!(text.parse::<ReplayToken>().unwrap().to_string(), text);
        }
        for text in ["", "3f2a", "case:", "case:../../secret", ":x"] {
            let error = text.parse::<ReplayToken>().unwrap_err().to_string();
            assert!(error.contains("case:3f2a"), "{error}");
        }
    }
}
