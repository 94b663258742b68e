//! The attributes below `#[chaos_test]`, sorted by where they go.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, LitStr, Meta, Token, parse_quote};

use crate::description::Description;
use crate::errors::Errors;
use crate::test_attribute;

/// The attributes of a test, sorted by where they go.
#[derive(Default)]
pub(crate) struct Attributes {
    /// What every emitted item gets: `#[cfg]`.
    pub(crate) conditions: Vec<Attribute>,
    /// What the user's function keeps: everything that is not the harness's.
    pub(crate) function: Vec<Attribute>,
    /// What the test function beside it gets.
    pub(crate) shim: Vec<Attribute>,
    /// The text of the documentation.
    pub(crate) description: Description,
    /// `#[ignore]`, of which there can be one for each condition.
    pub(crate) ignore: Vec<Conditional<Option<LitStr>>>,
    /// `#[should_panic]`, likewise.
    pub(crate) should_panic: Vec<Conditional<Option<LitStr>>>,
}

/// What an attribute says, and under which condition (`#[cfg_attr]`) it says so.
pub(crate) struct Conditional<T> {
    pub(crate) predicate: Option<TokenStream>,
    pub(crate) value: T,
}

impl Attributes {
    /// Sorts the attributes. What is wrong with one is noted in `errors`, and the attribute is
    /// left out.
    pub(crate) fn sort(attributes: Vec<Attribute>, errors: &mut Errors) -> Self {
        let mut sorted = Self::default();
        for attribute in attributes {
            sorted.add(None, attribute, errors);
        }
        sorted
    }

    fn add(&mut self, predicate: Option<TokenStream>, attribute: Attribute, errors: &mut Errors) {
        let meta = attribute.meta.clone();
        if let Some(error) = test_attribute::refuse(&meta) {
            return errors.push(error);
        }
        if meta.path().is_ident("cfg_attr") {
            return self.add_conditional(predicate, attribute, errors);
        }
        let conditional: Attribute = match &predicate {
            Some(predicate) => parse_quote!(#[cfg_attr(#predicate, #meta)]),
            None => attribute,
        };
        match meta.path().get_ident().map(ToString::to_string).as_deref() {
            Some("cfg") => self.conditions.push(conditional),
            Some("doc") => {
                // A text cannot be put together under conditions, so the others are left out.
                if let (Meta::NameValue(doc), None) = (&meta, &predicate) {
                    self.description.push(&doc.value);
                }
                self.function.push(conditional.clone());
                self.shim.push(conditional);
            }
            Some("allow" | "warn" | "deny" | "forbid") => {
                self.function.push(conditional.clone());
                self.shim.push(conditional);
            }
            Some("expect") => {
                // What is expected happens once, and not a second time in the shim.
                let mut allowed = conditional.clone();
                rename_expect(&mut allowed);
                self.function.push(conditional);
                self.shim.push(allowed);
            }
            Some("ignore") => {
                let value = ignore_reason(&meta);
                if note(&mut self.ignore, predicate, value, &meta, errors) {
                    self.shim.push(conditional);
                }
            }
            Some("should_panic") => {
                let value = expected_panic(&meta);
                note(&mut self.should_panic, predicate, value, &meta, errors);
            }
            _ => self.function.push(conditional),
        }
    }

    /// Takes `#[cfg_attr(predicate, attributes..)]` apart.
    fn add_conditional(
        &mut self,
        outer: Option<TokenStream>,
        attribute: Attribute,
        errors: &mut Errors,
    ) {
        let Some((predicate, metas)) = conditional_parts(&attribute.meta) else {
            // It is malformed, which the compiler says best.
            return self.function.push(attribute);
        };
        let predicate = match outer {
            Some(outer) => quote!(all(#outer, #predicate)),
            None => predicate,
        };
        for meta in metas {
            self.add(Some(predicate.clone()), parse_quote!(#[#meta]), errors);
        }
    }
}

/// Notes what `#[ignore]` or `#[should_panic]` says, unless it is wrong or the second to say it;
/// true if it is neither.
fn note(
    noted: &mut Vec<Conditional<Option<LitStr>>>,
    predicate: Option<TokenStream>,
    value: syn::Result<Option<LitStr>>,
    meta: &Meta,
    errors: &mut Errors,
) -> bool {
    if predicate.is_none() && noted.iter().any(|earlier| earlier.predicate.is_none()) {
        let name = meta.path().require_ident().map(ToString::to_string).unwrap_or_default();
        errors.at(meta, format!("`#[{name}]` is given more than once; keep one"));
        return false;
    }
    match value {
        Ok(value) => noted.push(Conditional { predicate, value }),
        Err(error) => {
            errors.push(error);
            return false;
        }
    }
    true
}

/// The condition of a `#[cfg_attr(..)]`, and the attributes under it.
fn conditional_parts(meta: &Meta) -> Option<(TokenStream, Punctuated<Meta, Token![,]>)> {
    let mut tokens = meta.require_list().ok()?.tokens.clone().into_iter();
    let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ',');
    let predicate = tokens.by_ref().take_while(|token| !is_comma(token)).collect();
    let metas = Punctuated::parse_terminated.parse2(tokens.collect()).ok()?;
    Some((predicate, metas))
}

fn rename_expect(attribute: &mut Attribute) {
    fn in_list(list: &mut syn::MetaList) {
        if list.path.is_ident("expect") {
            list.path = parse_quote!(allow);
        } else if let Ok(parts) =
            Punctuated::<Meta, Token![,]>::parse_terminated.parse2(list.tokens.clone())
        {
            let parts = parts.into_iter().map(|mut part| {
                if let Meta::List(inner) = &mut part {
                    in_list(inner);
                }
                part
            });
            list.tokens = quote!(#(#parts),*);
        }
    }
    if let Meta::List(list) = &mut attribute.meta {
        in_list(list);
    }
}

/// The reason of `#[ignore]` or `#[ignore = "reason"]`.
fn ignore_reason(meta: &Meta) -> syn::Result<Option<LitStr>> {
    let wrong = || {
        let message = "write `#[ignore]`, or give the reason: `#[ignore = \"..\"]`";
        syn::Error::new_spanned(meta, message)
    };
    match meta {
        Meta::Path(_) => Ok(None),
        Meta::NameValue(reason) => text(&reason.value).map(Some).ok_or_else(wrong),
        Meta::List(_) => Err(wrong()),
    }
}

/// The message of `#[should_panic]`, `#[should_panic = "message"]` or
/// `#[should_panic(expected = "message")]`.
fn expected_panic(meta: &Meta) -> syn::Result<Option<LitStr>> {
    let wrong = || {
        let message = "write `#[should_panic]`, or say what the message of the panic contains: \
                       `#[should_panic(expected = \"..\")]`";
        syn::Error::new_spanned(meta, message)
    };
    match meta {
        Meta::Path(_) => Ok(None),
        Meta::NameValue(message) => text(&message.value).map(Some).ok_or_else(wrong),
        Meta::List(list) => match list.parse_args::<syn::MetaNameValue>() {
            Ok(expected) if expected.path.is_ident("expected") => {
                text(&expected.value).map(Some).ok_or_else(wrong)
            }
            _ => Err(wrong()),
        },
    }
}

pub(crate) fn text(value: &Expr) -> Option<LitStr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.clone()),
        // A `$reason:literal` of a macro comes in an invisible group.
        Expr::Group(group) => text(&group.expr),
        _ => None,
    }
}
