//! Faults of the sessions of a database, made by sessions of the library's own.
//!
//! Every fault has a session to itself ([`session`]), which lasts as long as the fault: what a
//! session holds ends with it, whatever becomes of the test. What other sessions meet is observed
//! from it as well ([`watch`]).

use std::sync::Arc;

use super::Postgres;
use super::version::Version;
use crate::error::Error;
use crate::fault::{LockTable, SessionFault, SessionFaultKind, TerminateSessions};
use crate::link::Target;
use crate::sabotage::{Prepared, Sabotages, Sabotaging, Undo, injectable};
use crate::scope::FaultRecord;

mod locks;
mod relation;
mod session;
mod terminate;
mod watch;

use self::session::Saboteur;

impl Postgres {
    /// Injects a fault into the server, which takes a moment and can fail: await it for a guard, or
    /// have it last for as long as a future runs.
    ///
    /// ```
    /// # use chaos_core::prelude::*;
    /// # async fn example(pg: Postgres) -> TestResult {
    /// # let client = pg.connect().await?;
    /// let locked = pg.sabotage(lock_table("accounts")).await?;
    /// assert!(client.execute("UPDATE accounts SET balance = 0", &[]).await.is_err());
    /// locked.clear().await?;
    ///
    /// pg.sabotage(lock_table("accounts")).during(async {
    ///     // The table is locked until this is over.
    /// }).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Faults of the network are for [`inject`](Target::inject), and those of the server for this:
    ///
    /// ```compile_fail,E0277
    /// # use chaos_core::prelude::*;
    /// # async fn example(pg: Postgres) -> TestResult {
    /// let outage = pg.sabotage(cut()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// ```compile_fail,E0277
    /// # use chaos_core::prelude::*;
    /// fn lock(link: &Link) {
    ///     let locked = link.inject(lock_table("accounts"));
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SabotageError`](crate::sabotage::SabotageError) when what is to be broken is not there, the
    /// server is too old for it, its user may not do it, or it would reach other tests on a shared
    /// server.
    pub fn sabotage(&self, fault: impl Sabotages<Self>) -> Sabotaging {
        Sabotaging::new(fault.prepare(self))
    }

    /// The major version of the server.
    pub(crate) fn major_version(&self) -> u16 {
        // A version that cannot be read is refused before anyone has a database.
        Version::from_text(self.version()).map_or(0, |version| version.major)
    }
}

injectable!(Postgres, SessionFault: LockTable, TerminateSessions);

impl Sabotages<Postgres> for SessionFault {
    fn prepare(self, pg: &Postgres) -> Prepared {
        let (pg, fault) = (pg.clone(), self.clone());
        let (scope, target) = (pg.link().scope().clone(), pg.link().name().to_owned());
        Prepared::new(&scope, &target, self, move |record| begin(pg.clone(), fault.clone(), record))
    }
}

async fn begin(pg: Postgres, fault: SessionFault, record: Arc<FaultRecord>) -> Result<Undo, Error> {
    let label = fault.to_string();
    let saboteur = Saboteur::open(pg, label).await?;
    let undo = match fault.kind {
        SessionFaultKind::TerminateSessions { at_most } => {
            terminate::sessions(saboteur, at_most, &record).await
        }
        SessionFaultKind::LockTable { table, mode } => {
            locks::table(saboteur, &table, mode, record).await
        }
    };
    undo.map_err(Error::from)
}
