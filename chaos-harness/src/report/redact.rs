//! Passwords are kept out of everything that is shown or stored.
//!
//! They come in with connection strings, in messages of errors and in what tests print. Both forms
//! that PostgreSQL knows are covered: `postgres://user:password@host` (and every other URL) and
//! `password=...`.

use std::borrow::Cow;

/// What stands in the place of a password.
const REDACTED: &str = "***";

/// The text without the passwords in it.
pub(crate) fn redact(text: &str) -> Cow<'_, str> {
    let mut redacted = Cow::Borrowed(text);
    if text.contains("://") {
        redacted = Cow::Owned(redact_urls(&redacted));
    }
    if find_ignoring_case(&redacted, PASSWORD_KEY).is_some() {
        redacted = Cow::Owned(redact_values(&redacted));
    }
    redacted
}

/// All texts of a value of JSON, redacted.
pub(crate) fn redact_json(value: &mut serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::String(text) => {
            if let Cow::Owned(redacted) = redact(text) {
                *text = redacted;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(redact_json),
        Value::Object(fields) => fields.values_mut().for_each(redact_json),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn redact_urls(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(scheme_end) = rest.find("://") {
        let (before, after) = rest.split_at(scheme_end + 3);
        result.push_str(before);
        let authority_end = after
            .find(|c: char| {
                c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>')
            })
            .unwrap_or(after.len());
        let authority = &after[..authority_end];
        match authority.rsplit_once('@').map(|(user, host)| (user.split_once(':'), host)) {
            Some((Some((user, _)), host)) => {
                result.push_str(&format!("{user}:{REDACTED}@{host}"));
            }
            _ => result.push_str(authority),
        }
        rest = &after[authority_end..];
    }
    result.push_str(rest);
    result
}

/// Also the end of `PGPASSWORD=` and of `sslpassword=`.
const PASSWORD_KEY: &str = "password=";

fn redact_values(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(key) = find_ignoring_case(rest, PASSWORD_KEY) {
        let (before, value) = rest.split_at(key + PASSWORD_KEY.len());
        result.push_str(before);
        result.push_str(REDACTED);
        rest = &value[length_of_value(value)..];
    }
    result.push_str(rest);
    result
}

/// How long the value of a key of a connection string is: up to a blank, or quoted with `'`, where
/// `\` escapes. `&` and `"` end it where the key stands in a URL or in a quoted text.
fn length_of_value(value: &str) -> usize {
    let Some(quoted) = value.strip_prefix('\'') else {
        return value
            .find(|c: char| c.is_whitespace() || matches!(c, '&' | '"' | ',' | ';'))
            .unwrap_or(value.len());
    };
    let mut escaped = false;
    for (place, c) in quoted.char_indices() {
        match c {
            '\'' if !escaped => return place + 2,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    value.len()
}

fn find_ignoring_case(text: &str, pattern: &str) -> Option<usize> {
    let matches = |window: &[u8]| window.eq_ignore_ascii_case(pattern.as_bytes());
    // The pattern is ASCII, so a match begins and ends between characters.
    text.as_bytes().windows(pattern.len()).position(matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_of_a_password_remains() {
        for (text, expected) in [
            ("postgres://app:s3cret@127.0.0.1:5432/db", "postgres://app:***@127.0.0.1:5432/db"),
            ("(redis://:s3cret@[::1]/0)", "(redis://:***@[::1]/0)"),
            ("two: a://b:s3cret@c d://e:s3cret@f", "two: a://b:***@c d://e:***@f"),
            ("http://u:s3:cr@et@host?x", "http://u:***@host?x"),
            ("host=x password=s3cret user=y", "host=x password=*** user=y"),
            (r"password='s3 \' cret' user=y", "password=*** user=y"),
            ("password='s3cret", "password=***"),
            ("PGPASSWORD=s3cret psql", "PGPASSWORD=*** psql"),
            ("x://h/d?password=s3cret&sslmode=disable", "x://h/d?password=***&sslmode=disable"),
        ] {
            assert_eq!(redact(text), expected);
        }
    }

    #[test]
    fn what_holds_no_password_stays_as_it_is() {
        for text in [
            "postgres://app@127.0.0.1:5432/db",
            "see https://example.com/a:b@c and mail a:b@c",
            "the password is wrong: Größe ✓",
            "",
        ] {
            assert_eq!(redact(text), text);
        }
    }
}
