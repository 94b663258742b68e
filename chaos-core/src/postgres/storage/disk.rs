//! Filling the small disk of a server, and making room on it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use crate::error::Error;
use crate::postgres::PostgresServer;
use crate::postgres::error::PostgresError;

/// How much is written at a time.
const CHUNK: usize = 64 << 10;

impl PostgresServer {
    /// Fills the small disk of the server with a file of no use, and returns its size.
    pub(in crate::postgres) async fn fill_disk(&self) -> Result<u64, Error> {
        let path = self.ballast("fill the disk")?;
        let filled = tokio::task::spawn_blocking(move || fill(&path)).await;
        let bytes = filled.map_err(|error| PostgresError::io("fill the disk")(error.into()))??;
        self.note(format!("filled the disk: {bytes} bytes"));
        Ok(bytes)
    }

    /// Removes what [`fill_disk`](Self::fill_disk) wrote.
    pub(in crate::postgres) async fn free_disk(&self) -> Result<(), Error> {
        let path = self.ballast("make room on the disk")?;
        fs::remove_file(&path).map_err(PostgresError::file("remove", &path))?;
        self.note("made room on the disk".to_owned());
        Ok(())
    }

    fn ballast(&self, action: &str) -> Result<PathBuf, PostgresError> {
        let disk = self.postgres.database.disk().ok_or_else(|| PostgresError::Process {
            action: action.to_owned(),
            reason: "the server has no disk of its own; make it with \
                     `cx.postgres_server_with(ServerOptions::new().small_disk(..))`"
                .to_owned(),
        })?;
        Ok(disk.join("ballast"))
    }
}

fn fill(path: &std::path::Path) -> Result<u64, PostgresError> {
    let failed = |error| PostgresError::file("write", path)(error);
    let mut file = File::create(path).map_err(failed)?;
    let zeros = vec![0; CHUNK];
    let mut bytes = 0;
    loop {
        match file.write(&zeros) {
            Ok(0) => return Ok(bytes),
            Ok(written) => bytes += written as u64,
            Err(error) if error.kind() == io::ErrorKind::StorageFull => return Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
}
