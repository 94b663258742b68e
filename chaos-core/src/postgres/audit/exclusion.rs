//! Exclusion constraints, by joining the table with itself without any index.

use super::finding::{Finding, FindingKind, Note, NoteKind};
use super::report::Audit;
use crate::postgres::error::PostgresError;
use crate::postgres::fingerprint::Table;
use crate::postgres::inspection::{Inspection, flag, number, text};

/// The largest table, in rows, whose rows are compared each with each: half a million comparisons.
const LIMIT: u64 = 1_000;

/// The largest table, in rows, where one of the operators is an equality that can be hashed.
const HASHED_LIMIT: u64 = 1_000_000;

const LIST: &str = "
SELECT con.conname, pg_catalog.format('%I.%I', n.nspname, c.relname),
       pg_catalog.pg_get_expr(i.indpred, i.indrelid, true),
       keys.expressions, keys.conditions, keys.is_hashed
  FROM pg_catalog.pg_constraint con
  JOIN pg_catalog.pg_index i ON i.indexrelid = con.conindid
  JOIN pg_catalog.pg_class c ON c.oid = con.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL (
       SELECT pg_catalog.string_agg(pg_catalog.format('(%s) AS k%s', e.e, k), ', ' ORDER BY k),
              pg_catalog.string_agg(
                  pg_catalog.format('a.k%s OPERATOR(%I.%s) b.k%s', k, opn.nspname, op.oprname, k),
                  ' AND ' ORDER BY k),
              pg_catalog.bool_or(op.oprcanhash)
         FROM pg_catalog.generate_series(1, i.indnkeyatts) AS k
        CROSS JOIN LATERAL pg_catalog.pg_get_indexdef(i.indexrelid, k, true) AS e(e)
         JOIN pg_catalog.pg_operator op ON op.oid = con.conexclop[k]
         JOIN pg_catalog.pg_namespace opn ON opn.oid = op.oprnamespace
       ) AS keys (expressions, conditions, is_hashed)
 WHERE i.indisexclusion AND c.relkind = 'r' AND c.relpersistence <> 't'
 ORDER BY 2, 1";

pub(super) async fn check(
    inspection: &Inspection,
    tables: &[Table],
    audit: &mut Audit,
) -> Result<(), PostgresError> {
    for row in inspection.rows("list exclusion constraints", LIST).await? {
        let (name, table) = (text(&row, 0), text(&row, 1));
        let object = format!("{name} on {table}");
        if !tables.iter().any(|known| known.name == table) {
            continue;
        }
        let count = format!("SELECT pg_catalog.count(*) FROM ONLY {table}");
        let counted = inspection.ask(&format!("count {table}"), &count).await?;
        let limit = if flag(&row, 5) { HASHED_LIMIT } else { LIMIT };
        let size: u64 =
            counted.as_ref().ok().and_then(|rows| rows.first()).map_or(0, |row| number(row, 0));
        if size > limit {
            let message = format!(
                "it has {size} rows, and comparing each with each is done up to {limit}; \
                 `REINDEX` checks it"
            );
            audit.note(Note::new(NoteKind::NotDone, object, message));
            continue;
        }
        let predicate = row.get(2).map_or(String::new(), |text| format!("WHERE ({text})"));
        let (expressions, conditions) = (text(&row, 3), text(&row, 4));
        let sql = format!(
            "WITH entries AS MATERIALIZED ( \
                 SELECT pg_catalog.row_number() OVER () AS id, ctid AS place, {expressions} \
                   FROM ONLY {table} {predicate}) \
             SELECT pg_catalog.count(*), \
                    (pg_catalog.array_agg(a.place::text || ' and ' || b.place::text))[1:3]::text \
               FROM entries a JOIN entries b ON a.id < b.id AND {conditions}"
        );
        match inspection.ask(&format!("check {object}"), &sql).await? {
            Err(error) => audit.not_done(object, &error),
            Ok(rows) => {
                let pairs: u64 = rows.first().map_or(0, |row| number(row, 0));
                if pairs > 0 {
                    audit.find(Finding::new(
                        FindingKind::ExclusionViolation,
                        object,
                        format!(
                            "{pairs} pairs of rows exclude each other, at {}",
                            text(&rows[0], 1)
                        ),
                        "change or delete one row of each pair",
                    ));
                }
            }
        }
    }
    Ok(())
}
