//! Every message, at the place that it is about.

use std::fmt::Write;
use std::fs;

use super::{snapshot, source};

#[test]
fn every_mistake_is_explained_where_it_was_made() {
    for input in snapshot::inputs("messages", ".rs") {
        let file = fs::read_to_string(&input).expect("a readable file").replace("\r\n", "\n");
        let rendered: Vec<_> = source::items(&file).map(rendered).collect();
        snapshot::compare(&input.with_extension("txt"), &rendered.join("\n"));
    }
}

#[test]
fn a_mistake_leaves_something_that_can_be_parsed() {
    for input in snapshot::inputs("messages", ".rs") {
        let file = fs::read_to_string(&input).expect("a readable file");
        for item in source::items(&file) {
            let expansion = source::expand_source(item);
            let items = syn::parse2::<syn::File>(expansion.items)
                .unwrap_or_else(|error| panic!("{error} in the expansion of {item}"));
            assert!(!items.items.is_empty(), "nothing is left of {item}");
        }
    }
}

#[test]
fn an_incomplete_function_is_left_as_it_is() {
    for (source, message) in [
        ("#[chaos_test] async fn declared(cx: Chaos);", "a chaos test needs a body in braces"),
        ("#[chaos_test] async fn being_written(cx: )", "expected"),
        ("#[chaos_test] async", "expected"),
    ] {
        let expansion = source::expand_source(source);
        let [error] = expansion.errors.list() else { panic!("one error for {source}") };
        assert!(error.to_string().contains(message), "{error} for {source}");
        let written = source.strip_prefix("#[chaos_test] ").expect("it begins with it");
        let written: proc_macro2::TokenStream = written.parse().expect("tokens");
        assert_eq!(expansion.items.to_string(), written.to_string());
    }
}

/// The item with its errors below the lines that they are about, as the compiler shows them.
fn rendered(item: &str) -> String {
    let expansion = source::expand_source(item);
    let errors = expansion.errors.list();
    assert!(!errors.is_empty(), "nothing is wrong with {item}");
    let mut text = String::new();
    for (number, line) in item.lines().enumerate() {
        writeln!(text, "{line}").expect("a string takes everything");
        for error in errors {
            let (start, end) = (error.span().start(), error.span().end());
            if start.line != number + 1 {
                continue;
            }
            let end = if end.line == start.line { end.column } else { line.len() };
            let carets = "^".repeat(end - start.column);
            let message = error.to_string().replace('\n', &format!("\n{:1$}", "", end + 1));
            writeln!(text, "{:1$}{carets} {message}", "", start.column)
                .expect("a string takes everything");
        }
    }
    text
}
