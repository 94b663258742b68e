//! What a fingerprint leaves out.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::FingerprintError;
use super::table::Table;

/// What a fingerprint leaves out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::postgres) struct Selection {
    tables: BTreeSet<String>,
    /// A column of one table, or of every table that has one of this name.
    columns: BTreeSet<(Option<String>, String)>,
}

impl Selection {
    pub(in crate::postgres) fn omit_table(&mut self, table: String) {
        self.tables.insert(table);
    }

    pub(in crate::postgres) fn omit_column(&mut self, table: Option<String>, column: String) {
        self.columns.insert((table, column));
    }

    /// Whether a table counts at all.
    pub(in crate::postgres) fn has_table(&self, table: &Table) -> bool {
        !self.tables.iter().any(|name| table.is_called(name))
    }

    /// Whether all columns of a table count.
    pub(in crate::postgres) fn has_all_of(&self, table: &Table) -> bool {
        table.columns.iter().all(|column| self.has_column(table, column))
    }

    pub(in crate::postgres) fn has_column(&self, table: &Table, column: &str) -> bool {
        !self.columns.iter().any(|(of, omitted)| {
            omitted == column && of.as_ref().is_none_or(|name| table.is_called(name))
        })
    }

    /// Sees to it that what is left out exists: a misspelt name would leave out nothing.
    pub(in crate::postgres) fn check(&self, tables: &[Table]) -> Result<(), FingerprintError> {
        let named = self.columns.iter().filter_map(|(table, _)| table.as_ref());
        for name in self.tables.iter().chain(named) {
            if !tables.iter().any(|table| table.is_called(name)) {
                let known = tables.iter().map(|table| table.name.clone()).collect();
                return Err(FingerprintError::UnknownTable { table: name.clone(), known });
            }
        }
        for (of, column) in &self.columns {
            let exists = tables.iter().any(|table| {
                of.as_ref().is_none_or(|name| table.is_called(name))
                    && table.columns.contains(column)
            });
            if !exists {
                let (table, column) = (of.clone(), column.clone());
                return Err(FingerprintError::UnknownColumn { table, column });
            }
        }
        Ok(())
    }
}
