//! Compiles each published crate with each of its features alone, and what the README shows of them.
//!
//! A feature that compiles only because another one is on breaks whoever asks for it alone.

use serde_json::Value;

use crate::console;
use crate::error::Error;
use crate::{program, workspace};

/// Compiles them all.
pub(crate) fn run() -> Result<(), Error> {
    console::step("Compiling each feature alone.");
    let selections = selections(&workspace::packages(&["--no-deps"])?);
    if selections.is_empty() {
        console::note("No published crate has features.");
    }
    for (package, feature) in selections {
        let mut cargo = workspace::cargo();
        cargo.args(["check", "--quiet", "--package", &package, "--no-default-features"]);
        if let Some(feature) = feature {
            cargo.args(["--features", &feature]);
        }
        program::succeed(&mut cargo)?;
    }
    // Without the features these blocks of the guides are empty.
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--quiet", "-p", "quickstart", "--doc", "--features", "toxiproxy,metrics"]);
    program::succeed(&mut cargo)
}

/// Each published crate that has features: once without any, and once with each.
fn selections(packages: &[Value]) -> Vec<(String, Option<String>)> {
    let mut selections = Vec::new();
    for package in packages {
        // `publish = false` is an empty list of registries.
        let is_private = package["publish"].as_array().is_some_and(Vec::is_empty);
        let (Some(name), Some(features)) =
            (package["name"].as_str(), package["features"].as_object())
        else {
            continue;
        };
        if is_private || features.is_empty() {
            continue;
        }
        selections.push((name.to_owned(), None));
        let alone = features.keys().filter(|feature| *feature != "default");
        selections.extend(alone.map(|feature| (name.to_owned(), Some(feature.clone()))));
    }
    selections
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_feature_of_a_published_crate_is_selected_alone() {
        let packages = [
            json!({"name": "a", "publish": null, "features": {"default": ["x"], "x": [], "y": []}}),
            json!({"name": "b", "publish": [], "features": {"z": []}}),
            json!({"name": "c", "publish": null, "features": {}}),
        ];
        let a = |feature: Option<&str>| ("a".to_owned(), feature.map(str::to_owned));
        assert_eq!(selections(&packages), [a(None), a(Some("x")), a(Some("y"))]);
    }
}
