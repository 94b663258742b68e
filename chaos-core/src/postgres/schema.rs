//! What a database is made of, to tell whether a migration failed cleanly or two databases drifted
//! apart.
//!
//! A snapshot is canonical: it does not depend on the order in which things were made, on object
//! ids, on the search path or on the name of the database's owner. It says nothing of content; that
//! is what a [`fingerprint`](super::fingerprint) is for.

mod catalog;
mod diff;
mod object;

use serde::{Deserialize, Serialize};

pub use self::diff::{SchemaChange, SchemaDiff};
pub use self::object::{Object, ObjectKind};
use super::Postgres;
use super::inspection::{Access, Inspection};
use crate::error::Error;

impl Postgres {
    /// Takes a snapshot of the schema: schemas, extensions, types, domains, sequences, tables with
    /// their columns, constraints, indexes, triggers, rules and policies, views, functions, event
    /// triggers, publications, statistics, settings of the database, owners and grants. What belongs
    /// to an extension and what belongs to the system is left out.
    ///
    /// ```
    /// # use chaos_core::postgres::Postgres;
    /// # async fn example(pg: Postgres) -> chaos_core::TestResult {
    /// let before = pg.schema().await?;
    /// // .. a migration that fails ..
    /// before.diff(&pg.schema().await?).into_result()?; // left nothing behind
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the server cannot be asked. Definitions are read as they are at the moment, everything
    /// else as of one moment: if something is dropped meanwhile this fails too.
    pub async fn schema(&self) -> Result<Schema, Error> {
        let inspection = Inspection::begin(self, Access::Read).await?;
        let objects = catalog::read(&inspection).await?;
        inspection.end().await?;
        Ok(Schema { objects })
    }
}

/// What a database is made of, in a stable order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    objects: Vec<Object>,
}

impl Schema {
    /// Everything that it is made of, by kind and by name.
    #[must_use]
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// The object of this kind and name, such as `orders_pkey on public.orders`.
    #[must_use]
    pub fn object(&self, kind: ObjectKind, name: &str) -> Option<&Object> {
        self.objects.iter().find(|object| object.kind == kind && object.name == name)
    }

    /// What is different in `after`.
    pub fn diff(&self, after: &Self) -> SchemaDiff {
        SchemaDiff::between(&self.objects, &after.objects)
    }
}
