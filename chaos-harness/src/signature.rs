//! When two failures are the same.

use chaos_core::seed::Seed;
use chaos_core::verdict::Failure;

/// What remains of a message.
const LONGEST: usize = 160;

/// What a failure is recognised by: its kind, its place, and its message without what differs from run
/// to run, such as numbers, times and identifiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    /// 53 bits, which every reader of JSON can hold.
    pub(crate) hash: u64,
    /// The first line of the message, normalised and shortened.
    pub(crate) message: String,
}

impl Signature {
    pub(crate) fn of(failure: &Failure) -> Self {
        let message = normalised(&failure.message);
        let kind = format!("{:?}", failure.kind);
        let location = failure.location.as_deref().unwrap_or_default();
        let hash = Seed(0).named(&kind).named(location).named(&message).0 >> 11;
        let first_line = message.lines().next().unwrap_or_default();
        Self { hash, message: first_line.chars().take(LONGEST).collect() }
    }
}

/// The message with `#` for every word that has a digit in it, and for the unit of time after one.
fn normalised(message: &str) -> String {
    let mut words = Vec::new();
    for line in message.lines() {
        let mut line_words: Vec<String> = Vec::new();
        for word in line.split_whitespace() {
            let is_unit = matches!(
                word.trim_end_matches(|c: char| !c.is_alphanumeric()),
                "ns" | "us" | "µs" | "ms" | "s" | "min" | "h"
            );
            if is_unit && line_words.last().is_some_and(|last| last.ends_with('#')) {
                continue;
            }
            line_words.push(without_numbers(word));
        }
        words.push(line_words.join(" "));
    }
    words.join("\n")
}

/// A word, in which each run of letters and digits that has a digit became `#`; what joins two of
/// those, as in `12.5` or `10:30`, goes with them.
fn without_numbers(word: &str) -> String {
    let mut out = String::new();
    let mut rest = word;
    while !rest.is_empty() {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        if part.bytes().any(|byte| byte.is_ascii_digit()) {
            let joined = out.strip_suffix(['.', ',', ':', '-', '/']).map(str::len);
            match joined.filter(|length| out[..*length].ends_with('#')) {
                Some(length) => out.truncate(length),
                None => out.push('#'),
            }
        } else {
            out.push_str(part);
        }
        let next = after.chars().next();
        out.extend(next);
        rest = &after[next.map_or(0, char::len_utf8)..];
    }
    out
}

#[cfg(test)]
mod tests {
    use chaos_core::verdict::FailureKind;

    use super::*;

    fn hash(kind: FailureKind, message: &str, location: &str) -> u64 {
        Signature::of(&Failure::new(kind, message).at(location)).hash
    }

    #[test]
    fn what_differs_from_run_to_run_does_not_tell_failures_apart() {
        for (one, other) in [
            ("found 9995, expected 10000", "found 9_990, expected 10000"),
            ("no answer after 980 ms", "no answer after 1.2 s"),
            ("no answer after 980ms, gave up", "no answer after 2m, gave up"),
            ("key 3f2a-11 of 10.0.0.1:5432", "key 77 of 127.0.0.1:40113"),
        ] {
            let of = |message| hash(FailureKind::Error, message, "a.rs:1:1");
            assert_eq!(of(one), of(other), "{one}: {}", normalised(one));
        }
        assert_eq!(normalised("5.0 s, at 10:30:01 (tx 42)"), "# at # (tx #)");
    }

    #[test]
    fn kind_place_and_words_tell_failures_apart() {
        let base = hash(FailureKind::Error, "no answer", "a.rs:1:1");
        assert_ne!(base, hash(FailureKind::Panic, "no answer", "a.rs:1:1"));
        assert_ne!(base, hash(FailureKind::Error, "no answer", "a.rs:2:1"));
        assert_ne!(base, hash(FailureKind::Error, "no rows", "a.rs:1:1"));
        assert!(base < 1 << 53);
    }
}
