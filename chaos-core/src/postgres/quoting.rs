//! Names and texts as SQL writes them, whatever letters they have.

/// A name.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text.
pub(super) fn literal(text: &str) -> String {
    // The form with E, because a backslash may or may not mean something in the other one.
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_letter_ends_a_name_or_a_text() {
        assert_eq!(identifier(r#"Order "Lines""#), r#""Order ""Lines""""#);
        assert_eq!(literal("it's a \\"), "E'it''s a \\\\'");
    }
}
