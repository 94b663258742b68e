//! One option as it was written, before anything is known about what it means.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::Parser;

/// One option as it was written: `name`, `name = value` or `name(list)`.
pub(crate) struct Entry {
    pub(crate) name: Ident,
    pub(crate) value: Value,
    /// All of it, so that an error can underline it.
    pub(crate) tokens: TokenStream,
}

/// What stands behind the name of an option.
pub(crate) enum Value {
    /// Nothing.
    Absent,
    /// What follows the `=`, which may be empty.
    Assigned(TokenStream),
    /// What stands in the parentheses.
    List(Group),
    /// Something that no option has.
    Malformed,
}

/// Cuts a list of options at its commas. A piece that does not begin with a name is given back as
/// it is, for the caller to refuse; a comma with nothing before it is such a piece.
pub(crate) fn entries(options: TokenStream) -> Vec<Result<Entry, TokenStream>> {
    let mut pieces = Vec::new();
    let mut piece = Vec::new();
    for token in options {
        let ends = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ',');
        if !ends || piece.is_empty() {
            piece.push(token);
        }
        if ends {
            pieces.push(std::mem::take(&mut piece));
        }
    }
    // What follows the last comma may be nothing.
    pieces.extend(Some(piece).filter(|piece| !piece.is_empty()));
    pieces.into_iter().map(entry).collect()
}

fn entry(piece: Vec<TokenTree>) -> Result<Entry, TokenStream> {
    let tokens: TokenStream = piece.iter().cloned().collect();
    let mut rest = piece.into_iter();
    let name = rest.next().into_token_stream();
    // Keywords too: `crate` is an option.
    let name = Ident::parse_any.parse2(name).map_err(|_| tokens.clone())?;
    let value = match (rest.next(), rest.as_slice()) {
        (None, _) => Value::Absent,
        (Some(TokenTree::Punct(punct)), value) if punct.as_char() == '=' => {
            Value::Assigned(value.iter().cloned().collect())
        }
        (Some(TokenTree::Group(group)), []) if group.delimiter() == Delimiter::Parenthesis => {
            Value::List(group)
        }
        _ => Value::Malformed,
    };
    Ok(Entry { name, value, tokens })
}
