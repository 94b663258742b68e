//! The function under the attribute: its parts, and the shapes that no test can have.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, FnArg, ReturnType, Signature, Type, Visibility};

use crate::compact;
use crate::errors::Errors;
use crate::options::Options;

/// A function whose body is left unread, so that it reaches the compiler, and an editor in the
/// middle of a line, exactly as it was written.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: TokenTree,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input.parse()?;
        if !input.peek(syn::token::Brace) {
            return Err(input.error("a chaos test needs a body in braces"));
        }
        let body = visible(input.parse()?);
        if !input.is_empty() {
            return Err(input.error("nothing may follow the body of a chaos test"));
        }
        Ok(Self { attributes, visibility, signature, body })
    }
}

impl Function {
    /// Notes everything in the signature that keeps the function from being a test; true if there
    /// is nothing.
    pub(crate) fn refuse_impossible_shapes(&self, errors: &mut Errors) -> bool {
        let known = errors.count();
        let signature = &self.signature;
        if let Some(constness) = &signature.constness {
            errors.at(constness, "a chaos test cannot be `const`; it runs against real servers");
        }
        if let Some(unsafety) = &signature.unsafety {
            errors.at(
                unsafety,
                "a chaos test cannot be `unsafe`; the harness calls it and can promise nothing",
            );
        }
        if let Some(abi) = &signature.abi {
            errors.at(abi, "a chaos test cannot be `extern`; the harness calls it from Rust");
        }
        if !signature.generics.params.is_empty() {
            errors.at(
                &signature.generics,
                "a chaos test cannot have generic parameters; the harness would not know what to \
                 put in their place",
            );
        } else if let Some(clause) = &signature.generics.where_clause {
            errors
                .at(clause, "a chaos test cannot have a `where` clause; nothing in it is generic");
        }
        if let Some(variadic) = &signature.variadic {
            errors.at(variadic, "a chaos test cannot be variadic");
        }
        for input in &signature.inputs {
            match input {
                FnArg::Receiver(receiver) => errors.at(
                    receiver,
                    "a chaos test cannot be a method; make it a function and take \
                     `cx: Chaos` or another fixture",
                ),
                FnArg::Typed(parameter) => refuse_impossible_parameter(&parameter.ty, errors),
            }
        }
        errors.count() == known
    }

    /// The parameters and their types; receivers, which are refused, are left out.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &syn::PatType> {
        self.signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(parameter) => Some(parameter),
            FnArg::Receiver(_) => None,
        })
    }

    /// Which parameter is the plan of a property.
    pub(crate) fn plan(&self) -> Option<usize> {
        self.parameters().position(|parameter| is_plan(&parameter.ty))
    }

    /// Notes what a property lacks, or a test that is none has of one; true if there is nothing.
    pub(crate) fn refuse_half_a_property(&self, options: &Options, errors: &mut Errors) -> bool {
        let known = errors.count();
        match (options.cases, self.plan()) {
            (Some(_), None) => errors.at(
                &self.signature.ident,
                "a test with `cases` takes the plan of each case; add a parameter \
                 `plan: Plan<Operation>`, with the type of your operations",
            ),
            (None, _) if options.workers.is_some() => errors.at(
                &self.signature.ident,
                "`workers` carry out the plan of a test with `cases`; say how many it has: \
                 `cases = 64`",
            ),
            (Some(_), Some(first)) => {
                let second = self.parameters().skip(first + 1).find(|it| is_plan(&it.ty));
                if let Some(second) = second {
                    let message = "a case has one plan; make one enum of the operations of both";
                    errors.at(&second.ty, message);
                }
            }
            (None, _) => {}
        }
        errors.count() == known
    }

    /// The return type, if one is written.
    pub(crate) fn returned(&self) -> Option<&Type> {
        match &self.signature.output {
            ReturnType::Default => None,
            ReturnType::Type(_, returned) => Some(returned),
        }
    }
}

/// Whether the type is called `Plan`, from wherever it is.
fn is_plan(written: &Type) -> bool {
    match written {
        Type::Path(path) => path.path.segments.last().is_some_and(|it| it.ident == "Plan"),
        _ => false,
    }
}

/// The braces of a `$body:block` of a macro, which comes in an invisible group.
fn visible(body: TokenTree) -> TokenTree {
    match &body {
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            let mut inner = group.stream().into_iter();
            match (inner.next(), inner.next()) {
                (Some(only), None) => visible(only),
                _ => body,
            }
        }
        _ => body,
    }
}

fn refuse_impossible_parameter(parameter: &Type, errors: &mut Errors) {
    if let Type::Reference(reference) = parameter {
        let owned = compact::text(reference.elem.to_token_stream());
        errors.at(
            parameter,
            format!("a chaos test takes its fixtures by value; write `{owned}` without the `&`"),
        );
    } else if mentions_impl(parameter.to_token_stream()) {
        errors.at(
            parameter,
            "a chaos test cannot have an `impl` parameter; its type selects the fixture, so name \
             it: `cx: Chaos`",
        );
    }
}

fn mentions_impl(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "impl",
        TokenTree::Group(group) => mentions_impl(group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// What to say of an item that is no function, such as "a struct".
pub(crate) fn not_a_function(item: &TokenStream, error: syn::Error) -> syn::Error {
    let kind = match syn::parse2::<syn::Item>(item.clone()) {
        Ok(syn::Item::Const(_)) => "a constant",
        Ok(syn::Item::Enum(_)) => "an enum",
        Ok(syn::Item::Impl(_)) => "an impl block",
        Ok(syn::Item::Mod(_)) => "a module",
        Ok(syn::Item::Static(_)) => "a static",
        Ok(syn::Item::Struct(_)) => "a struct",
        Ok(syn::Item::Trait(_)) => "a trait",
        Ok(syn::Item::Use(_)) => "an import",
        Ok(syn::Item::Macro(_)) => "a macro call",
        // A function that is not complete yet: the parser knows best where it ends.
        _ => return error,
    };
    let message = format!("`#[chaos_test]` belongs on a function, not on {kind}");
    syn::Error::new_spanned(without_attributes(item), message)
}

fn without_attributes(item: &TokenStream) -> TokenStream {
    let rest = |input: ParseStream<'_>| {
        input.call(Attribute::parse_outer)?;
        input.parse::<TokenStream>()
    };
    syn::parse::Parser::parse2(rest, item.clone()).unwrap_or_else(|_| item.clone())
}
