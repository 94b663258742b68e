//! What the catalog itself says is not as it should be.

use super::finding::{Finding, FindingKind, Note, NoteKind};
use super::report::Audit;
use crate::postgres::error::PostgresError;
use crate::postgres::inspection::{Inspection, flag, name_of, text};

pub(super) async fn indexes(
    inspection: &Inspection,
    audit: &mut Audit,
) -> Result<(), PostgresError> {
    let sql = format!(
        "SELECT {}, {}, i.indisvalid, i.indisready, i.indislive, \
                (SELECT pg_catalog.string_agg(p.pid::text, ', ') \
                   FROM pg_catalog.pg_stat_progress_create_index p \
                  WHERE p.index_relid = i.indexrelid) \
           FROM pg_catalog.pg_index i \
           JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid AND c.relpersistence <> 't' \
          WHERE NOT (i.indisvalid AND i.indisready AND i.indislive) ORDER BY 2, 1",
        name_of("i.indexrelid"),
        name_of("i.indrelid")
    );
    for row in inspection.rows("look for invalid indexes", &sql).await? {
        let (index, table) = (text(&row, 0), text(&row, 1));
        let states = [(2, "invalid"), (3, "not ready"), (4, "not live")];
        let states: Vec<_> =
            states.iter().filter(|(column, _)| !flag(&row, *column)).map(|(_, s)| *s).collect();
        let mut evidence = format!("it is {}", states.join(" and "));
        if let Some(builder) = row.get(5) {
            evidence.push_str(&format!("; process {builder} is building it"));
        }
        audit.find(Finding::new(
            FindingKind::InvalidIndex,
            format!("{index} on {table}"),
            evidence,
            format!("`REINDEX INDEX {index}`, or drop it and create it again"),
        ));
    }
    Ok(())
}

pub(super) async fn constraints(
    inspection: &Inspection,
    audit: &mut Audit,
) -> Result<(), PostgresError> {
    let sql = format!(
        "SELECT con.conname, coalesce({}, pg_catalog.format_type(con.contypid, NULL)), \
                con.conrelid <> 0 \
           FROM pg_catalog.pg_constraint con \
          WHERE NOT con.convalidated AND con.conparentid = 0 \
            AND coalesce(pg_catalog.to_jsonb(con) ->> 'conenforced', 'true') = 'true' ORDER BY 2, 1",
        name_of("con.conrelid")
    );
    for row in inspection.rows("look for constraints that are not valid", &sql).await? {
        let (name, owner) = (text(&row, 0), text(&row, 1));
        let what = if flag(&row, 2) { "TABLE" } else { "DOMAIN" };
        audit.find(Finding::new(
            FindingKind::NotValidated,
            format!("{name} on {owner}"),
            "it is NOT VALID: what was there before it may violate it",
            format!("`ALTER {what} {owner} VALIDATE CONSTRAINT {name}`"),
        ));
    }

    let sql = format!(
        "SELECT {}, con.conname, pg_catalog.count(*) \
           FROM pg_catalog.pg_trigger t \
           JOIN pg_catalog.pg_constraint con ON con.oid = t.tgconstraint AND con.contype = 'f' \
          WHERE t.tgisinternal AND t.tgenabled = 'D' GROUP BY 1, 2 ORDER BY 1, 2",
        name_of("t.tgrelid")
    );
    for row in inspection.rows("look for disabled triggers", &sql).await? {
        let (table, name, count) = (text(&row, 0), text(&row, 1), text(&row, 2));
        audit.find(Finding::new(
            FindingKind::NotEnforced,
            format!("{name} on {table}"),
            format!("{count} of its triggers on {table} are disabled"),
            format!("`ALTER TABLE {table} ENABLE TRIGGER ALL`"),
        ));
    }
    Ok(())
}

/// Tables that do not survive a crash.
pub(super) async fn tables(
    inspection: &Inspection,
    audit: &mut Audit,
) -> Result<(), PostgresError> {
    let sql = format!(
        "SELECT {} FROM pg_catalog.pg_class c \
          WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'u' ORDER BY 1",
        name_of("c.oid")
    );
    for row in inspection.rows("look for unlogged tables", &sql).await? {
        let message = "a crash of the server empties it";
        audit.note(Note::new(NoteKind::Unlogged, text(&row, 0), message));
    }
    Ok(())
}
