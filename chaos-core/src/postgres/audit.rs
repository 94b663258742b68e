//! Looking for damage in a database: whatever a fault, a crash or a wrong statement left behind.
//!
//! An audit reads every block, has every index compared with its table, checks every constraint
//! again without believing any index, and looks for what is left over. It does so in one snapshot,
//! on a connection past the link, in a transaction that is rolled back: it changes nothing.
//!
//! | what is looked at | how |
//! |---|---|
//! | blocks of tables | every row and every value stored out of line is read, so that checksums are verified; `pg_stat_database.checksum_failures` |
//! | structure of tables | `verify_heapam` of the extension `amcheck` (14 and later), system catalogs included |
//! | B-tree indexes | `bt_index_check` with `heapallindexed`, and `checkunique` (17 and later), system catalogs included |
//! | lost rows | index entries that lead to places in the table that do not exist, which `amcheck` does not look for: with the extension `pageinspect`, in tables with a B-tree index |
//! | foreign keys | an anti-join without indexes |
//! | unique and primary keys, unique indexes | grouping without indexes |
//! | exclusion constraints | a self-join without indexes |
//! | check, not-null and domain constraints | every row again |
//! | catalog | indexes that are invalid or not ready, constraints that are `NOT VALID`, disabled triggers of foreign keys |
//! | sequences | whether the next value lies beyond all values of the column |
//! | left over | prepared transactions, sessions idle in a transaction |
//! | content | a [`Fingerprint`] taken before, if one is given |
//!
//! What could not be looked at is a [`Note`], with what to do about it: an audit is never silent
//! about what it left out.

mod constraints;
mod content;
mod domains;
mod exclusion;
mod extension;
mod finding;
mod foreign_keys;
mod leftovers;
mod lost_rows;
mod report;
mod sequences;
mod state;
mod structure;
mod unique;

use std::future::IntoFuture;
use std::pin::Pin;
use std::time::Instant;

pub use self::finding::{Finding, FindingKind, Note, NoteKind};
pub use self::report::Audit;
use super::error::PostgresError;
use super::fingerprint::{Fingerprint, Table, tables};
use super::inspection::{Access, Inspection};
use super::{LINK, Postgres};
use crate::error::Error;
use crate::event::EventKind;
use crate::link::Target;

impl Postgres {
    /// Looks for damage in the database; see the module [`audit`](self).
    ///
    /// The answer is recorded in the journal as a check. It fails the test when it is asked to:
    ///
    /// ```
    /// # use chaos_core::postgres::Postgres;
    /// # async fn example(pg: Postgres) -> chaos_core::TestResult {
    /// let before = pg.fingerprint().await?;
    /// // .. a fault that is to change nothing ..
    /// pg.audit().against(&before).await?.into_result()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn audit(&self) -> AuditRequest {
        AuditRequest { postgres: self.clone(), before: None, allowed: Vec::new() }
    }
}

/// An audit that is made when this is awaited; see [`Postgres::audit`].
///
/// # Errors
///
/// When the server cannot be asked; what is wrong with the database is no error but a finding.
#[derive(Debug, Clone)]
#[must_use = "an audit is made when the request is awaited"]
pub struct AuditRequest {
    postgres: Postgres,
    before: Option<Fingerprint>,
    allowed: Vec<FindingKind>,
}

impl AuditRequest {
    /// Compares the content with what it was, leaving out what the fingerprint leaves out.
    ///
    /// Some damage shows in no other way: a page of zeros is a valid page without rows.
    pub fn against(mut self, before: &Fingerprint) -> Self {
        self.before = Some(before.clone());
        self
    }

    /// Takes findings of this kind for notes, because the test is to have them.
    pub fn allowing(mut self, kind: FindingKind) -> Self {
        self.allowed.push(kind);
        self
    }

    async fn make(self) -> Result<Audit, Error> {
        let begun = Instant::now();
        let mut audit = Audit::new(&self.postgres);
        look(&self.postgres, self.before.as_ref(), &mut audit).await?;
        audit.allow(&self.allowed);
        audit.took = begun.elapsed();
        let name = match self.postgres.link().name() {
            LINK => "the audit finds nothing".to_owned(),
            name => format!("the audit of {name} finds nothing"),
        };
        let found = (!audit.is_clean()).then(|| audit.to_string());
        let (passed, expected) = (audit.is_clean(), None);
        audit.check_name.clone_from(&name);
        let check = EventKind::Check { name, passed, found, expected };
        self.postgres.scope().journal().record(check);
        Ok(audit)
    }
}

impl IntoFuture for AuditRequest {
    type Output = Result<Audit, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.make())
    }
}

/// Everything that is looked at, in one snapshot.
async fn look(
    postgres: &Postgres,
    before: Option<&Fingerprint>,
    audit: &mut Audit,
) -> Result<(), PostgresError> {
    let inspection = &Inspection::begin(postgres, Access::Scratch).await?;
    let idle = leftovers::idle_in_transaction(inspection).await?;
    let amcheck = extension::find(inspection, "amcheck", audit).await?;
    let pageinspect = extension::find(inspection, "pageinspect", audit).await?;
    inspection.only_read().await?;

    let tables = tables(inspection).await?;
    lock(inspection, &tables).await?;
    content::read(inspection, &tables, before, audit).await?;
    content::checksums(inspection, audit).await?;
    if let Some(schema) = amcheck {
        structure::heap(inspection, &schema, audit).await?;
        structure::indexes(inspection, &schema, audit).await?;
    }
    if let Some(schema) = pageinspect {
        lost_rows::look(inspection, &schema, &tables, before, audit).await?;
    }
    foreign_keys::check(inspection, audit).await?;
    unique::check(inspection, audit).await?;
    exclusion::check(inspection, &tables, audit).await?;
    constraints::checks(inspection, audit).await?;
    constraints::not_null(inspection, audit).await?;
    domains::check(inspection, audit).await?;
    sequences::check(inspection, audit).await?;
    state::indexes(inspection, audit).await?;
    state::constraints(inspection, audit).await?;
    state::tables(inspection, audit).await?;
    leftovers::prepared(inspection, audit).await?;
    // Whoever works has gone on meanwhile; whoever sits there has not.
    let still = leftovers::idle_in_transaction(inspection).await?;
    leftovers::report(&idle, &still, audit);
    Ok(())
}

/// Waits once for everybody who has locked a table, instead of at every look at it.
async fn lock(inspection: &Inspection, tables: &[Table]) -> Result<(), PostgresError> {
    let names: Vec<_> = tables
        .iter()
        .filter(|table| !table.is_view)
        .map(|table| format!("ONLY {}", table.name))
        .collect();
    let lock = |names: &str| format!("LOCK TABLE {names} IN ACCESS SHARE MODE");
    let all = lock(&names.join(", "));
    if !names.is_empty() && inspection.ask("lock the tables", &all).await?.is_err() {
        for name in names {
            // Those that are not to be had are told of when they are to be read.
            inspection.no_longer_wait().await?;
            drop(inspection.ask("lock a table", &lock(&name)).await?);
        }
    }
    inspection.no_longer_wait().await
}
