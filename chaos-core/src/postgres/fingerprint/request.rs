//! Asking for a fingerprint.

use std::collections::BTreeMap;
use std::future::IntoFuture;
use std::pin::Pin;

use super::selection::Selection;
use super::table::{tables, take};
use super::{Fingerprint, FingerprintError};
use crate::postgres::Postgres;
use crate::postgres::inspection::{Access, Inspection};

/// A fingerprint that is taken when this is awaited; see [`Postgres::fingerprint`].
#[derive(Debug, Clone)]
#[must_use = "a fingerprint is taken when the request is awaited"]
pub struct FingerprintRequest {
    postgres: Postgres,
    selection: Selection,
}

impl FingerprintRequest {
    pub(super) fn new(postgres: &Postgres) -> Self {
        Self { postgres: postgres.clone(), selection: Selection::default() }
    }

    /// Leaves out a table: `orders`, or `public.orders` as SQL would write it.
    pub fn without_table(mut self, table: impl Into<String>) -> Self {
        self.selection.omit_table(table.into());
        self
    }

    /// Leaves out a column, by its plain name, of every table that has it.
    pub fn without_column(mut self, column: impl Into<String>) -> Self {
        self.selection.omit_column(None, column.into());
        self
    }

    /// Leaves out a column of one table: `orders`, or `public.orders` as SQL would write it.
    pub fn without_column_of(
        mut self,
        table: impl Into<String>,
        column: impl Into<String>,
    ) -> Self {
        self.selection.omit_column(Some(table.into()), column.into());
        self
    }

    async fn take(self) -> Result<Fingerprint, FingerprintError> {
        let inspection = Inspection::begin(&self.postgres, Access::Read).await?;
        let found = tables(&inspection).await?;
        self.selection.check(&found)?;
        let mut prints = BTreeMap::new();
        for table in found.iter().filter(|table| self.selection.has_table(table)) {
            let taken = take(&inspection, table, &self.selection).await?;
            let print = taken.map_err(|error| FingerprintError::Unreadable {
                table: table.name.clone(),
                message: error.message().to_owned(),
                sqlstate: error.code().code().to_owned(),
            })?;
            prints.insert(table.name.clone(), print);
        }
        inspection.end().await?;
        Ok(Fingerprint { selection: self.selection, tables: prints })
    }
}

impl IntoFuture for FingerprintRequest {
    type Output = Result<Fingerprint, FingerprintError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.take())
    }
}
