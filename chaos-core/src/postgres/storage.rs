//! What a server keeps on disk: damaged on purpose, and without room.
//!
//! [`PostgresServer::damage`] damages files of a stopped server, or data behind the back of the
//! constraints that guard them. It is for tests of what notices damage, and of what it takes to come
//! back from it; the data are those of a server that goes with its test.

mod damage;
mod disk;
mod page;
mod statement;
mod tail;

use std::path::PathBuf;
use std::sync::Arc;

use self::damage::Means;
pub use self::damage::{
    Damage, bypass_index, bypass_triggers, corrupt_control_file, flip_bytes, flip_wal_tail,
    forge_xmin, invalid_index, prepared_transaction, remove_file, remove_wal, rewind_sequence,
    truncate_file, zero_page,
};
use super::PostgresServer;
use super::error::PostgresError;
use crate::error::Error;
use crate::fault::FaultSpec;
use crate::link::Target;
use crate::scope::FaultRecord;

/// What was damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damaged {
    /// The damage, with every choice that was left open made: the page, the offset.
    pub damage: Damage,
    /// Where.
    pub place: Place,
}

/// Where something was damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In a file, and the server is down.
    File {
        /// The file, below the data directory.
        path: PathBuf,
        /// The first byte that was changed or removed.
        offset: u64,
        /// How many bytes were changed or removed.
        length: u64,
    },
    /// In the database, and the server runs.
    Database {
        /// How many rows were written.
        rows: u64,
    },
}

impl PostgresServer {
    /// Damages what the server keeps, and says what it did. Nothing undoes it.
    ///
    /// Damage to files is done while the server is down: it is stopped for that, in order, and left
    /// down, because it may not be able to [`start`](Self::start) any more. Damage by statements
    /// leaves it running. Pages and offsets that the damage does not name are chosen by the seed.
    ///
    /// ```no_run
    /// use chaos_core::postgres::zero_page;
    /// # use chaos_core::prelude::*;
    /// # async fn example(cx: chaos_core::Chaos) -> TestResult {
    /// let pg = cx.postgres_server().await?;
    /// pg.connect().await?
    ///     .batch_execute("CREATE TABLE t AS SELECT generate_series(1, 2000) AS id").await?;
    ///
    /// let server = pg.server()?;
    /// let damaged = server.damage(zero_page("t").page(5)).await?;
    /// server.start().await?;
    /// println!("{damaged:?}: some 200 rows are gone, and no checksum is wrong");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When there is no such relation or page, the server refuses a statement, or it is down when
    /// it has to be asked first.
    pub async fn damage(&self, damage: Damage) -> Result<Damaged, Error> {
        let link = self.postgres.link();
        // It lasts as long as the server does.
        let record = link.scope().start_fault(link.name(), FaultSpec::Damage(damage.clone()));
        let damaged = self.inflict(damage, &record).await;
        match &damaged {
            Ok(damaged) => self.note(format!("damaged: {}", damaged.damage)),
            Err(_) => record.fail(),
        }
        damaged
    }

    async fn inflict(&self, damage: Damage, record: &Arc<FaultRecord>) -> Result<Damaged, Error> {
        let place = match damage.means() {
            Means::Pages => return self.damage_pages(damage, record).await,
            Means::Statement => Place::Database { rows: self.damage_rows(&damage).await? },
            Means::WalTail => self.damage_wal_tail().await?,
            Means::Files => self.damage_files(&damage).await?,
        };
        record.touch(0, 1);
        Ok(Damaged { damage, place })
    }
}

/// Damage that makes no sense.
fn refused(damage: &Damage, reason: impl Into<String>) -> PostgresError {
    PostgresError::Process { action: format!("damage ({damage})"), reason: reason.into() }
}
