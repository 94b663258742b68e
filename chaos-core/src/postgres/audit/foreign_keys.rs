//! Foreign keys, by an anti-join that believes no index and no trigger.

use super::finding::{Finding, FindingKind, Note, NoteKind};
use super::report::Audit;
use crate::postgres::error::PostgresError;
use crate::postgres::inspection::{Inspection, flag, number, text};

/// All foreign keys: those of partitions are part of that of the partitioned table.
///
/// The comparison is that of the constraint itself, with the collation of the referenced column.
const LIST: &str = "
SELECT con.conname,
       pg_catalog.format('%I.%I', cn.nspname, c.relname),
       CASE c.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END,
       pg_catalog.format('%I.%I', pn.nspname, p.relname),
       CASE p.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END,
       con.confmatchtype::text,
       keys.columns, keys.names, keys.matches, pg_catalog.cardinality(con.conkey),
       coalesce(pg_catalog.to_jsonb(con) ->> 'conperiod', 'false')
  FROM pg_catalog.pg_constraint con
  JOIN pg_catalog.pg_class c ON c.oid = con.conrelid
  JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace
  JOIN pg_catalog.pg_class p ON p.oid = con.confrelid
  JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
 CROSS JOIN LATERAL (
       SELECT pg_catalog.string_agg(pg_catalog.format('c.%I', ca.attname), ', ' ORDER BY k.i),
              pg_catalog.string_agg(pg_catalog.quote_ident(ca.attname), ', ' ORDER BY k.i),
              pg_catalog.string_agg(
                  pg_catalog.format('p.%I OPERATOR(%I.%s) c.%I%s', pa.attname, opn.nspname, op.oprname,
                      ca.attname,
                      CASE WHEN pa.attcollation <> ca.attcollation
                           THEN pg_catalog.format(' COLLATE %I.%I', coln.nspname, col.collname)
                           ELSE '' END),
                  ' AND ' ORDER BY k.i)
         FROM ROWS FROM (pg_catalog.unnest(con.conkey), pg_catalog.unnest(con.confkey),
                         pg_catalog.unnest(con.conpfeqop)) WITH ORDINALITY AS k (ca, pa, op, i)
         JOIN pg_catalog.pg_attribute ca ON ca.attrelid = con.conrelid AND ca.attnum = k.ca
         JOIN pg_catalog.pg_attribute pa ON pa.attrelid = con.confrelid AND pa.attnum = k.pa
         JOIN pg_catalog.pg_operator op ON op.oid = k.op
         JOIN pg_catalog.pg_namespace opn ON opn.oid = op.oprnamespace
         LEFT JOIN pg_catalog.pg_collation col ON col.oid = pa.attcollation
         LEFT JOIN pg_catalog.pg_namespace coln ON coln.oid = col.collnamespace
       ) AS keys (columns, names, matches)
 WHERE con.contype = 'f' AND con.conparentid = 0 AND c.relpersistence <> 't'
   AND coalesce(pg_catalog.to_jsonb(con) ->> 'conenforced', 'true') = 'true'
 ORDER BY 2, 1";

pub(super) async fn check(inspection: &Inspection, audit: &mut Audit) -> Result<(), PostgresError> {
    for row in inspection.rows("list foreign keys", LIST).await? {
        let (name, child, parent) = (text(&row, 0), text(&row, 1), text(&row, 3));
        let object = format!("{name} on {child}");
        if flag(&row, 10) {
            let message = "foreign keys over periods are not checked; \
                           `ALTER TABLE .. DROP CONSTRAINT` and add it again to have it checked";
            audit.note(Note::new(NoteKind::NotDone, object, message));
            continue;
        }
        let (child_only, parent_only) = (text(&row, 2), text(&row, 4));
        let (columns, names) = (text(&row, 6), text(&row, 7));
        let (matches, count) = (text(&row, 8), text(&row, 9));
        let nulls = format!("pg_catalog.num_nulls({columns})");
        let no_parent =
            format!("NOT EXISTS (SELECT FROM {parent_only}{parent} AS p WHERE {matches})");
        // With MATCH FULL a key that is null in part is a violation, otherwise it refers to nothing.
        let violation = match row.get(5) {
            Some("f") => format!("{nulls} <> {count} AND ({nulls} > 0 OR {no_parent})"),
            _ => format!("{nulls} = 0 AND {no_parent}"),
        };
        let sql = format!(
            "SELECT pg_catalog.count(*), \
                    (pg_catalog.array_agg(DISTINCT ROW({columns})::text))[1:3]::text \
               FROM {child_only}{child} AS c WHERE {violation}"
        );
        match inspection.ask(&format!("check foreign key {object}"), &sql).await? {
            Err(error) => audit.not_done(format!("foreign key {object}"), &error),
            Ok(rows) => {
                let orphans: u64 = rows.first().map_or(0, |row| number(row, 0));
                if orphans > 0 {
                    audit.find(Finding::new(
                        FindingKind::ForeignKeyViolation,
                        object,
                        format!(
                            "{orphans} rows refer to rows of {parent} that do not exist: ({names}) = {}",
                            text(&rows[0], 1)
                        ),
                        format!("delete these rows, or insert what they refer to into {parent}"),
                    ));
                }
            }
        }
    }
    Ok(())
}
