//! Durations as `timeout` takes them.
//!
//! The form is that of `chaos_core::duration`, which a procedural macro should not depend on: it
//! would make every user of the macro wait for the whole of that crate before the first expansion.

use std::time::Duration;

/// Reads a duration such as `80ms`, `1.5s` or `2m`; nothing if it is none.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let nanos_per_unit = match unit {
        "us" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        "h" => 3600e9,
        _ => return None,
    };
    let number: f64 = number.trim().parse().ok()?;
    Duration::try_from_secs_f64(number * nanos_per_unit / 1e9).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read_as_the_core_reads_it() {
        let texts = ["7us", "80ms", "1.5s", "30s", "2m", "0.5h", " 3 s ", "0.1s", "250.25ms", "0s"];
        for text in texts {
            let core = chaos_harness::duration::parse(text).ok();
            assert!(core.is_some(), "{text:?} is no duration for the core");
            assert_eq!(parse(text), core, "{text:?}");
        }
    }

    #[test]
    fn what_the_core_refuses_is_refused() {
        for text in ["", "30", "s", "-1s", "1 week", "NaNs", "1e400s", "1s2", "1.2.3s"] {
            assert!(chaos_harness::duration::parse(text).is_err(), "the core accepts {text:?}");
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
