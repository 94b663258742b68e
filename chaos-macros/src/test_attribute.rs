//! Attributes of other test frameworks, which would run the function a second time.

use syn::{Error, Meta, Path};

/// The attributes that make a test whatever stands before them in the path, so that
/// `#[tokio::test]` and `#[::core::prelude::v1::test]` are found too.
const LAST_SEGMENTS: [&str; 12] = [
    "test",
    "bench",
    "case",
    "chaos_test",
    "gtest",
    "property_test",
    "proptest",
    "quickcheck",
    "rstest",
    "test_case",
    "test_matrix",
    "wasm_bindgen_test",
];

/// What to say of an attribute that makes a test of the function too; nothing if it makes none.
pub(crate) fn refuse(meta: &Meta) -> Option<Error> {
    let path = meta.path();
    let last = path.segments.last()?.ident.to_string();
    if !LAST_SEGMENTS.contains(&last.as_str()) {
        return None;
    }
    let shown = shown(path);
    let message = match (last.as_str(), shown.as_str()) {
        ("chaos_test", _) => {
            "`#[chaos_test]` is given more than once; keep one, with the options of both".to_owned()
        }
        ("case" | "test_case" | "test_matrix" | "rstest", _) => format!(
            "`#[{shown}]` makes further tests of this function; remove it, and write a chaos test \
             for each case"
        ),
        ("bench", _) => {
            format!("`#[{shown}]` cannot be combined with `#[chaos_test]`; remove one of them")
        }
        _ => format!(
            "`#[{shown}]` would run this test a second time, without its faults; remove it: \
             `#[chaos_test]` registers the test itself, and runs `async fn` and `fn` alike"
        ),
    };
    Some(Error::new_spanned(meta, message))
}

fn shown(path: &Path) -> String {
    let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    segments.join("::")
}
