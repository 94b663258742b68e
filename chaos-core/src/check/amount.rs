//! Amounts that are added up without a rounding error.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;

use serde_json::Value;

/// How many digits are kept behind the point.
const DIGITS: usize = 9;

/// An amount, such as of money: exact to nine digits behind the point.
///
/// A float would tell 0.1 + 0.2 from 0.3, and a `numeric` column of PostgreSQL answers `100.00`
/// where another one answers `100`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount {
    billionths: i128,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self { billionths: 0 };

    /// Reads a decimal number, such as `-12.50`. `None` if it is none, has more than nine digits
    /// behind the point, or more than twenty before it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let part = part.trim_end_matches('0');
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let fits = !whole.is_empty() && whole.len() <= 20 && part.len() <= DIGITS;
        if !fits || !is_number(whole) || !is_number(part) {
            return None;
        }
        let part = format!("{part:0<DIGITS$}");
        let billionths: i128 = format!("{whole}{part}").parse().ok()?;
        Some(Self { billionths: sign * billionths })
    }

    /// A number of JSON, or a text that is one.
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => Self::parse(&number.to_string()),
            Value::String(text) => Self::parse(text),
            _ => None,
        }
    }

    /// Whether it is less than nothing.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.billionths < 0
    }
}

impl From<i64> for Amount {
    fn from(whole: i64) -> Self {
        Self { billionths: i128::from(whole) * 10_i128.pow(9) }
    }
}

impl From<i32> for Amount {
    fn from(whole: i32) -> Self {
        i64::from(whole).into()
    }
}

impl Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { billionths: self.billionths.saturating_add(other.billionths) }
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_negative() { "-" } else { "" };
        let size = self.billionths.unsigned_abs();
        let (whole, part) = (size / 10_u128.pow(9), size % 10_u128.pow(9));
        let part = format!("{part:09}");
        let part = part.trim_end_matches('0');
        let point = if part.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{part}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_and_written_in_their_shortest_form() {
        let of = |text| Amount::parse(text).unwrap();
        assert_eq!(of("0.1") + of("0.2"), of("0.30"));
        assert_eq!(of("100.00"), Amount::from(100));
        assert_eq!(of("-12.50").to_string(), "-12.5");
        assert_eq!(of("-0.000000001").to_string(), "-0.000000001");
        assert_eq!(of("99999999999999999999").to_string(), "99999999999999999999");
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "-", "1e3", "NaN", "0x1", "1.2.3", "0.0000000001", " 1", "+1", "1_0"] {
            assert_eq!(Amount::parse(text), None, "{text}");
        }
        assert_eq!(Amount::parse(&"9".repeat(1_000_000)), None);
    }
}
