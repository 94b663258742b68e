//! The `#[chaos_test]` attribute of chaos-harness.

use proc_macro::TokenStream;

/// Registers a function as a chaos test.
#[proc_macro_attribute]
pub fn chaos_test(_options: TokenStream, item: TokenStream) -> TokenStream {
    item
}
