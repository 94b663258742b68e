//! Sizes as text: `4 GiB`.

use std::fmt;

/// Completes "is not ..".
pub(super) const EXPECTED: &str = "a size with a unit (KiB, MiB, GiB), such as \"4 GiB\"";

const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// Reads a size such as `512 MiB` or `1.5 GiB`, in bytes.
pub(super) fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let (unit, bytes) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
    let number: f64 = text.strip_suffix(unit)?.trim().parse().ok()?;
    let size = number * *bytes as f64;
    // Up to 2^53 every number of bytes is a float.
    (size.is_finite() && (0.0..=9e15).contains(&size)).then_some(size as u64)
}

/// Writes a size in the largest unit that it fills, with one digit behind the point.
#[allow(dead_code, reason = "for what is said of the machine, which is still to come")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, bytes)| self.0 >= *bytes) {
            Some((unit, bytes)) => {
                let text = format!("{:.1}", self.0 as f64 / *bytes as f64);
                write!(f, "{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
            }
            None => write!(f, "{} B", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read_back() {
        for text in ["4 GiB", "1.5 GiB", "512 MiB", "64 KiB"] {
            assert_eq!(Size(parse(text).unwrap()).to_string(), text);
        }
        for text in ["4", "4 GB", "-1 GiB", "GiB", "inf GiB"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
