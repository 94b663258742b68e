//! PostgreSQL from the package manager of the system.

use crate::error::Error;
use crate::package_manager::{Package, PackageManager};
use crate::postgres::installation::{self, Installation};

/// Installs it and leaves no server running.
pub(crate) fn install() -> Result<Installation, Error> {
    let manager = PackageManager::detect()
        .ok_or_else(|| Error::other("this system has no package manager that we know"))?;
    manager.install(Package::Postgres)?;
    installation::find()?.ok_or_else(|| {
        Error::other("the package was installed, but no PostgreSQL 13 to 18 is found")
    })
}
