//! Check constraints and columns that are not null, looked at row by row.

use super::finding::{Finding, FindingKind};
use super::report::Audit;
use crate::postgres::error::PostgresError;
use crate::postgres::inspection::{Inspection, number, text};
use crate::postgres::quoting::identifier;

/// Every table has its own copy of the constraints that it inherits.
const CHECKS: &str = "
SELECT con.conname, pg_catalog.format('%I.%I', n.nspname, c.relname),
       pg_catalog.pg_get_expr(con.conbin, con.conrelid, true)
  FROM pg_catalog.pg_constraint con
  JOIN pg_catalog.pg_class c ON c.oid = con.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE con.contype = 'c' AND c.relkind = 'r' AND c.relpersistence <> 't'
   AND NOT (con.connoinherit AND c.relkind = 'p')
   AND coalesce(pg_catalog.to_jsonb(con) ->> 'conenforced', 'true') = 'true'
   AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
 ORDER BY 2, 1";

pub(super) async fn checks(
    inspection: &Inspection,
    audit: &mut Audit,
) -> Result<(), PostgresError> {
    for row in inspection.rows("list check constraints", CHECKS).await? {
        let (name, table, condition) = (text(&row, 0), text(&row, 1), text(&row, 2));
        let object = format!("{name} on {table}");
        // A condition that is null is none that is violated.
        let sql = format!(
            "SELECT pg_catalog.count(*), (pg_catalog.array_agg(ctid))[1:3]::text \
               FROM ONLY {table} WHERE ({condition}) IS FALSE"
        );
        match inspection.ask(&format!("check {object}"), &sql).await? {
            Err(error) => audit.not_done(format!("check constraint {object}"), &error),
            Ok(rows) => {
                let violations: u64 = rows.first().map_or(0, |row| number(row, 0));
                if violations > 0 {
                    audit.find(Finding::new(
                        FindingKind::CheckViolation,
                        object,
                        format!(
                            "{violations} rows violate CHECK ({condition}), at {}",
                            text(&rows[0], 1)
                        ),
                        "change or delete these rows",
                    ));
                }
            }
        }
    }
    Ok(())
}

const NOT_NULL: &str = "
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), a.attname
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE a.attnotnull AND a.attnum > 0 AND NOT a.attisdropped
   AND c.relkind = 'r' AND c.relpersistence <> 't'
   AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
 ORDER BY 1, a.attnum";

pub(super) async fn not_null(
    inspection: &Inspection,
    audit: &mut Audit,
) -> Result<(), PostgresError> {
    let columns = inspection.rows("list columns that are not null", NOT_NULL).await?;
    for columns in columns.chunk_by(|one, other| one.get(0) == other.get(0)) {
        let table = text(&columns[0], 0);
        // The planner knows that `IS NULL` cannot be and would not look; it does not know this one.
        let nulls = columns.iter().map(|row| {
            format!("pg_catalog.sum(pg_catalog.num_nulls({}))", identifier(&text(row, 1)))
        });
        let sql = format!("SELECT {} FROM ONLY {table}", nulls.collect::<Vec<_>>().join(", "));
        let counted = match inspection.ask(&format!("look for nulls in {table}"), &sql).await? {
            Ok(rows) => rows,
            Err(error) => {
                audit.not_done(format!("nulls in {table}"), &error);
                continue;
            }
        };
        let Some(counts) = counted.first() else { continue };
        for (index, column) in columns.iter().enumerate() {
            let count: u64 = number(counts, index);
            if count > 0 {
                audit.find(Finding::new(
                    FindingKind::NotNullViolation,
                    format!("{table}.{}", identifier(&text(column, 1))),
                    format!("{count} rows have no value"),
                    "give these rows a value or delete them",
                ));
            }
        }
    }
    Ok(())
}
