//! Durations as people write them: `80ms`, `1.5s`, `2m`.
//!
//! The same form serves attributes (`timeout = "30s"`), environment variables, the journal and the
//! reports, so that what is printed can be pasted back.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// A text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no duration; write a number and a unit, such as \"80ms\", \"1.5s\" or \"2m\" (units: us, ms, s, m, h)"
)]
pub struct InvalidDuration {
    text: String,
}

/// Reads a duration such as `80ms`, `1.5s` or `2m`.
///
/// The units are `us`, `ms`, `s`, `m` and `h`; a blank may stand before the unit.
///
/// ```
/// use chaos_core::duration::parse;
/// use std::time::Duration;
///
/// assert_eq!(parse("1.5s")?, Duration::from_millis(1500));
/// assert!(parse("80").is_err());
/// # Ok::<(), chaos_core::duration::InvalidDuration>(())
/// ```
///
/// # Errors
///
/// When the number or the unit is missing, the number is negative or not finite, or the duration
/// is longer than [`Duration`] can hold.
pub fn parse(text: &str) -> Result<Duration, InvalidDuration> {
    let invalid = || InvalidDuration { text: text.to_owned() };
    let trimmed = text.trim();
    let unit_at = trimmed.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(invalid)?;
    let (number, unit) = trimmed.split_at(unit_at);
    let nanos_per_unit = match unit {
        "us" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        "h" => 3600e9,
        _ => return Err(invalid()),
    };
    let number: f64 = number.trim().parse().map_err(|_| invalid())?;
    Duration::try_from_secs_f64(number * nanos_per_unit / 1e9).map_err(|_| invalid())
}

/// Writes a duration with the unit that suits its size, and no more digits than it has.
#[derive(Debug, Clone, Copy)]
pub struct Display(pub Duration);

impl fmt::Display for Display {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let (per_unit, unit) = match nanos {
            0 => return f.pad("0s"),
            n if n < 1_000_000 => (1_000, "us"),
            n if n < 1_000_000_000 => (1_000_000, "ms"),
            n if n >= 60_000_000_000 && n % 60_000_000_000 == 0 => (60_000_000_000, "m"),
            _ => (1_000_000_000, "s"),
        };
        let whole = nanos / per_unit;
        let thousandths = nanos % per_unit * 1_000 / per_unit;
        let text = match thousandths {
            0 => format!("{whole}{unit}"),
            _ => {
                let fraction = format!("{thousandths:03}");
                format!("{whole}.{}{unit}", fraction.trim_end_matches('0'))
            }
        };
        f.pad(&text)
    }
}

/// A measured time with three significant digits: more of them are noise to a reader.
#[must_use]
pub fn rounded(duration: Duration) -> Duration {
    let nanos = duration.as_nanos();
    let mut unit = 1;
    while nanos / unit >= 1_000 {
        unit *= 10;
    }
    let rounded = (nanos + unit / 2) / unit * unit;
    u64::try_from(rounded).map_or(duration, Duration::from_nanos)
}

/// For `#[serde(with = "chaos_core::duration::text")]`.
pub mod text {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    /// Writes the duration as text.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&super::Display(*duration))
    }

    /// Reads the duration from text.
    ///
    /// # Errors
    ///
    /// When the text is no duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read_back() {
        for (text, millis) in [("80ms", 80), ("1.5s", 1500), ("2m", 120_000), ("90s", 90_000)] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)));
            assert_eq!(Display(Duration::from_millis(millis)).to_string(), text);
        }
        assert_eq!(Display(Duration::ZERO).to_string(), "0s");
        assert_eq!(Display(Duration::from_nanos(1_250_000)).to_string(), "1.25ms");
    }

    #[test]
    fn a_measured_time_keeps_three_digits() {
        for (nanos, text) in
            [(502_731_000, "503ms"), (1_234_567_890, "1.23s"), (999_600_000, "1s"), (7, "0.007us")]
        {
            assert_eq!(Display(rounded(Duration::from_nanos(nanos))).to_string(), text);
        }
        assert_eq!(rounded(Duration::ZERO), Duration::ZERO);
        assert_eq!(rounded(Duration::MAX), Duration::MAX);
    }

    #[test]
    fn a_missing_unit_a_sign_and_nonsense_are_refused() {
        for text in ["", "80", "ms", "-1s", "1 week", "NaNs", "1e400s", "1s2"] {
            assert!(parse(text).is_err(), "{text:?} was accepted");
        }
    }
}
