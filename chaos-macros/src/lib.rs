//! The `#[chaos_test]` attribute of chaos-harness.

mod attributes;
mod compact;
mod description;
mod duration;
mod errors;
mod expansion;
mod flakiness;
mod function;
mod literal;
mod option_entry;
mod option_name;
mod options;
mod requirement;
mod suggestion;
mod test_attribute;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;
use quote::ToTokens;

/// Registers a function as a chaos test.
#[proc_macro_attribute]
pub fn chaos_test(options: TokenStream, item: TokenStream) -> TokenStream {
    expansion::expand(options.into(), item.into()).into_token_stream().into()
}
