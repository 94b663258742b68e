//! The workspace that this program belongs to.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::error::Error;
use crate::program;

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a member of a workspace")
}

/// Cargo in the root of the workspace.
pub(crate) fn cargo() -> Command {
    // The name and not the path in the environment, so that the command shown is the one to type:
    // rustup puts the very same cargo first on the path.
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root());
    cargo
}

/// The text of a file of the workspace.
pub(crate) fn read(file: impl AsRef<Path>) -> Result<String, Error> {
    let path = root().join(file);
    std::fs::read_to_string(&path).map_err(Error::file("read", &path))
}

/// Packages as `cargo metadata` describes them: with `--no-deps` the members of the workspace, else
/// their dependencies too.
pub(crate) fn packages(options: &[&str]) -> Result<Vec<Value>, Error> {
    let mut cargo = cargo();
    cargo.args(["metadata", "--format-version", "1"]).args(options);
    let text = program::output(&mut cargo)?;
    let metadata: Value = serde_json::from_str(&text)
        .map_err(|error| Error::other(format!("`cargo metadata` printed no JSON: {error}")))?;
    Ok(metadata["packages"].as_array().cloned().unwrap_or_default())
}
