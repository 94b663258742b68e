//! Unique and primary keys and unique indexes, by grouping without any index.

use super::finding::{Finding, FindingKind, Note, NoteKind};
use super::report::Audit;
use crate::postgres::error::PostgresError;
use crate::postgres::inspection::{Inspection, flag, number, text};

/// All unique indexes that hold entries. An invalid one enforces nothing, so it may have duplicates
/// unless it is that of a constraint.
const LIST: &str = "
SELECT pg_catalog.format('%I.%I', n.nspname, ic.relname),
       pg_catalog.format('%I.%I', tn.nspname, tc.relname),
       pg_catalog.pg_get_expr(i.indpred, i.indrelid, true),
       coalesce(pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct', 'false'),
       keys.expressions, keys.names, keys.labels, keys.are_plain
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = ic.relnamespace
  JOIN pg_catalog.pg_class tc ON tc.oid = i.indrelid
  JOIN pg_catalog.pg_namespace tn ON tn.oid = tc.relnamespace
 CROSS JOIN LATERAL (
       SELECT pg_catalog.string_agg(
                  pg_catalog.format('(%s)%s AS k%s', e.e, CASE WHEN col.oid IS NULL THEN '' ELSE
                      pg_catalog.format(' COLLATE %I.%I', coln.nspname, col.collname) END, k),
                  ', ' ORDER BY k),
              pg_catalog.string_agg('k' || k, ', ' ORDER BY k),
              pg_catalog.string_agg(e.e, ', ' ORDER BY k),
              pg_catalog.bool_and(opc.opcdefault OR opc.opcname ~ 'pattern_ops$')
         FROM pg_catalog.generate_series(1, i.indnkeyatts) AS k
        CROSS JOIN LATERAL pg_catalog.pg_get_indexdef(i.indexrelid, k, true) AS e(e)
         LEFT JOIN pg_catalog.pg_collation col ON col.oid = i.indcollation[k - 1]
         LEFT JOIN pg_catalog.pg_namespace coln ON coln.oid = col.collnamespace
         JOIN pg_catalog.pg_opclass opc ON opc.oid = i.indclass[k - 1]
       ) AS keys (expressions, names, labels, are_plain)
 WHERE i.indisunique AND NOT i.indisexclusion AND ic.relkind = 'i' AND tc.relpersistence <> 't'
   AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
   AND (i.indisvalid AND i.indisready
        OR EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conindid = i.indexrelid))
 ORDER BY 2, 1";

pub(super) async fn check(inspection: &Inspection, audit: &mut Audit) -> Result<(), PostgresError> {
    for row in inspection.rows("list unique indexes", LIST).await? {
        let (index, table) = (text(&row, 0), text(&row, 1));
        let object = format!("{index} on {table}");
        if !flag(&row, 7) {
            let message = "it compares by an operator class that is not the type's own";
            audit.note(Note::new(NoteKind::NotDone, format!("duplicates of {object}"), message));
            continue;
        }
        let (expressions, names, labels) = (text(&row, 4), text(&row, 5), text(&row, 6));
        let predicate = row.get(2).map_or(String::new(), |text| format!("WHERE ({text})"));
        let nulls = match flag(&row, 3) {
            true => String::new(),
            false => format!("WHERE pg_catalog.num_nulls({names}) = 0"),
        };
        let sql = format!(
            "SELECT pg_catalog.count(*), pg_catalog.sum(n), \
                    (pg_catalog.array_agg(key))[1:3]::text \
               FROM (SELECT ROW({names})::text AS key, pg_catalog.count(*) AS n \
                       FROM (SELECT {expressions} FROM ONLY {table} {predicate}) AS entries \
                      {nulls} GROUP BY {names} HAVING pg_catalog.count(*) > 1) AS duplicates"
        );
        match inspection.ask(&format!("check {object}"), &sql).await? {
            Err(error) => audit.not_done(format!("duplicates of {object}"), &error),
            Ok(rows) => {
                let keys: u64 = rows.first().map_or(0, |row| number(row, 0));
                if keys > 0 {
                    let (copies, shown) = (text(&rows[0], 1), text(&rows[0], 2));
                    audit.find(Finding::new(
                        FindingKind::UniqueViolation,
                        object,
                        format!("{keys} keys are there more than once, in {copies} rows: ({labels}) = {shown}"),
                        format!("remove the duplicates, then `REINDEX INDEX {index}`"),
                    ));
                }
            }
        }
    }
    Ok(())
}
