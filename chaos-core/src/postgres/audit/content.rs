//! Reading every block of every table, and comparing the content with what it was.

use std::collections::BTreeMap;

use super::finding::{Finding, FindingKind, Note, NoteKind};
use super::report::Audit;
use crate::postgres::error::PostgresError;
use crate::postgres::fingerprint::{Fingerprint, Selection, Table, take};
use crate::postgres::inspection::{Inspection, number, text};

/// The classes of errors by which the server says that a table is damaged: internal error, and a
/// system error such as a missing file.
pub(super) const DAMAGE: [&str; 2] = ["XX", "58"];

pub(super) async fn read(
    inspection: &Inspection,
    tables: &[Table],
    before: Option<&Fingerprint>,
    audit: &mut Audit,
) -> Result<(), PostgresError> {
    let everything = Selection::default();
    let selection = before.map_or(&everything, |before| &before.selection);
    let mut prints = BTreeMap::new();
    for table in tables {
        // What does not count is read too, for its checksums.
        let counts = selection.has_table(table);
        if !counts || !selection.has_all_of(table) {
            let taken = take(inspection, table, &everything).await?;
            if let Err(error) = &taken {
                report(table, error, audit);
                continue;
            }
        }
        if counts {
            match take(inspection, table, selection).await? {
                Ok(print) => drop(prints.insert(table.name.clone(), print)),
                Err(error) => report(table, &error, audit),
            }
        }
    }
    let Some(before) = before else { return Ok(()) };
    let unreadable: Vec<_> = audit.of_kind(FindingKind::UnreadableTable).cloned().collect();
    let after = Fingerprint { selection: before.selection.clone(), tables: prints };
    for difference in before.differences(&after) {
        if unreadable.iter().any(|finding| finding.object == difference.table) {
            continue;
        }
        let evidence = difference.to_string();
        let (_, evidence) = evidence.split_once(": ").unwrap_or(("", &evidence));
        audit.find(Finding::new(
            FindingKind::ContentChanged,
            difference.table,
            evidence,
            "find out who changed it; if nobody did, restore it from a backup",
        ));
    }
    Ok(())
}

fn report(table: &Table, error: &tokio_postgres::error::DbError, audit: &mut Audit) {
    let code = error.code().code();
    if !DAMAGE.iter().any(|class| code.starts_with(class)) {
        audit.not_done(format!("reading {}", table.name), error);
        return;
    }
    let finding = Finding::new(
        FindingKind::UnreadableTable,
        table.name.clone(),
        error.message(),
        "restore it from a backup; `zero_damaged_pages` lets the server skip damaged blocks",
    );
    audit.find(finding.with_sqlstate(code));
}

/// What the server itself has noticed.
pub(super) async fn checksums(
    inspection: &Inspection,
    audit: &mut Audit,
) -> Result<(), PostgresError> {
    let rows = inspection
        .rows(
            "read the checksum failures",
            "SELECT pg_catalog.current_setting('data_checksums'), checksum_failures,
                    checksum_last_failure
               FROM pg_catalog.pg_stat_database
              WHERE datname = pg_catalog.current_database()",
        )
        .await?;
    let Some(row) = rows.first() else { return Ok(()) };
    if text(row, 0) != "on" {
        audit.note(Note::new(
            NoteKind::NotDone,
            "checksums",
            "the cluster has none, so that a changed byte goes unnoticed; \
             initialise it with `initdb --data-checksums`",
        ));
    }
    let failures: u64 = number(row, 1);
    if failures > 0 {
        audit.find(Finding::new(
            FindingKind::ChecksumFailure,
            format!("database {}", audit.database()),
            format!(
                "{failures} blocks had a wrong checksum when they were read, the last one at {}",
                text(row, 2)
            ),
            "find the damaged tables in the other findings and restore them; \
             `SELECT pg_stat_reset()` forgets the count",
        ));
    }
    Ok(())
}
