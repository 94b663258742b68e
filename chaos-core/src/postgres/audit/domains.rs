//! The constraints of domains, by giving every value to its domain once more.

use super::finding::{Finding, FindingKind};
use super::report::Audit;
use crate::postgres::error::PostgresError;
use crate::postgres::inspection::{Inspection, text};
use crate::postgres::quoting::identifier;

/// Columns whose type is a domain, with the type that the domain is made of.
const LIST: &str = "
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), a.attname,
       pg_catalog.format_type(t.oid, NULL), pg_catalog.format_type(t.typbasetype, t.typtypmod)
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid AND t.typtype = 'd'
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind = 'r' AND c.relpersistence <> 't'
   AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
 ORDER BY 1, a.attnum";

pub(super) async fn check(inspection: &Inspection, audit: &mut Audit) -> Result<(), PostgresError> {
    for row in inspection.rows("list columns of domains", LIST).await? {
        let (table, column) = (text(&row, 0), identifier(&text(&row, 1)));
        let (domain, base) = (text(&row, 2), text(&row, 3));
        let sql =
            format!("SELECT pg_catalog.count(({column}::{base})::{domain}) FROM ONLY {table}");
        let object = format!("{table}.{column}");
        let checked = inspection.ask(&format!("check the domain of {object}"), &sql).await?;
        let Err(error) = checked else { continue };
        let code = error.code().code();
        if code.starts_with("23") {
            let remedy = format!("change the values to such as {domain} allows");
            let kind = FindingKind::DomainViolation;
            audit.find(Finding::new(kind, object, error.message(), remedy).with_sqlstate(code));
        } else {
            audit.not_done(format!("domain of {object}"), &error);
        }
    }
    Ok(())
}
