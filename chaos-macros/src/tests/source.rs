//! Reading tests as the compiler hands them to the attribute.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::expansion::{Expansion, expand};

/// Expands the item in `source`, which begins with `#[chaos_test]` or `#[chaos_test(..)]`.
pub(super) fn expand_source(source: &str) -> Expansion {
    let tokens: TokenStream = source.parse().unwrap_or_else(|error| panic!("{error}: {source}"));
    let mut tokens = tokens.into_iter();
    let (hash, attribute) = (tokens.next(), tokens.next());
    let (Some(TokenTree::Punct(_)), Some(TokenTree::Group(attribute))) = (hash, attribute) else {
        panic!("it begins with another attribute: {source}");
    };
    let mut attribute = attribute.stream().into_iter();
    assert_eq!(attribute.next().map(|name| name.to_string()).as_deref(), Some("chaos_test"));
    let options = match attribute.next() {
        Some(TokenTree::Group(options)) if options.delimiter() == Delimiter::Parenthesis => {
            options.stream()
        }
        None => TokenStream::new(),
        Some(other) => panic!("{other} is no list of options: {source}"),
    };
    expand(options, tokens.collect())
}

/// The items of a file, which are set apart by blank lines.
pub(super) fn items(file: &str) -> impl Iterator<Item = &str> {
    file.split("\n\n").map(str::trim).filter(|item| item.starts_with("#[chaos_test"))
}
