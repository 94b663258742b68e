//! Redis, which some tests may ask for and none can do more than skip without.

use crate::console;
use crate::package_manager::{Package, PackageManager};
use crate::program;

const SERVERS: [&str; 2] = ["redis-server", "valkey-server"];

/// Finds Redis or installs it where that is allowed, and says what follows when it is not there.
pub(crate) fn offer() {
    console::step("Looking for Redis.");
    if let Some(server) = SERVERS.iter().find(|server| program::is_on_path(server)) {
        console::note(&format!("Found `{server}`."));
        return;
    }
    let Some(manager) = PackageManager::detect() else {
        console::note("It is not there: tests that need it are skipped.");
        return;
    };
    console::note("It is not there; installing it with the package manager of the system.");
    if let Err(error) = manager.install(Package::Redis) {
        console::note(&format!("Not installed: {}.", console::with_causes(&error)));
        console::note(&format!(
            "Tests that need Redis are skipped. To run them: {}",
            manager.advice(Package::Redis)
        ));
    }
}
