//! Keys and values as small numbers.

use std::collections::HashMap;
use std::fmt;

use serde_json::Value;

/// A key, or a value that is appended to one.
///
/// Anything that JSON knows may stand in a history; integers are what is fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Datum<'a> {
    /// An integer.
    Integer(i64),
    /// Any other value, as text.
    Text(&'a str),
}

impl From<i64> for Datum<'_> {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl<'a> From<&'a str> for Datum<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

/// A datum in 64 bits: an integer, or the number of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Code(u64);

/// Encodes data, and remembers the texts.
#[derive(Debug, Default)]
pub(super) struct Codes {
    texts: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u64>,
    /// Of the texts together.
    bytes: usize,
}

impl Codes {
    pub(super) fn encode(&mut self, datum: Datum<'_>) -> Code {
        match datum {
            // The lowest bit tells integers from texts, so one bit is missing at the top.
            Datum::Integer(integer) if (integer << 1) >> 1 == integer => {
                Code(u64::from_ne_bytes((integer << 1).to_ne_bytes()))
            }
            Datum::Integer(integer) => self.text(&integer.to_string()),
            Datum::Text(text) => self.text(text),
        }
    }

    /// Encodes any JSON value: what is neither an integer nor a text by how JSON writes it.
    pub(super) fn encode_json(&mut self, value: &Value) -> Code {
        match value {
            Value::Number(number) if number.is_i64() => {
                self.encode(Datum::Integer(number.as_i64().unwrap_or_default()))
            }
            Value::String(text) => self.encode(Datum::Text(text)),
            other => self.text(&other.to_string()),
        }
    }

    fn text(&mut self, text: &str) -> Code {
        let number = match self.numbers.get(text) {
            Some(number) => *number,
            None => {
                let number = self.texts.len() as u64;
                self.texts.push(text.into());
                self.numbers.insert(text.into(), number);
                self.bytes += 2 * text.len();
                number
            }
        };
        Code((number << 1) | 1)
    }

    /// How many bytes it takes, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + 64 * self.texts.len()
    }

    pub(super) fn decode(&self, code: Code) -> Decoded<'_> {
        if code.0 & 1 == 0 {
            return Decoded::Integer(i64::from_ne_bytes(code.0.to_ne_bytes()) >> 1);
        }
        let number = usize::try_from(code.0 >> 1).unwrap_or(usize::MAX);
        Decoded::Text(self.texts.get(number).map_or("?", |text| text))
    }
}

/// A datum for people.
#[derive(Debug, Clone, Copy)]
pub(super) enum Decoded<'a> {
    Integer(i64),
    Text(&'a str),
}

impl fmt::Display for Decoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(integer) => integer.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}
