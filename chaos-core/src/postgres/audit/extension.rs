//! Extensions that the audit needs.

use super::finding::{Note, NoteKind};
use super::report::Audit;
use crate::postgres::error::PostgresError;
use crate::postgres::inspection::{Inspection, text};
use crate::postgres::quoting::identifier;

/// Where it is put when the database does not have it. The transaction that makes it is rolled back.
const SCHEMA: &str = "chaos_audit";

/// The schema of an extension, as SQL writes it: that of the database, or else one that exists in
/// this transaction only. None if it cannot be had, which is noted.
pub(super) async fn find(
    inspection: &Inspection,
    name: &str,
    audit: &mut Audit,
) -> Result<Option<String>, PostgresError> {
    let installed = format!(
        "SELECT n.nspname FROM pg_catalog.pg_extension e \
           JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = '{name}'"
    );
    let installed = inspection.rows("look for an extension", &installed).await?;
    if let Some(row) = installed.first() {
        return Ok(Some(identifier(&text(row, 0))));
    }
    // Event triggers of the user are not to see it.
    let create = format!(
        "SET LOCAL session_replication_role = replica; SET LOCAL client_min_messages = error; \
         CREATE SCHEMA IF NOT EXISTS {SCHEMA}; CREATE EXTENSION {name} SCHEMA {SCHEMA}; \
         SET LOCAL session_replication_role = DEFAULT"
    );
    let created = inspection.ask(&format!("create extension {name}"), &create).await?;
    let Err(error) = created else { return Ok(Some(SCHEMA.to_owned())) };
    let (part, remedy) = match name {
        "amcheck" => (
            "structure of tables and indexes",
            "install the contrib package of the server, or have the superuser create the extension",
        ),
        _ => (
            "lost rows",
            "install the contrib package of the server, or give `.against(&fingerprint)`",
        ),
    };
    let message = format!(
        "the extension {name} is missing: {} (SQLSTATE {}); {remedy}",
        error.message(),
        error.code().code()
    );
    audit.note(Note::new(NoteKind::NotDone, part, message));
    Ok(None)
}
