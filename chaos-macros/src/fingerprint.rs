//! What a test is recognised by in its history: a change of it begins new evidence.
//!
//! It is a hash of the tokens of the function, and of the options that an attempt depends on. Spaces,
//! comments, documentation, and the commas that a formatter adds and removes are no part of it; the
//! name is not either, because the history is kept by name. It must stay what it is from release to
//! release, or else every test would seem to have changed: so the hash is FNV-1a, of 64 bits, by Fowler,
//! Noll and Vo, which needs no crate and no version.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;

use crate::attributes::Attributes;
use crate::function::Function;
use crate::options::Options;

const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// The fingerprint of a test: 53 bits, which every reader of JSON can hold, and never 0, which stands
/// for a test that has none.
pub(crate) fn of(function: &Function, attributes: &Attributes, options: &Options) -> u64 {
    let mut hash = Hash(OFFSET_BASIS);
    let signature = &function.signature;
    hash.tokens(signature.asyncness.to_token_stream());
    hash.tokens(signature.inputs.to_token_stream());
    hash.tokens(signature.output.to_token_stream());
    hash.tokens(function.body.to_token_stream());
    // What an attempt is judged by, and how often, is not what it does.
    let Options { cases, workers, timeout, seed, requires, exclusive, .. } = options;
    hash.word(&format!("{cases:?} {workers:?} {timeout:?} {seed:?} {requires:?} {exclusive}"));
    let panics = attributes.should_panic.iter().map(|it| it.value.as_ref().map(syn::LitStr::value));
    hash.word(&format!("{:?}", panics.collect::<Vec<_>>()));
    (hash.0 >> 11).max(1)
}

struct Hash(u64);

impl Hash {
    fn word(&mut self, word: &str) {
        // What no word has in it keeps two words from being one.
        for byte in word.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }

    fn tokens(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        let mut follows_braces = false;
        while let Some(token) = tokens.next() {
            let ends = tokens.peek().is_none();
            let is_block = |token: &TokenTree| matches!(token, TokenTree::Group(it) if it.delimiter() == Delimiter::Brace);
            let braces = is_block(&token);
            match token {
                // Formatters put one after the last item where items have lines of their own, and none
                // after the block of an arm.
                TokenTree::Punct(mark) if mark.as_char() == ',' && (ends || follows_braces) => {}
                TokenTree::Punct(mark) if mark.as_char() == '#' => {
                    let is_inner = |it: &TokenTree| matches!(it, TokenTree::Punct(mark) if mark.as_char() == '!');
                    let bang = tokens.next_if(is_inner);
                    // A comment of documentation is an attribute by the time it is seen.
                    if tokens.next_if(is_documentation).is_none() {
                        self.word("#");
                        bang.iter().for_each(|_| self.word("!"));
                    }
                }
                TokenTree::Punct(mark) => self.word(&mark.as_char().to_string()),
                TokenTree::Ident(word) => self.word(&word.to_string()),
                TokenTree::Literal(literal) => self.word(&literal.to_string()),
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        // What a macro has put in; nobody wrote these.
                        Delimiter::None => ("", ""),
                    };
                    self.word(open);
                    self.tokens(group.stream());
                    self.word(close);
                }
            }
            follows_braces = braces;
        }
    }
}

/// Whether it is the `[doc = ".."]` of an attribute.
fn is_documentation(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else { return false };
    group.delimiter() == Delimiter::Bracket
        && matches!(group.stream().into_iter().next(), Some(TokenTree::Ident(word)) if word == "doc")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::Errors;

    fn fingerprint(options: &str, function: &str) -> u64 {
        let mut errors = Errors::default();
        let options = Options::parse(options.parse().unwrap(), &mut errors);
        let function: Function = syn::parse_str(function).unwrap();
        let attributes = Attributes::sort(function.attributes.clone(), &mut errors);
        assert_eq!(errors.count(), 0);
        of(&function, &attributes, &options)
    }

    const WRITTEN: &str = "
        async fn drains(cx: Chaos) -> TestResult {
            let pg = cx.postgres().await?;
            match pg.pool(8) { Ok(pool) => { drain(&pool, 3).await } Err(error) => Err(error) }
        }";

    #[test]
    fn spaces_comments_and_commas_of_formatters_are_no_part_of_it() {
        let formatted = "
            /// What it is for.
            #[allow(unused)]
            pub async fn drains_in_time(
                cx: Chaos,
            ) -> TestResult {
                // Why.
                let pg = cx.postgres().await?; /* indeed */
                match pg.pool(8) {
                    /// Of an arm.
                    Ok(pool) => { drain(&pool, 3,).await },
                    Err(error) => Err(error),
                }
            }";
        assert_eq!(fingerprint("", WRITTEN), fingerprint("", formatted));
        let judged =
            "retries = 3, flaky(reason = \"r\"), may_fail, domain = \"d\", covers = [\"N1\"]";
        assert_eq!(fingerprint("", WRITTEN), fingerprint(judged, WRITTEN));
    }

    #[test]
    fn whatever_an_attempt_depends_on_is_part_of_it() {
        let known = fingerprint("", WRITTEN);
        for (from, to) in
            [("8", "9"), ("drain(", "drop("), ("&pool", "pool"), ("pool, 3", "3, pool")]
        {
            assert_ne!(known, fingerprint("", &WRITTEN.replace(from, to)), "{from}");
        }
        for options in ["timeout = \"3s\"", "seed = 1", "exclusive", "requires(root)"] {
            assert_ne!(known, fingerprint(options, WRITTEN), "{options}");
        }
        assert_ne!(known, fingerprint("", &format!("#[should_panic] {WRITTEN}")));
        let other_fixture = WRITTEN.replace("cx: Chaos", "cx: Bank");
        assert_ne!(known, fingerprint("", &other_fixture));
    }

    #[test]
    fn it_stays_what_it_was() {
        // A release that changes it begins the evidence of every test of every user anew.
        assert_eq!(fingerprint("", "fn empty() {}"), 7_821_902_020_464_740);
    }
}
