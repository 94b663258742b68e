//! Transactions that get in the way of those of the application, over and over.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::locks::for_update;
use super::relation::Relation;
use super::session::{AGAIN, Saboteur};
use super::watch::{Look, Watch, waiters};
use crate::fault::session::Survivor;
use crate::postgres::quoting::identifier;
use crate::sabotage::{SabotageError, Undo, undo};
use crate::scope::FaultRecord;

/// Who has the rows, who looks for those that want them, and what happens to them.
struct Conflict {
    holder: Saboteur,
    pid: i32,
    observer: Saboteur,
    record: Arc<FaultRecord>,
    /// What begins a transaction that has the rows.
    take: String,
    blow: Blow,
    /// Whether the rows are held.
    held: bool,
    times: Option<NonZeroU32>,
    done: u32,
}

/// What is done when somebody waits for the rows.
enum Blow {
    /// The holder asks for what the other one has. If that one is to fail, the holder keeps the rows,
    /// and nobody slips through; otherwise it lets them go.
    Deadlock { strike: String, survivor: Survivor },
    /// The holder commits. The rows that it has changed are new ones, which the next transaction may
    /// have before they are taken again: nobody can wait for them ahead of time.
    Commit,
}

/// Makes deadlocks with those who want rows.
pub(super) async fn deadlock(
    saboteur: Saboteur,
    table: &str,
    condition: &str,
    survivor: Survivor,
    times: Option<NonZeroU32>,
    record: Arc<FaultRecord>,
) -> Result<Undo, SabotageError> {
    let what_for = "because `deadlock_timeout` decides which transaction fails";
    saboteur.need_superuser(what_for).await?;
    let relation = saboteur.table(table).await?;
    saboteur.need_rows(&relation, condition).await?;
    // Whoever looks for a deadlock first is its victim.
    let patience = match survivor {
        Survivor::Saboteur => "1h",
        Survivor::Application => "1ms",
    };
    // It conflicts with the lock that any writer of the table has, whoever waits for us included.
    let strike = format!(
        "SAVEPOINT before; SET LOCAL deadlock_timeout = '{patience}'; \
         LOCK TABLE {relation} IN EXCLUSIVE MODE"
    );
    let take = for_update(&relation, condition);
    begin(saboteur, &relation, take, Blow::Deadlock { strike, survivor }, times, record).await
}

/// Changes rows that others are about to change.
pub(super) async fn serialization_failure(
    saboteur: Saboteur,
    table: &str,
    condition: &str,
    times: Option<NonZeroU32>,
    record: Arc<FaultRecord>,
) -> Result<Undo, SabotageError> {
    let relation = saboteur.table(table).await?;
    saboteur.need_rows(&relation, condition).await?;
    let column = a_column(&saboteur, &relation).await?;
    // A new version of each row, with the same values; no trigger of the application is to see it.
    let quietly = match saboteur.is_superuser().await? {
        true => "SET LOCAL session_replication_role = replica; ",
        false => "",
    };
    let take = format!("{quietly}UPDATE {relation} SET {column} = {column} WHERE ({condition}\n)");
    begin(saboteur, &relation, take, Blow::Commit, times, record).await
}

/// A column that can be written to.
async fn a_column(saboteur: &Saboteur, relation: &Relation) -> Result<String, SabotageError> {
    let sql = "SELECT attname::text FROM pg_attribute WHERE attrelid = $1::text::regclass \
         AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity <> 'a' \
         ORDER BY attnum LIMIT 1";
    let rows = saboteur.query("look for a column", sql, &[&relation.to_string()]).await?;
    match rows.first() {
        Some(row) => Ok(identifier(row.get(0))),
        None => Err(saboteur.no_target(format!("{relation} has no column that can be written to"))),
    }
}

async fn begin(
    holder: Saboteur,
    relation: &Relation,
    take: String,
    blow: Blow,
    times: Option<NonZeroU32>,
    record: Arc<FaultRecord>,
) -> Result<Undo, SabotageError> {
    // Where it comes to a deadlock that nobody asked for, it is ours to give way.
    let modest = match holder.is_superuser().await? {
        true => "SET LOCAL deadlock_timeout = '5ms'; ",
        false => "",
    };
    let take = format!("BEGIN; {modest}{take}");
    let (pid, observer) = (holder.pid().await?, holder.another().await?);
    holder.acquire(&observer, &format!("take rows of {relation}"), &take).await?;
    let (held, done) = (true, 0);
    let conflict = Conflict { holder, pid, observer, record, take, blow, held, times, done };
    let watch = Watch::every(AGAIN, conflict);
    Ok(undo(async move { Ok(watch.finish().await?) }))
}

impl Look for Conflict {
    async fn look(&mut self) -> Result<(), SabotageError> {
        if self.is_done() {
            return Ok(());
        }
        if !self.held {
            self.holder.run("let rows go", "ROLLBACK").await?;
            self.holder.acquire(&self.observer, "take rows again", &self.take).await?;
            self.held = true;
        }
        let waiters = waiters(&self.observer, self.pid).await?;
        if waiters.is_empty() {
            return Ok(());
        }
        for waiter in waiters {
            self.record.touch(u64::from(waiter.pid.unsigned_abs()), 1);
        }
        self.done += 1;
        // Unless it turns out otherwise.
        self.held = false;
        self.strike().await
    }

    async fn end(&mut self) -> Result<(), SabotageError> {
        self.holder.run("let rows go", "ROLLBACK").await
    }
}

impl Conflict {
    fn is_done(&self) -> bool {
        self.times.is_some_and(|times| self.done >= times.get())
    }

    async fn strike(&mut self) -> Result<(), SabotageError> {
        let holder = &self.holder;
        match &self.blow {
            Blow::Commit => holder.run("change rows", "COMMIT").await,
            Blow::Deadlock { strike, survivor: Survivor::Saboteur } => {
                let struck = holder.run("make a deadlock", strike).await;
                if !self.is_done() {
                    holder.run("keep the rows", "ROLLBACK TO before").await?;
                    self.held = true;
                    return struck;
                }
                holder.run("let rows go", "ROLLBACK").await.and(struck)
            }
            Blow::Deadlock { strike, survivor: Survivor::Application } => {
                // It fails, which is what it is for.
                holder.run("make a deadlock", strike).await.ok();
                holder.run("let rows go", "ROLLBACK").await
            }
        }
    }
}
