//! Columns whose values a sequence generates.
//!
//! A transaction that is rolled back has used its numbers up, so the rows of a second try have others
//! than those of a run without faults. Nobody promised otherwise.

use std::collections::BTreeSet;

use tokio_postgres::Client;

use super::asked;
use crate::postgres::error::PostgresError;
use crate::postgres::inspection::text;

/// Columns that are `serial` or an identity, or take their default from a sequence in another way.
const GENERATED: &str = "
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), a.attname
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid >= 16384
      AND (a.attidentity <> '' OR pg_catalog.pg_get_expr(d.adbin, d.adrelid) LIKE '%nextval(%')";

/// Which column refers to which.
const REFERRING: &str = "
    SELECT pg_catalog.format('%I.%I', fn.nspname, f.relname), fa.attname,
           pg_catalog.format('%I.%I', tn.nspname, t.relname), ta.attname
    FROM pg_catalog.pg_constraint k
    CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS pair (here, there)
    JOIN pg_catalog.pg_class f ON f.oid = k.conrelid
    JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
    JOIN pg_catalog.pg_attribute fa ON fa.attrelid = k.conrelid AND fa.attnum = pair.here
    JOIN pg_catalog.pg_class t ON t.oid = k.confrelid
    JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
    JOIN pg_catalog.pg_attribute ta ON ta.attrelid = k.confrelid AND ta.attnum = pair.there
    WHERE k.contype = 'f'";

/// Tables and columns of generated values, and of references to them.
pub(super) async fn columns(admin: &Client) -> Result<BTreeSet<(String, String)>, PostgresError> {
    let rows = asked(admin, "list the columns that sequences fill", GENERATED).await?;
    let generated = rows.iter().map(|row| (text(row, 0), text(row, 1)));
    let mut generated: BTreeSet<_> = generated.collect();
    let rows = asked(admin, "list the foreign keys", REFERRING).await?;
    let pairs = rows.iter().map(|row| {
        let (here, there) = ((text(row, 0), text(row, 1)), (text(row, 2), text(row, 3)));
        (here, there)
    });
    let pairs: Vec<_> = pairs.collect();
    loop {
        let more = pairs.iter().filter(|(_, there)| generated.contains(there));
        let more: Vec<_> = more.map(|(here, _)| here.clone()).collect();
        let before = generated.len();
        generated.extend(more);
        if generated.len() == before {
            return Ok(generated);
        }
    }
}
