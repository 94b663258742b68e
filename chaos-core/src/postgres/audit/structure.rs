//! The structure of tables and of B-tree indexes, by the extension `amcheck`.

use tokio_postgres::SimpleQueryRow;

use super::content::DAMAGE;
use super::finding::{Finding, FindingKind, Note, NoteKind};
use super::report::Audit;
use crate::postgres::error::PostgresError;
use crate::postgres::inspection::{Inspection, flag, name_of, number, text};

/// The first version with `verify_heapam`.
const HEAP_SINCE: u32 = 14;

/// The first version whose `bt_index_check` looks for duplicates.
const UNIQUE_SINCE: u32 = 17;

/// How many corrupt places of a table are told.
const SHOWN: usize = 3;

pub(super) async fn heap(
    inspection: &Inspection,
    amcheck: &str,
    audit: &mut Audit,
) -> Result<(), PostgresError> {
    if inspection.major() < HEAP_SINCE {
        let message = format!(
            "`verify_heapam` needs PostgreSQL {HEAP_SINCE} or later; this is {}",
            audit.version()
        );
        audit.note(Note::new(NoteKind::NotDone, "structure of tables", message));
        return Ok(());
    }
    const TABLES: &str = "pg_catalog.pg_class c WHERE c.relkind IN ('r', 'm', 't') \
                          AND c.relpersistence <> 't' AND NOT c.relisshared";
    let place = format!("{}, v.blkno, v.offnum, v.attnum, v.msg", name_of("c.oid"));
    // All in one go; one by one only when one of them cannot be checked at all.
    let all = format!(
        "SELECT {place} FROM (SELECT c.oid FROM {TABLES}) c, {amcheck}.verify_heapam(c.oid) v"
    );
    if let Ok(rows) = inspection.ask("verify tables", &all).await? {
        report_places(&rows, audit);
        return Ok(());
    }
    let list = format!("SELECT c.oid, {} FROM {TABLES}", name_of("c.oid"));
    for row in inspection.rows("list tables", &list).await? {
        let (oid, name) = (number::<u32>(&row, 0), text(&row, 1));
        let one = format!(
            "SELECT {place} FROM (SELECT {oid}::pg_catalog.oid AS oid) c, \
                    {amcheck}.verify_heapam(c.oid) v"
        );
        match inspection.ask(&format!("verify table {name}"), &one).await? {
            Ok(rows) => report_places(&rows, audit),
            Err(error) if is_damage(error.code().code()) => audit.find(
                Finding::new(FindingKind::HeapCorruption, name, error.message(), HEAP_REMEDY)
                    .with_sqlstate(error.code().code()),
            ),
            Err(error) => audit.not_done(format!("structure of {name}"), &error),
        }
    }
    Ok(())
}

const HEAP_REMEDY: &str = "restore the table from a backup";

fn is_damage(sqlstate: &str) -> bool {
    DAMAGE.iter().any(|class| sqlstate.starts_with(class))
}

fn report_places(rows: &[SimpleQueryRow], audit: &mut Audit) {
    for places in rows.chunk_by(|one, other| one.get(0) == other.get(0)) {
        let shown: Vec<_> = places.iter().take(SHOWN).map(place).collect();
        let more = match places.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        audit.find(Finding::new(
            FindingKind::HeapCorruption,
            text(&places[0], 0),
            shown.join("; ") + &more,
            HEAP_REMEDY,
        ));
    }
}

fn place(row: &SimpleQueryRow) -> String {
    let mut place = format!("block {}", text(row, 1));
    for (column, name) in [(2, "item"), (3, "attribute")] {
        if let Some(value) = row.get(column) {
            place.push_str(&format!(", {name} {value}"));
        }
    }
    format!("{place}: {}", text(row, 4))
}

pub(super) async fn indexes(
    inspection: &Inspection,
    amcheck: &str,
    audit: &mut Audit,
) -> Result<(), PostgresError> {
    let list = format!(
        "SELECT i.indexrelid, {}, {}, i.indisunique, am.amname
           FROM pg_catalog.pg_index i
           JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
           JOIN pg_catalog.pg_am am ON am.oid = c.relam
          WHERE c.relkind = 'i' AND c.relpersistence <> 't' AND NOT c.relisshared
            AND i.indisvalid AND i.indisready AND i.indislive
          ORDER BY 2",
        name_of("i.indexrelid"),
        name_of("i.indrelid")
    );
    let indexes = inspection.rows("list indexes", &list).await?;
    let (btree, other): (Vec<_>, Vec<_>) =
        indexes.iter().partition(|row| row.get(4) == Some("btree"));
    if !other.is_empty() {
        let names: Vec<_> =
            other.iter().map(|row| format!("{} ({})", text(row, 1), text(row, 4))).collect();
        let message = format!("amcheck knows B-trees only, not {}", names.join(", "));
        audit.note(Note::new(NoteKind::NotDone, "structure of indexes", message));
    }
    let check = |oid: &str, unique: &str| match inspection.major() >= UNIQUE_SINCE {
        true => format!("{amcheck}.bt_index_check({oid}, true, {unique})"),
        false => format!("{amcheck}.bt_index_check({oid}, true)"),
    };
    // All in one go; one by one only when one of them is damaged or cannot be checked.
    let list: Vec<_> =
        btree.iter().map(|row| format!("({}, {})", text(row, 0), flag(row, 3))).collect();
    let all = format!(
        "SELECT pg_catalog.count({}) FROM (VALUES {}) AS v (index, uniqueness)",
        check("v.index::pg_catalog.oid", "v.uniqueness"),
        list.join(", ")
    );
    if list.is_empty() || inspection.ask("check indexes", &all).await?.is_ok() {
        return Ok(());
    }
    for row in btree {
        let (oid, name, table) = (text(row, 0), text(row, 1), text(row, 2));
        let one = format!("SELECT {}", check(&oid, if flag(row, 3) { "true" } else { "false" }));
        let Err(error) = inspection.ask(&format!("check index {name}"), &one).await? else {
            continue;
        };
        let code = error.code().code();
        if !is_damage(code) {
            audit.not_done(format!("structure of index {name}"), &error);
            continue;
        }
        let evidence = match error.detail() {
            Some(detail) => format!("{} ({detail})", error.message()),
            None => error.message().to_owned(),
        };
        let remedy = format!("`REINDEX INDEX {name}`, once the table is known to be sound");
        let object = format!("{name} on {table}");
        let finding = Finding::new(FindingKind::IndexCorruption, object, evidence, remedy);
        audit.find(finding.with_sqlstate(code));
    }
    Ok(())
}
