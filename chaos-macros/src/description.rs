//! The documentation of a test, which the report shows as the risk that the test covers.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Expr;

use crate::attributes::text;

/// The documentation of a test.
#[derive(Default)]
pub(crate) struct Description(Vec<Piece>);

enum Piece {
    Text(String),
    /// `#[doc = include_str!("..")]`, which only the compiler can read.
    Macro(TokenStream),
}

impl Description {
    /// Adds what one `#[doc = ..]` says.
    pub(crate) fn push(&mut self, doc: &Expr) {
        self.0.push(match text(doc) {
            Some(text) => Piece::Text(without_stars(&text.value())),
            None => Piece::Macro(doc.to_token_stream()),
        });
    }

    /// The text as rustdoc would lay it out: without the indentation that all lines share, and
    /// without blank lines around it.
    fn text(&self) -> String {
        let lines = self.0.iter().flat_map(|piece| match piece {
            Piece::Text(text) if text.is_empty() => vec![""],
            Piece::Text(text) => text.lines().collect(),
            Piece::Macro(_) => Vec::new(),
        });
        let lines: Vec<&str> = lines.map(str::trim_end).collect();
        let indentation = lines
            .iter()
            .filter(|line| !line.is_empty())
            .map(|line| line.len() - line.trim_start_matches(' ').len())
            .min()
            .unwrap_or_default();
        let lines: Vec<_> =
            lines.iter().map(|line| line.get(indentation..).unwrap_or_default()).collect();
        lines.join("\n").trim().to_owned()
    }
}

impl ToTokens for Description {
    /// An expression of type `&'static str` that a static can hold.
    fn to_tokens(&self, tokens: &mut TokenStream) {
        if self.0.iter().all(|piece| matches!(piece, Piece::Text(_))) {
            return self.text().to_tokens(tokens);
        }
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => text.trim().to_token_stream(),
            Piece::Macro(expression) => expression.clone(),
        });
        tokens.extend(quote!(::core::concat!(#(#pieces, "\n"),*).trim_ascii()));
    }
}

/// The text of a `/** .. */` without the stars at the beginning of its lines.
fn without_stars(text: &str) -> String {
    let Some((first, rest)) = text.split_once('\n') else { return text.to_owned() };
    let starred: Option<Vec<&str>> = rest
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.trim_start().strip_prefix('*'))
        .collect();
    match starred {
        Some(lines) => format!("{first}\n{}", lines.join("\n")),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use syn::parse::Parser;

    use super::*;

    fn description(attributes: &str) -> Description {
        let attributes = syn::Attribute::parse_outer.parse_str(attributes).expect("attributes");
        let mut description = Description::default();
        for attribute in attributes {
            description.push(&attribute.meta.require_name_value().expect("a doc comment").value);
        }
        description
    }

    #[test]
    fn the_lines_are_joined_and_the_common_indentation_goes() {
        let text =
            description("/// Money is kept:\n///\n///   - always,\n///   - by all.\n///").text();
        assert_eq!(text, "Money is kept:\n\n  - always,\n  - by all.");
    }

    #[test]
    fn a_block_comment_reads_like_a_line_comment() {
        for block in [
            "/** Money is kept.\n  *\n  * By all. */",
            "/**\n * Money is kept.\n * By all.\n */",
            "/**\n    Money is kept.\n    By all.\n*/",
        ] {
            let text = description(block).text();
            let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
            assert_eq!(lines, ["Money is kept.", "By all."], "{block}");
        }
    }

    #[test]
    fn an_undocumented_test_has_an_empty_description() {
        assert_eq!(description("").text(), "");
    }

    #[test]
    fn what_only_the_compiler_can_read_is_left_to_it() {
        let tokens = description("/// See:\n#[doc = include_str!(\"x.md\")]").to_token_stream();
        let expected =
            quote!(::core::concat!("See:", "\n", include_str!("x.md"), "\n").trim_ascii());
        assert_eq!(tokens.to_string(), expected.to_string());
    }
}
