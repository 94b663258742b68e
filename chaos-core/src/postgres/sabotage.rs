//! Faults of the sessions of a database, made by sessions of the library's own.
//!
//! Every fault has a session to itself ([`session`]), which lasts as long as the fault: what a
//! session holds ends with it, whatever becomes of the test. What other sessions meet is observed
//! from it as well ([`watch`]).

use std::sync::Arc;

use super::Postgres;
use crate::error::Error;
use crate::fault::session::{
    AbortCommits, CancelQueries, Deadlock, ExhaustConnections, ForgetPreparedStatements,
    HoldSnapshot, LockAdvisory, LockRows, LockTable, LoseCommitAnswers, Moment, NoEntry,
    SchemaChange, SequenceChange, SerializationFailure, SessionFault, SessionFaultKind, Setting,
    Slow, SqlError, TerminateSessions,
};
use crate::link::Target;
use crate::sabotage::{Prepared, Sabotages, Sabotaging, Undo, injectable};
use crate::scope::FaultRecord;

mod access;
mod claim;
mod commits;
mod conflicts;
mod locks;
mod relation;
mod schema;
mod sequences;
mod session;
mod settings;
mod terminate;
mod trigger;
mod watch;

use self::access::Bar;
use self::session::Saboteur;
use self::trigger::Trap;

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
}

injectable!(
    Postgres, SessionFault:
    AbortCommits, CancelQueries, Deadlock, ExhaustConnections, ForgetPreparedStatements,
    HoldSnapshot, LockAdvisory, LockRows, LockTable, LoseCommitAnswers, NoEntry, SchemaChange,
    SequenceChange, SerializationFailure, Setting, Slow, SqlError, TerminateSessions,
);

impl Sabotages<Postgres> for SessionFault {
    fn prepare(self, pg: &Postgres) -> Prepared {
        let (pg, fault) = (pg.clone(), self.clone());
        let (scope, target) = (pg.link().scope().clone(), pg.link().name().to_owned());
        Prepared::new(&scope, &target, self, move |record| begin(pg.clone(), fault.clone(), record))
    }
}

async fn begin(pg: Postgres, fault: SessionFault, record: Arc<FaultRecord>) -> Result<Undo, Error> {
    use SessionFaultKind as Kind;
    let label = fault.to_string();
    let open = || Saboteur::open(&pg, &label);
    let bar = |bar| access::bar(&pg, &label, bar, Arc::clone(&record));
    let undo = match fault.kind {
        Kind::TerminateSessions { at_most } => {
            terminate::sessions(open().await?, at_most, &record).await
        }
        Kind::CancelQueries { at_most } => {
            terminate::queries(open().await?, at_most, &record).await
        }
        Kind::LockTable { table, mode } => locks::table(open().await?, &table, mode, record).await,
        Kind::LockRows { table, condition } => {
            locks::rows(open().await?, &table, &condition, record).await
        }
        Kind::LockAdvisory { key } => locks::advisory(open().await?, key, record).await,
        Kind::Deadlock { table, condition, survivor, times } => {
            conflicts::deadlock(open().await?, &table, &condition, survivor, times, record).await
        }
        Kind::SerializationFailure { table, condition, times } => {
            let saboteur = open().await?;
            conflicts::serialization_failure(saboteur, &table, &condition, times, record).await
        }
        Kind::ExhaustConnections { leaving } => access::exhaust(&pg, &label, leaving, record).await,
        Kind::RoleConnectionLimit { limit } => bar(Bar::RoleLimit(limit)).await,
        Kind::DatabaseConnectionLimit { limit } => bar(Bar::DatabaseLimit(limit)).await,
        Kind::CloseDatabase => bar(Bar::Closed).await,
        Kind::ForbidLogin => bar(Bar::NoLogin).await,
        Kind::RevokeConnect => bar(Bar::NoConnect).await,
        Kind::RejectConnections => access::reject(&pg, &label, record).await,
        Kind::Setting { name, value, reach } => {
            settings::set(open().await?, &name, &value, reach, record).await
        }
        Kind::SqlError { table, sqlstate, moment, times } => {
            let act = format!(
                "RAISE EXCEPTION 'made by the fault sql_error {sqlstate}' \
                 USING ERRCODE = '{sqlstate}';"
            );
            trigger::set(open().await?, Trap { table: &table, moment, act, times }, record).await
        }
        Kind::Slow { table, delay, moment, times } => {
            let act = format!("PERFORM pg_sleep({});", delay.as_secs_f64());
            trigger::set(open().await?, Trap { table: &table, moment, act, times }, record).await
        }
        Kind::ForgetPreparedStatements { table, times } => {
            let (moment, act) = (Moment::Statement, "DEALLOCATE ALL;".to_owned());
            trigger::set(open().await?, Trap { table: &table, moment, act, times }, record).await
        }
        Kind::AbortCommits { table, times } => {
            commits::abort(open().await?, &table, times, record).await
        }
        Kind::LoseCommitAnswers { times } => {
            commits::lose_answers(open().await?, times, record).await
        }
        Kind::RenameTable { table } => schema::rename_table(open().await?, &table).await,
        Kind::RenameColumn { table, column } => {
            schema::rename_column(open().await?, &table, &column).await
        }
        Kind::AddColumn { table } => schema::add_column(open().await?, &table).await,
        Kind::ExhaustSequence { sequence } => sequences::exhaust(open().await?, &sequence).await,
        Kind::RewindSequence { sequence, to } => {
            sequences::rewind(open().await?, &sequence, to, record).await
        }
        Kind::HoldSnapshot => locks::snapshot(open().await?).await,
    };
    undo.map_err(Error::from)
}
