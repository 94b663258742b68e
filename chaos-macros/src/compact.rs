//! Types and values as people write them, for messages.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The tokens as text, with blanks where a reader expects them: `Pool<Vec<u8>, 8>`.
///
/// What the tokens say of themselves has a blank between any two: `Pool < Vec < u8 > , 8 >`.
pub(crate) fn text(tokens: TokenStream) -> String {
    let mut text = String::new();
    write(tokens, &mut text);
    text.truncate(text.trim_end().len());
    text
}

fn write(tokens: TokenStream, text: &mut String) {
    let mut after_word = false;
    for token in tokens {
        let is_word = matches!(token, TokenTree::Ident(_) | TokenTree::Literal(_));
        if is_word && after_word {
            text.push(' ');
        }
        after_word = is_word;
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{ ", " }"),
                    Delimiter::None => ("", ""),
                };
                text.push_str(open);
                write(group.stream(), text);
                text.push_str(close);
            }
            TokenTree::Punct(punct) => match punct.as_char() {
                separator @ (',' | ';') => text.extend([separator, ' ']),
                operator @ ('+' | '=') => text.extend([' ', operator, ' ']),
                other => text.push(other),
            },
            word => text.push_str(&word.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_look_as_they_are_written() {
        for written in [
            "Chaos",
            "Absent<Vec<u8>>",
            "pool::Pool<'static, 8>",
            "(A, [u8; 4])",
            "Box<dyn Fn(u8) + Send>",
            "&'a mut Chaos",
        ] {
            assert_eq!(text(written.parse().expect("tokens")), written);
        }
    }
}
