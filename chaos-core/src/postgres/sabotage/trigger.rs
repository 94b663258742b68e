//! Traps on a table: triggers that act while the saboteur holds a lock.
//!
//! A trap is a schema with a sequence, a function and the trigger. The function acts only while the
//! session of the saboteur holds an advisory lock: so the trap is disarmed at once when the fault
//! ends, also while somebody's transaction keeps the trigger from being removed, and when the process
//! of the test is killed. The sequence counts, because no rollback undoes that.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::relation::Relation;
use super::session::Saboteur;
use super::watch::{INTERVAL, Look, Watch};
use crate::fault::session::Moment;
use crate::postgres::quoting::{identifier, literal};
use crate::sabotage::{SabotageError, Undo, undo};
use crate::scope::FaultRecord;

/// The first half of the keys of all advisory locks of traps; the second one is the number of the
/// fault.
pub(super) const CLASS: i32 = 0x4348_4153;

/// What a trap does.
pub(super) struct Trap<'a> {
    pub(super) table: &'a str,
    pub(super) moment: Moment,
    /// Statements of PL/pgSQL.
    pub(super) act: String,
    pub(super) times: Option<NonZeroU32>,
}

/// A trap that is set.
pub(super) struct SetTrap {
    pub(super) saboteur: Saboteur,
    relation: Relation,
    schema: String,
}

/// Sets a trap, and counts who falls into it.
pub(super) async fn set(
    saboteur: Saboteur,
    trap: Trap<'_>,
    record: Arc<FaultRecord>,
) -> Result<Undo, SabotageError> {
    let observer = saboteur.another().await?;
    let set = prepare(saboteur, trap, &record).await?;
    let schema = set.schema.clone();
    let watch = Watch::every(INTERVAL, Victims { observer, record, schema, seen: 0 });
    Ok(undo(async move {
        set.disarm().await?;
        watch.finish().await?;
        Ok(set.remove().await?)
    }))
}

/// Sets a trap.
pub(super) async fn prepare(
    saboteur: Saboteur,
    trap: Trap<'_>,
    record: &FaultRecord,
) -> Result<SetTrap, SabotageError> {
    let relation = saboteur.table(trap.table).await?;
    let number = record.id().0;
    let schema = identifier(&format!("chaos_fault_{number}"));
    let key = format!("{CLASS}, {number}");
    let limit = match trap.times {
        None => format!("PERFORM nextval('{schema}.hits');"),
        Some(times) => {
            format!("IF nextval('{schema}.hits') > {times} THEN RETURN NULL; END IF;")
        }
    };
    let (once, trigger, when) = match trap.moment {
        Moment::Statement => (
            String::new(),
            "TRIGGER",
            format!("BEFORE INSERT OR UPDATE OR DELETE ON {relation} FOR EACH STATEMENT"),
        ),
        // One row of a transaction is enough.
        Moment::Commit => (
            format!(
                "IF current_setting('chaos.fault_{number}', true) = txid_current()::text THEN \
                 RETURN NULL; END IF; \
                 PERFORM set_config('chaos.fault_{number}', txid_current()::text, true);"
            ),
            "CONSTRAINT TRIGGER",
            format!(
                "AFTER INSERT OR UPDATE OR DELETE ON {relation} DEFERRABLE INITIALLY DEFERRED \
                 FOR EACH ROW"
            ),
        ),
    };
    let body = format!(
        "BEGIN \
         IF pg_try_advisory_lock_shared({key}) THEN \
         PERFORM pg_advisory_unlock_shared({key}); RETURN NULL; END IF; \
         {once} {limit} {} RETURN NULL; END",
        trap.act
    );
    let name = identifier(&format!("chaos_fault_{number}"));
    let create = format!(
        "SELECT pg_advisory_lock({key}); CREATE SCHEMA {schema}; \
         CREATE SEQUENCE {schema}.hits; \
         CREATE FUNCTION {schema}.act() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER \
         SET search_path = pg_catalog AS {}; \
         CREATE {trigger} {name} {when} EXECUTE FUNCTION {schema}.act()",
        literal(&body)
    );
    let set = SetTrap { saboteur, relation, schema };
    let action = format!("set a trap on {}", set.relation);
    let changed = set.saboteur.change(&action, &create).await;
    match changed {
        Ok(()) => Ok(set),
        Err(error) => Err(set.blocked(error).await),
    }
}

impl SetTrap {
    /// Whoever comes by from now on is let pass.
    pub(super) async fn disarm(&self) -> Result<(), SabotageError> {
        self.saboteur.run("disarm a trap", "SELECT pg_advisory_unlock_all()").await
    }

    /// Removes it without a trace.
    pub(super) async fn remove(&self) -> Result<(), SabotageError> {
        let (schema, relation) = (&self.schema, &self.relation);
        let drop = format!("DROP SCHEMA {schema} CASCADE");
        let removed = self.saboteur.run(&format!("remove a trap from {relation}"), &drop).await;
        match removed {
            Ok(()) => Ok(()),
            Err(error) => Err(self.blocked(error).await),
        }
    }

    /// Adds who is in the way, if that is what an error is about.
    async fn blocked(&self, error: SabotageError) -> SabotageError {
        self.saboteur.blocked(error, &self.relation).await
    }
}

impl Saboteur {
    /// Adds who is in the way, if an error is about a lock on a table.
    pub(super) async fn blocked(&self, error: SabotageError, relation: &Relation) -> SabotageError {
        let SabotageError::TimedOut { fault, action, limit, .. } = error else { return error };
        let users = "SELECT format('process %s (%s, its last query: %s)', pid, state, \
             left(query, 80)) FROM pg_locks JOIN pg_stat_activity USING (pid) \
             WHERE granted AND relation = $1::text::regclass AND pid <> pg_backend_pid() LIMIT 3";
        let users = self.query("look who uses a table", users, &[&relation.to_string()]).await;
        let users: Vec<String> = users.unwrap_or_default().iter().map(|row| row.get(0)).collect();
        let obstacle = match users.as_slice() {
            [] => String::new(),
            users => format!(
                "; {relation} is used by {}: a transaction that is open has to end before",
                users.join(" and by ")
            ),
        };
        SabotageError::TimedOut { fault, action, limit, obstacle }
    }
}

struct Victims {
    observer: Saboteur,
    record: Arc<FaultRecord>,
    schema: String,
    seen: i64,
}

impl Look for Victims {
    async fn look(&mut self) -> Result<(), SabotageError> {
        let count = format!("SELECT last_value, is_called FROM {}.hits", self.schema);
        let rows = self.observer.query("count victims", &count, &[]).await?;
        let count = if rows[0].get(1) { rows[0].get(0) } else { 0_i64 };
        for ordinal in self.seen + 1..=count {
            self.record.touch(ordinal.unsigned_abs(), 1);
        }
        self.seen = count;
        Ok(())
    }
}
