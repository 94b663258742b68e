//! The tables of a database, which of them are to be emptied, and the statements that do it.

use tokio_postgres::Client;

use super::{LOCK_TIMEOUT, order};
use crate::postgres::error::PostgresError;

/// A table.
#[derive(Debug)]
pub(super) struct Table {
    /// As it is written in SQL.
    pub(super) name: String,
    number: u32,
    /// Whether it has rows of its own, and not only those of its partitions.
    has_rows: bool,
    is_kept: bool,
}

/// The tables of a database.
#[derive(Debug)]
pub(super) struct Catalog {
    tables: Vec<Table>,
    /// Which table refers to which.
    refers: Vec<(u32, u32)>,
    /// Whether foreign keys and triggers can be turned off.
    is_superuser: bool,
}

const TABLES: &str = "
    SELECT c.oid, format('%I.%I', n.nspname, c.relname), c.relkind = 'r'
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                      AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY 2";

/// A table and its partitions, which hold its rows; nothing if there is no such table.
const NAMED: &str = "
    SELECT named.it::oid FROM (SELECT to_regclass($1)) AS named (it) WHERE named.it IS NOT NULL
    UNION SELECT relid::oid FROM pg_partition_tree(to_regclass($1))";

const REFERS: &str = "SELECT conrelid, confrelid FROM pg_constraint WHERE contype = 'f'";

/// Starts the sequences anew that were used, apart from those that tables which are kept own, or
/// take the default of a column from: their rows have the numbers already.
///
/// The numbers in a partition may come from a sequence that a table above it owns.
const SEQUENCES: &str = "
    WITH kept AS (
        SELECT it FROM unnest('{KEPT}'::oid[]) it
        UNION SELECT above.relid FROM unnest('{KEPT}'::oid[]) it, pg_partition_ancestors(it) above
    )
    SELECT setval(s.seqrelid, s.seqstart, false)
    FROM pg_sequence s
    WHERE pg_sequence_last_value(s.seqrelid) IS NOT NULL
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                      AND d.objid = s.seqrelid
                      AND (d.deptype = 'e' OR d.refclassid = 'pg_class'::regclass
                                          AND d.refobjid IN (SELECT it FROM kept)))
      AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_attrdef def ON def.oid = d.objid
                      WHERE d.classid = 'pg_attrdef'::regclass
                      AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.seqrelid
                      AND def.adrelid IN (SELECT it FROM kept))";

impl Catalog {
    pub(super) async fn read(admin: &Client, keep: &[&str]) -> Result<Self, PostgresError> {
        let failed = |what: &str| PostgresError::sql(format!("read {what} of the database"));
        let mut kept = Vec::new();
        for name in keep {
            let rows = admin.query(NAMED, &[name]).await.map_err(failed("the tables"))?;
            if rows.is_empty() {
                let problem = format!("there is no table `{name}` to keep");
                return Err(PostgresError::Reset { problem });
            }
            kept.extend(rows.iter().map(|row| row.get::<_, u32>(0)));
        }
        let rows = admin.query(TABLES, &[]).await.map_err(failed("the tables"))?;
        let tables = rows.iter().map(|row| {
            let number = row.get(0);
            let is_kept = kept.contains(&number);
            Table { name: row.get(1), number, has_rows: row.get(2), is_kept }
        });
        let tables = tables.collect();
        let rows = admin.query(REFERS, &[]).await.map_err(failed("the foreign keys"))?;
        let refers = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let power = admin.query_one("SHOW is_superuser", &[]).await;
        let power: String = power.map_err(failed("the powers"))?.get(0);
        Ok(Self { tables, refers, is_superuser: power == "on" })
    }

    /// Refuses what would leave references to nothing.
    pub(super) fn check(&self) -> Result<(), PostgresError> {
        let find = |number: u32| self.tables.iter().find(|table| table.number == number);
        for (from, to) in &self.refers {
            if let (Some(from), Some(to)) = (find(*from), find(*to)) {
                if from.is_kept && !to.is_kept {
                    let problem = format!(
                        "{} is to be kept and refers to {}, which would be emptied; keep that one \
                         too",
                        from.name, to.name
                    );
                    return Err(PostgresError::Reset { problem });
                }
            }
        }
        Ok(())
    }

    pub(super) fn emptied(&self) -> impl Iterator<Item = &Table> {
        self.tables.iter().filter(|table| !table.is_kept && table.has_rows)
    }

    fn within_a_transaction(&self, statements: &str) -> String {
        let kept: Vec<_> = self.tables.iter().filter(|table| table.is_kept).collect();
        let kept: Vec<_> = kept.iter().map(|table| table.number.to_string()).collect();
        let sequences = SEQUENCES.replace("KEPT", &kept.join(","));
        format!(
            "BEGIN; SET LOCAL lock_timeout TO '{LOCK_TIMEOUT}'; {statements}; {sequences}; COMMIT"
        )
    }

    /// Empties the tables one by one; none where their foreign keys do not let it.
    pub(super) fn deletes(&self) -> Option<String> {
        let delete = |table: &Table| format!("DELETE FROM ONLY {}", table.name);
        if self.is_superuser {
            let deletes: Vec<_> = self.emptied().map(delete).collect();
            let deletes = deletes.join("; ");
            // No trigger fires, and no foreign key is looked at: afterwards there is nothing to refer.
            let replica = "SET LOCAL session_replication_role TO replica";
            return Some(self.within_a_transaction(&format!("{replica}; {deletes}")));
        }
        let numbers: Vec<u32> = self.emptied().map(|table| table.number).collect();
        let order = order(&numbers, &self.refers)?;
        let tables =
            order.iter().filter_map(|it| self.tables.iter().find(|table| table.number == *it));
        let deletes: Vec<_> = tables.map(delete).collect();
        Some(self.within_a_transaction(&deletes.join("; ")))
    }

    /// Empties all tables at once, whatever refers to what.
    pub(super) fn truncate(&self) -> String {
        let names: Vec<_> = self.emptied().map(|table| format!("ONLY {}", table.name)).collect();
        self.within_a_transaction(&format!("TRUNCATE {}", names.join(", ")))
    }

    /// How large the tables are in all.
    pub(super) fn size(&self) -> String {
        let numbers: Vec<_> = self.emptied().map(|table| table.number.to_string()).collect();
        // Whoever has a table locked keeps its size from being read, too.
        format!(
            "BEGIN; SET LOCAL lock_timeout TO '{LOCK_TIMEOUT}'; \
             SELECT coalesce(sum(pg_relation_size(it)), 0)::bigint \
             FROM unnest('{{{}}}'::oid[]) it; COMMIT",
            numbers.join(",")
        )
    }
}
