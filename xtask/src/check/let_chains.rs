//! Finds `if let .. && ..`, which edition 2024 allows only since Rust 1.88.
//!
//! No lint reports it: clippy knows since when a function of the standard library exists, not since
//! when the language allows an expression.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

use super::files;
use crate::error::Error;
use crate::workspace;

/// A sentence for each let chain.
pub(crate) fn findings() -> Result<Vec<String>, Error> {
    let mut findings = Vec::new();
    for file in files::sources()? {
        // A file that is no Rust is found by the compiler; tests of what does not compile keep some.
        let Ok(tokens) = workspace::read(&file)?.parse::<TokenStream>() else { continue };
        let chains = chains(tokens).into_iter();
        findings.extend(chains.map(|chain| format!("{}: `{chain}`", file.display())));
    }
    Ok(findings)
}

/// The conditions in a source that are let chains, as text.
fn chains(tokens: TokenStream) -> Vec<String> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => found.extend(chains(group.stream())),
            TokenTree::Ident(word) if *word == "if" || *word == "while" => {
                let condition = condition(&tokens[index + 1..]);
                if is_chain(condition) {
                    let text: TokenStream = condition.iter().cloned().collect();
                    found.push(format!("{word} {text}"));
                }
            }
            _ => {}
        }
    }
    found
}

/// What stands between `if` and its block, or the arrow of a match arm.
fn condition(tokens: &[TokenTree]) -> &[TokenTree] {
    let mut in_pattern = false;
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(word) if *word == "let" => in_pattern = true,
            TokenTree::Punct(sign) if sign.as_char() == '=' => {
                let is_arrow =
                    sign.spacing() == Spacing::Joint && is_sign(tokens.get(index + 1), '>');
                if is_arrow {
                    return &tokens[..index];
                }
                in_pattern = false;
            }
            TokenTree::Punct(sign) if sign.as_char() == ';' => return &tokens[..index],
            // In a pattern, braces belong to a struct.
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !in_pattern => {
                return &tokens[..index];
            }
            _ => {}
        }
    }
    tokens
}

/// Without parentheses around it, `&&` beside `let` can only be a chain.
fn is_chain(condition: &[TokenTree]) -> bool {
    let has_let =
        condition.iter().any(|token| matches!(token, TokenTree::Ident(word) if *word == "let"));
    let has_and = condition.iter().enumerate().any(|(index, token)| {
        is_sign(Some(token), '&')
            && is_sign(condition.get(index + 1), '&')
            // A reference to a reference stands where a value begins, not after one.
            && index > 0
            && !matches!(&condition[index - 1], TokenTree::Punct(sign) if sign.as_char() != '?')
            && !is_word(&condition[index - 1], &["let", "ref", "mut"])
    });
    has_let && has_and
}

fn is_sign(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

fn is_word(token: &TokenTree, words: &[&str]) -> bool {
    matches!(token, TokenTree::Ident(word) if words.iter().any(|known| word == known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(source: &str) -> usize {
        chains(source.parse().unwrap()).len()
    }

    #[test]
    fn let_chains_are_found() {
        for source in [
            "fn f() { if let Some(x) = y && x > 3 {} }",
            "fn f() { if ready && let Some(x) = y {} }",
            "fn f() { while let Some(x) = next() && let Ok(z) = x {} }",
            "fn f() { if let Point { x, y } = p && x == y {} }",
            "fn f() { if let Some(x) = y? && x {} }",
            "fn f() { match v { x if let Some(y) = x && y => {} _ => {} } }",
            "fn f() { g(|| if let A = b && c { 1 } else { 2 }) }",
        ] {
            assert_eq!(count(source), 1, "{source}");
        }
    }

    #[test]
    fn what_the_minimum_version_knows_is_left_alone() {
        for source in [
            "fn f() { if a && b { let c = d && e; } }",
            "fn f() { if let Some(x) = (a && b).then_some(1) {} }",
            "fn f() { if let Some(x) = g(a && b) { h && i } }",
            "fn f() { if let Some(&&x) = y {} }",
            "fn f() { if let &&x = y {} }",
            "fn f() { if let x = &&y {} }",
            "fn f() { match v { x if a => { let y = b && c; } _ => {} } }",
            "fn f() { if let Some(x) = y { if a && b {} } }",
            "// if let Some(x) = y && z {}\nfn f() { \"if let A = b && c {\"; }",
        ] {
            assert_eq!(count(source), 0, "{source}");
        }
    }
}
