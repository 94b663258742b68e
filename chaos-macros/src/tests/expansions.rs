//! Every shape of test, and what it expands to.

use std::fs;

use quote::ToTokens;

use super::{snapshot, source};

#[test]
fn every_shape_expands_to_what_its_file_shows() {
    for input in snapshot::inputs("expansions", ".rs") {
        let file = fs::read_to_string(&input).expect("a readable file").replace("\r\n", "\n");
        let mut text = String::new();
        for item in source::items(&file) {
            let tokens = source::expand_source(item).to_token_stream();
            let file = syn::parse2(tokens)
                .unwrap_or_else(|error| panic!("{error} in the expansion of {item}"));
            text.push_str(&prettyplease::unparse(&file));
        }
        snapshot::compare(&input.with_extension("expanded.rs"), &text);
    }
}

#[test]
fn the_body_and_the_name_keep_their_places() {
    let item = "#[chaos_test] async fn kept() { a.b ; incomplete. }";
    let expanded = source::expand_source(item).to_token_stream();
    let mut bodies = Vec::new();
    collect(expanded, &mut bodies);
    let bodies: Vec<_> = bodies.iter().filter_map(|group| group.span().source_text()).collect();
    assert_eq!(bodies, ["{ a.b ; incomplete. }"], "written once, and at its own place");
}

/// The groups that contain the word `incomplete` themselves.
fn collect(tokens: proc_macro2::TokenStream, found: &mut Vec<proc_macro2::Group>) {
    for token in tokens {
        let proc_macro2::TokenTree::Group(group) = token else { continue };
        let is_word = |token: &proc_macro2::TokenTree| token.to_string() == "incomplete";
        if group.stream().into_iter().any(|token| is_word(&token)) {
            found.push(group.clone());
        }
        collect(group.stream(), found);
    }
}
