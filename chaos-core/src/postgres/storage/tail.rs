//! Damage to the files of a cluster that belong to no relation.

use std::fs;
use std::path::Path;

use super::page::overwrite;
use super::{Damage, Place, refused};
use crate::error::Error;
use crate::postgres::error::PostgresError;
use crate::postgres::{PostgresServer, StopMode};

/// A page of the log begins with a header of 24 or 40 bytes.
const HEADER: u64 = 40;

/// The size of a page of the log.
const PAGE: u64 = 8192;

/// How far before the end of the log its last record surely is: behind its end are at most 7 bytes
/// that no checksum covers, and no record of a commit is shorter than 34.
const BACK: u64 = 16;

impl PostgresServer {
    /// Crashes the server and damages the last record of its log.
    pub(super) async fn damage_wal_tail(&self) -> Result<Place, Error> {
        let admin = self.postgres.admin().await?;
        let end = "SELECT file_name, file_offset::bigint \
                   FROM pg_walfile_name_offset(pg_current_wal_flush_lsn())";
        let row = admin.query_one(end, &[]).await;
        let row = row.map_err(PostgresError::sql("find the end of the log"))?;
        let (name, end): (String, i64) = (row.get(0), row.get(1));
        self.crash().await?;
        let end = u64::try_from(end).unwrap_or(0);
        let mut offset = end.saturating_sub(BACK);
        if offset % PAGE < HEADER {
            // The record began in the page before.
            offset = (offset / PAGE * PAGE).saturating_sub(BACK);
        }
        if offset < HEADER {
            let reason = "its last file has only begun; write something more first";
            return Err(refused(&Damage::FlipWalTail, reason).into());
        }
        let path = Path::new("pg_wal").join(name);
        self.flip(&path, offset)?;
        Ok(Place::File { path, offset, length: 1 })
    }

    /// Damages files of the cluster while the server is down.
    pub(super) async fn damage_files(&self, damage: &Damage) -> Result<Place, Error> {
        self.stop(StopMode::Fast).await?;
        match damage {
            Damage::CorruptControlFile => {
                let path = Path::new("global/pg_control").to_owned();
                // Among what the server was initialised with.
                let offset = 40;
                self.flip(&path, offset)?;
                Ok(Place::File { path, offset, length: 1 })
            }
            Damage::RemoveWal => {
                let path = Path::new("pg_wal").to_owned();
                let directory = self.data_directory().join(&path);
                let entries = fs::read_dir(&directory);
                let entries = entries.map_err(PostgresError::file("read", &directory))?;
                let mut length = 0;
                for entry in entries.flatten() {
                    let file = entry.path();
                    let found = fs::metadata(&file);
                    let found = found.map_err(PostgresError::file("look at", &file))?;
                    if found.is_file() {
                        fs::remove_file(&file).map_err(PostgresError::file("remove", &file))?;
                        length += found.len();
                    }
                }
                Ok(Place::File { path, offset: 0, length })
            }
            other => Err(refused(other, "it is no damage to a file").into()),
        }
    }

    fn flip(&self, path: &Path, offset: u64) -> Result<(), PostgresError> {
        let file = self.data_directory().join(path);
        let bytes = fs::read(&file).map_err(PostgresError::file("read", &file))?;
        let byte = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset));
        let byte = byte.copied().unwrap_or_default();
        overwrite(&file, offset, &[!byte])
    }
}
