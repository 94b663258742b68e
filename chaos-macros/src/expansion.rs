//! What `#[chaos_test]` expands to.
//!
//! ```text
//! #[::core::prelude::v1::test]
//! fn name() { run_under_libtest(&__chaos_test_name) }     what editors and libtest see
//!
//! static __chaos_test_name: TestCase = {
//!     async fn name(cx: Chaos) -> TestResult { .. }       the user's function, as it was written
//!     inventory::submit! { &__chaos_test_name }           what the harness sees
//!     TestCase { function: "name", run: |cx| .., .. }
//! };
//! ```
//!
//! With `harness = false` the compiler drops the first of the two, and nothing that it uses is
//! left unused. The static bears a name so that two tests of one name are an error even then.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{LitStr, Type, Visibility};

use crate::attributes::{Attributes, Conditional};
use crate::compact;
use crate::errors::Errors;
use crate::fingerprint;
use crate::flakiness::Band;
use crate::function::{Function, not_a_function};
use crate::options::Options;

/// What one attribute expands to.
///
/// Whatever is wrong, something as near as possible to what was written stands beside the errors,
/// so that they are not followed by others.
pub(crate) struct Expansion {
    pub(crate) errors: Errors,
    pub(crate) items: TokenStream,
}

impl ToTokens for Expansion {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.errors.to_tokens(tokens);
        self.items.to_tokens(tokens);
    }
}

/// Expands the attribute with these options on this item.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Expansion {
    let mut errors = Errors::default();
    let options = Options::parse(options, &mut errors);
    if let Some(passes) = options.flakiness.as_ref().and_then(|it| it.min_passes) {
        let attempts = options.attempts();
        if passes > attempts {
            let message = format!(
                "`min_passes = {passes}` cannot be reached in {attempts} attempts; write \
                 `retries = {}` or more beside it",
                passes - 1
            );
            errors.push(syn::Error::new(Span::call_site(), message));
        }
    }
    let function: Function = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            errors.push(not_a_function(&item, error));
            return Expansion { errors, items: item };
        }
    };
    let attributes = Attributes::sort(function.attributes.clone(), &mut errors);
    let possible = function.refuse_impossible_shapes(&mut errors)
        & function.refuse_half_a_property(&options, &mut errors);
    let items = match possible {
        true => test(&function, &attributes, &options),
        false => unregistered(&function, &attributes),
    };
    Expansion { errors, items }
}

/// A function that cannot be a test, so that what it uses is used and what uses it finds it.
fn unregistered(function: &Function, attributes: &Attributes) -> TokenStream {
    let Attributes { conditions, function: kept, .. } = attributes;
    let Function { visibility, signature, body, .. } = function;
    quote! {
        #(#conditions)*
        #(#kept)*
        #[allow(dead_code)]
        #visibility #signature #body
    }
}

fn test(function: &Function, attributes: &Attributes, options: &Options) -> TokenStream {
    let Attributes { conditions, function: kept, shim, .. } = attributes;
    let Function { visibility, signature, body, .. } = function;
    let name = &signature.ident;
    // Lints leave alone what a macro names, and an error still points at the name.
    let place = Span::call_site().located_at(name.span());
    let case = format_ident!("__chaos_test_{}", name.unraw(), span = place);
    let private = private(options);
    let registration = registration(function, attributes, options, &private);
    // An item begins and ends where its first and its last token stand.
    let (keyword, end) = (quote_spanned!(place=> static), quote_spanned!(place=> ;));
    // Visibility is the shim's: the function is a detail of the static.
    let inherited = Visibility::Inherited;
    // Fixtures come by value, whatever a test does with them; of `async fn` the lint knows better.
    let by_value = function.parameters().next().filter(|_| signature.asyncness.is_none());
    let by_value = by_value.map(|_| quote!(#[allow(clippy::needless_pass_by_value)]));

    quote! {
        #(#conditions)*
        #(#shim)*
        #[::core::prelude::v1::test]
        #visibility fn #name() {
            #private::run_under_libtest(&#case)
        }

        #(#conditions)*
        #keyword #case: #private::TestCase = {
            #(#kept)*
            #by_value
            #inherited #signature #body

            #private::inventory::submit! { &#case }

            #registration
        } #end
    }
}

/// Where everything is that the expansion uses.
fn private(options: &Options) -> TokenStream {
    match &options.harness {
        Some(harness) => quote!(#harness::__private),
        None => quote!(::chaos_harness::__private),
    }
}

/// The value of the static.
fn registration(
    function: &Function,
    attributes: &Attributes,
    options: &Options,
    private: &TokenStream,
) -> TokenStream {
    let name = &function.signature.ident;
    let text = name.unraw().to_string();
    let description = &attributes.description;
    let run = run(function, options, private);
    let fingerprint = fingerprint::of(function, attributes, options);
    let options = options_value(options, attributes, private);
    // These macros tell the place of their own tokens.
    let [file, line, column] = ["file", "line", "column"].map(|part| {
        let part = Ident::new(part, name.span());
        quote_spanned!(name.span()=> ::core::#part!())
    });
    quote! {
        #private::TestCase {
            module: ::core::module_path!(),
            function: #text,
            file: #file,
            line: #line,
            column: #column,
            description: #description,
            fingerprint: #fingerprint,
            options: #options,
            run: #run,
        }
    }
}

/// The options, of which only what is written is named.
fn options_value(options: &Options, attributes: &Attributes, private: &TokenStream) -> TokenStream {
    let mut fields = Vec::new();
    if let Some(retries) = options.retries {
        fields.push(quote!(retries: #retries));
    }
    if let Some(only_retry) = &options.only_retry {
        fields.push(quote!(only_retry: ::core::option::Option::Some(#only_retry)));
    }
    if let Some(backoff) = options.backoff {
        let (seconds, nanos) = (backoff.as_secs(), backoff.subsec_nanos());
        fields.push(quote! {
            backoff: ::core::option::Option::Some(::core::time::Duration::new(#seconds, #nanos))
        });
    }
    if let Some(min_passes) = options.flakiness.as_ref().and_then(|it| it.min_passes) {
        fields.push(quote!(min_passes: #min_passes));
    }
    if let Some(cases) = options.cases {
        fields.push(quote!(cases: ::core::option::Option::Some(#cases)));
    }
    if let Some(flakiness) = &options.flakiness {
        let variant = match flakiness.band {
            Band::Flaky => quote!(Flaky),
            Band::VeryFlaky => quote!(VeryFlaky),
        };
        let reason = optional(flakiness.reason.as_ref());
        let expected_rate = optional(flakiness.expected_rate.as_ref());
        fields.push(quote! {
            declared: #private::Declared::#variant(#private::Flakiness {
                reason: #reason,
                expected_rate: #expected_rate,
            })
        });
    }
    if let Some(timeout) = options.timeout {
        let (seconds, nanos) = (timeout.as_secs(), timeout.subsec_nanos());
        fields.push(quote! {
            timeout: ::core::option::Option::Some(::core::time::Duration::new(#seconds, #nanos))
        });
    }
    if let Some(domain) = &options.domain {
        fields.push(quote!(domain: ::core::option::Option::Some(#domain)));
    }
    if options.must_pass {
        fields.push(quote!(gate: #private::Gate::MustPass));
    }
    if options.may_fail {
        fields.push(quote!(gate: #private::Gate::MayFail));
    }
    if let Some(seed) = options.seed {
        fields.push(quote!(seed: ::core::option::Option::Some(#seed)));
    }
    if !options.requires.is_empty() {
        let requires = &options.requires;
        fields.push(quote!(requires: &[#(#requires),*]));
    }
    if options.exclusive {
        fields.push(quote!(exclusive: true));
    }
    if !options.covers.is_empty() {
        let covers = &options.covers;
        fields.push(quote!(covers: &[#(#covers),*]));
    }
    if !attributes.ignore.is_empty() {
        let value = under_conditions(&attributes.ignore, |reason| {
            let reason = reason.as_ref().map(LitStr::value).unwrap_or_default();
            quote!(#reason)
        });
        fields.push(quote!(ignore: #value));
    }
    if !attributes.should_panic.is_empty() {
        let value = under_conditions(&attributes.should_panic, |expected| {
            let expected = optional(expected.as_ref());
            quote!(#private::ShouldPanic { expected: #expected })
        });
        fields.push(quote!(should_panic: #value));
    }
    match fields.is_empty() {
        true => quote!(#private::Options::DEFAULT),
        false => quote!(#private::Options { #(#fields,)* ..#private::Options::DEFAULT }),
    }
}

fn optional<T: ToTokens>(value: Option<&T>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

/// The first of the values whose condition holds, as an `Option`.
fn under_conditions<T>(
    values: &[Conditional<T>],
    shown: impl Fn(&T) -> TokenStream,
) -> TokenStream {
    let mut expression = optional::<TokenStream>(None);
    // One without a condition is what remains where no condition holds.
    let (always, sometimes): (Vec<_>, Vec<_>) =
        values.iter().partition(|conditional| conditional.predicate.is_none());
    for Conditional { predicate, value } in always.into_iter().chain(sometimes.into_iter().rev()) {
        let some = optional(Some(&shown(value)));
        expression = match predicate {
            Some(predicate) => {
                quote!(if ::core::cfg!(#predicate) { #some } else { #expression })
            }
            None => some,
        };
    }
    expression
}

/// The closure that sets the fixtures up one after another and calls the function.
///
/// What depends on a type of the user's is put at the place of that type, so that the compiler
/// says there, once, what is wrong with it. As that makes it the user's own code for lints, the
/// names in it are not those under which users import the same traits: a path is never longer than
/// needed. Of a path that the user gives this cannot be said, so there it remains a macro's code.
fn run(function: &Function, options: &Options, private: &TokenStream) -> TokenStream {
    let signature = &function.signature;
    let place_of = |written: &Type| match options.harness {
        Some(_) => Span::call_site().located_at(written.span()),
        None => written.span(),
    };
    let mut set_ups = TokenStream::new();
    let mut arguments = TokenStream::new();
    let plan = function.plan().filter(|_| options.cases.is_some());
    let mut plan_type = TokenStream::new();
    for (index, parameter) in function.parameters().enumerate() {
        if plan == Some(index) {
            plan_type = parameter.ty.to_token_stream();
            arguments.extend(quote!(__plan,));
            continue;
        }
        let fixture = &parameter.ty;
        let variable = format_ident!("__fixture_{index}", span = Span::call_site());
        let conditions = parameter.attrs.iter().filter(|attribute| {
            ["cfg", "cfg_attr"].iter().any(|name| attribute.path().is_ident(name))
        });
        let conditions = quote!(#(#conditions)*);
        let place = place_of(fixture);
        let private = at(place, private);
        let set_up = quote_spanned! {place=>
            <#fixture as #private::FixtureOfTest>::set_up(&__cx).await
        };
        let shown = compact::text(fixture.to_token_stream());
        set_ups.extend(quote! {
            #conditions
            let #variable = #set_up
                .map_err(|error| #private::FixtureError::new(#shown, error))?;
        });
        arguments.extend(quote!(#conditions #variable,));
    }
    let place = function.returned().map_or(Span::call_site(), place_of);
    let name = at(place, &signature.ident.to_token_stream());
    let private_there = at(place, private);
    let awaited = signature.asyncness.map(|_| quote_spanned!(place=> .await));
    let result = quote_spanned! {place=>
        #private_there::ReturnedByTest::into_result(#name(#arguments)#awaited)
    };
    if let Some(cases) = options.cases {
        let workers = options.workers.unwrap_or(1);
        return quote! {
            |__cx| ::std::boxed::Box::pin(#private::try_cases(
                __cx,
                #cases,
                #workers,
                async |__cx: #private::Chaos, __plan: #plan_type| {
                    #set_ups
                    #result
                },
            ))
        };
    }
    quote! {
        |__cx| ::std::boxed::Box::pin(async move {
            #set_ups
            #result
        })
    }
}

/// The same tokens at another place.
fn at(place: Span, tokens: &TokenStream) -> TokenStream {
    let moved = tokens.clone().into_iter().map(|mut token| {
        token.set_span(place);
        token
    });
    moved.collect()
}
