//! What the SQL of a statement may look like.

use serde::{Deserialize, Serialize};

/// What the SQL of a statement may look like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StatementPattern {
    /// `COMMIT` or `END`.
    Commit,
    /// It begins like this, whatever its case, white space and comments.
    Prefix(String),
    /// It matches this regular expression, as it was sent: see [`StatementPattern::regex`].
    Regex(Expression),
    /// It is like this but for literals, parameters, case, white space and comments.
    Like(String),
}

/// A text that is no regular expression.
#[derive(Debug, thiserror::Error)]
#[error("{regex:?} is no regular expression of the crate regex-lite")]
pub struct InvalidRegex {
    regex: String,
    source: regex_lite::Error,
}

impl StatementPattern {
    /// A regular expression of the crate `regex-lite`, such as `(?i)^update\s+account`.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn regex(regex: &str) -> Result<Self, InvalidRegex> {
        Expression::try_from(regex.to_owned()).map(Self::Regex)
    }
}

/// A text that is a regular expression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Expression(String);

impl Expression {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Expression {
    type Error = InvalidRegex;

    fn try_from(text: String) -> Result<Self, InvalidRegex> {
        match regex_lite::Regex::new(&text) {
            Ok(_) => Ok(Self(text)),
            Err(source) => Err(InvalidRegex { regex: text, source }),
        }
    }
}

impl From<Expression> for String {
    fn from(expression: Expression) -> Self {
        expression.0
    }
}
