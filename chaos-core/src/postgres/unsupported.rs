//! What stands in for servers on platforms on which none can be started.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::endpoint::Endpoint;
use super::error::PostgresError;
use super::options::ServerOptions;
use super::process::{Answer, Request};
use super::{Installed, KeptDatabase};

/// A database, of which there is none.
#[derive(Debug)]
pub(super) struct Database(Infallible);

impl Database {
    pub(super) fn name(&self) -> &str {
        match self.0 {}
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        match self.0 {}
    }

    pub(super) fn is_alone(&self) -> bool {
        match self.0 {}
    }

    pub(super) async fn ask(&self, _request: &Request) -> Result<Answer, PostgresError> {
        match self.0 {}
    }

    pub(super) fn data_directory(&self) -> PathBuf {
        match self.0 {}
    }

    pub(super) fn log(&self) -> Option<PathBuf> {
        match self.0 {}
    }

    pub(super) fn disk(&self) -> Option<PathBuf> {
        match self.0 {}
    }
}

pub(super) fn on_shared_server() -> Result<Arc<Database>, PostgresError> {
    Err(PostgresError::Platform)
}

pub(super) fn on_own_server(
    _options: ServerOptions,
    _journal: Option<&Path>,
) -> Result<Arc<Database>, PostgresError> {
    Err(PostgresError::Platform)
}

pub(super) fn obstacle_to_small_disks() -> Option<String> {
    None
}

pub(super) fn installed() -> Result<Installed, PostgresError> {
    Err(PostgresError::Platform)
}

pub(super) fn supervise_if_asked() {}

pub(super) fn release() {}

pub(super) fn held() -> Vec<KeptDatabase> {
    Vec::new()
}

pub(super) fn left_by(_process: u32) -> Result<Vec<KeptDatabase>, PostgresError> {
    Ok(Vec::new())
}

/// A database that is copied for tests, of which there is none.
#[derive(Debug)]
pub(super) enum Model {
    Ready(String),
    Missing(Leader),
}

#[derive(Debug)]
pub(super) struct Leader(Infallible);

impl Leader {
    pub(super) fn database(&self) -> &str {
        match self.0 {}
    }

    pub(super) fn keep(self) -> Result<(), PostgresError> {
        match self.0 {}
    }
}

pub(super) fn find_model(database: &Database, _: &str, _: &str) -> Result<Model, PostgresError> {
    match database.0 {}
}
