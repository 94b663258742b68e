//! Sequences whose next value their column has already.

use super::finding::{Finding, FindingKind};
use super::report::Audit;
use crate::postgres::error::PostgresError;
use crate::postgres::inspection::{Inspection, flag, number, text};
use crate::postgres::quoting::identifier;

/// Sequences that belong to a column, as those of `serial` and identity columns do, and those that
/// the default of a column takes its values from.
const LIST: &str = "
SELECT DISTINCT pg_catalog.format('%I.%I', sn.nspname, s.relname),
       pg_catalog.format('%I.%I', tn.nspname, t.relname), a.attname, q.seqincrement,
       CASE t.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END
  FROM (SELECT objid AS sequence, refobjid AS tab, refobjsubid AS col
          FROM pg_catalog.pg_depend
         WHERE classid = 'pg_catalog.pg_class'::pg_catalog.regclass
           AND refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
           AND refobjsubid > 0 AND deptype IN ('a', 'i')
        UNION
        SELECT d.refobjid, def.adrelid, def.adnum
          FROM pg_catalog.pg_depend d
          JOIN pg_catalog.pg_attrdef def ON def.oid = d.objid
         WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
           AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass) AS used
  JOIN pg_catalog.pg_sequence q ON q.seqrelid = used.sequence
  JOIN pg_catalog.pg_class s ON s.oid = used.sequence
  JOIN pg_catalog.pg_namespace sn ON sn.oid = s.relnamespace
  JOIN pg_catalog.pg_class t ON t.oid = used.tab
  JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = used.tab AND a.attnum = used.col
 WHERE NOT q.seqcycle AND t.relkind IN ('r', 'p') AND NOT t.relispartition
   AND t.relpersistence <> 't'
   AND a.atttypid IN ('int2'::pg_catalog.regtype, 'int4'::pg_catalog.regtype,
                      'int8'::pg_catalog.regtype, 'numeric'::pg_catalog.regtype)
 ORDER BY 1, 2, 3";

pub(super) async fn check(inspection: &Inspection, audit: &mut Audit) -> Result<(), PostgresError> {
    for row in inspection.rows("list sequences", LIST).await? {
        let (sequence, table, column) = (text(&row, 0), text(&row, 1), identifier(&text(&row, 2)));
        let increment: i64 = number(&row, 3);
        let only = text(&row, 4);
        let furthest = if increment > 0 { "max" } else { "min" };
        // Sequences know no snapshots: asked last, it can only be further on.
        let sql = format!(
            "WITH used AS MATERIALIZED ( \
                 SELECT pg_catalog.{furthest}({column})::numeric AS value FROM {only}{table}) \
             SELECT used.value, next.value, next.value {} used.value \
               FROM used, LATERAL (SELECT CASE WHEN is_called THEN last_value::numeric + {increment} \
                                               ELSE last_value END AS value FROM {sequence}) AS next",
            if increment > 0 { "<=" } else { ">=" }
        );
        match inspection.ask(&format!("look at sequence {sequence}"), &sql).await? {
            Err(error) => audit.not_done(format!("sequence {sequence}"), &error),
            Ok(rows) => {
                let Some(found) = rows.first().filter(|row| flag(row, 2)) else { continue };
                let (used, next) = (text(found, 0), text(found, 1));
                audit.find(Finding::new(
                    FindingKind::SequenceBehind,
                    sequence.clone(),
                    format!("its next value is {next}, and {table}.{column} has {used} already"),
                    format!("`SELECT setval('{sequence}', {used})`"),
                ));
            }
        }
    }
    Ok(())
}
