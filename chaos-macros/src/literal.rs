//! The values of options, which are all literals.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use proc_macro2::TokenStream;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Lit, LitStr, Token};

use crate::compact;

/// The value of an option: a literal, or else nothing that an option takes.
///
/// Each reader gets a sentence on what the option takes, with which its error ends.
pub(crate) struct Literal {
    negative: bool,
    lit: Lit,
    tokens: TokenStream,
}

impl Literal {
    /// Reads what stands behind an `=`.
    pub(crate) fn new(tokens: TokenStream, usage: &str) -> syn::Result<Self> {
        struct Signed(bool, Lit);
        impl Parse for Signed {
            fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
                let sign: Option<Token![-]> = input.parse()?;
                Ok(Self(sign.is_some(), input.parse()?))
            }
        }

        match syn::parse2(tokens.clone()) {
            Ok(Signed(negative, lit)) => Ok(Self { negative, lit, tokens }),
            Err(_) => Err(Error::new_spanned(
                tokens.clone(),
                format!("`{}` is not a literal; {usage}", compact::text(tokens)),
            )),
        }
    }

    /// A whole number of a type, within bounds.
    pub(crate) fn whole<N>(
        &self,
        option: &str,
        bounds: RangeInclusive<N>,
        usage: &str,
    ) -> syn::Result<N>
    where
        N: FromStr + PartialOrd + Display,
        N::Err: Display,
    {
        let Lit::Int(lit) = &self.lit else {
            return Err(self.wrong(format!("{} is not a whole number", self.shown()), usage));
        };
        if self.negative {
            return Err(self.wrong(format!("`{option}` cannot be negative"), usage));
        }
        if !lit.suffix().is_empty() {
            return Err(self.wrong(
                format!("`{option}` takes a number without the suffix `{}`", lit.suffix()),
                usage,
            ));
        }
        // What does not fit the type is too large, as signs and letters cannot come this far.
        match lit.base10_parse() {
            Ok(number) if bounds.contains(&number) => Ok(number),
            Ok(number) if number < *bounds.start() => {
                Err(self.wrong(format!("{} is too small", self.shown()), usage))
            }
            _ => Err(self.wrong(format!("{} is too large", self.shown()), usage)),
        }
    }

    /// A share between 0 and 1. That it lies within narrower bounds is for the caller to see to.
    pub(crate) fn number(&self, usage: &str) -> syn::Result<f64> {
        let number = match &self.lit {
            Lit::Float(lit) if lit.suffix().is_empty() => lit.base10_parse::<f64>(),
            Lit::Int(lit) if lit.suffix().is_empty() => lit.base10_parse::<f64>(),
            _ => return Err(self.wrong(format!("{} is not a number", self.shown()), usage)),
        }?;
        Ok(if self.negative { -number } else { number })
    }

    /// A text that is not empty.
    pub(crate) fn text(&self, option: &str, usage: &str) -> syn::Result<LitStr> {
        match &self.lit {
            Lit::Str(lit) if lit.value().trim().is_empty() => {
                Err(self.wrong(format!("the text of `{option}` is empty"), usage))
            }
            Lit::Str(lit) => Ok(lit.clone()),
            _ => Err(self.wrong(format!("{} is not a text in quotes", self.shown()), usage)),
        }
    }

    /// The literal, if it is a text.
    pub(crate) fn as_text(&self) -> Option<&LitStr> {
        match &self.lit {
            Lit::Str(lit) => Some(lit),
            _ => None,
        }
    }

    /// The literal as it was written, for a message.
    pub(crate) fn shown(&self) -> String {
        format!("`{}{}`", if self.negative { "-" } else { "" }, self.digits())
    }

    /// The literal without its sign.
    pub(crate) fn digits(&self) -> String {
        quote::ToTokens::to_token_stream(&self.lit).to_string()
    }

    /// Whether it is a number.
    pub(crate) fn is_number(&self) -> bool {
        matches!(self.lit, Lit::Int(_) | Lit::Float(_))
    }

    /// Whether a sign stands before it.
    pub(crate) fn is_negative(&self) -> bool {
        self.negative
    }

    /// An error at this literal that ends with what the option takes.
    pub(crate) fn wrong(&self, problem: impl Display, usage: &str) -> Error {
        Error::new_spanned(&self.tokens, format!("{problem}; {usage}"))
    }
}
