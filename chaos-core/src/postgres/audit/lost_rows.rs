//! Index entries that lead to places in the table that do not exist.
//!
//! `amcheck` looks whether every row has its index entries, not whether every index entry has its
//! row. So it says nothing of a page of zeros, which is a valid page that holds nothing. The entries
//! that lead there tell: the server removes an entry before it gives up the place of its row, so
//! that no entry ever leads to a place that was never there.
//!
//! Only B-tree indexes tell that. A page that was overwritten with an older image of itself is valid
//! and has places: its lost rows are found by `heapallindexed` where an entry is missing, and
//! otherwise by a fingerprint only.

use super::finding::{Finding, FindingKind, Note, NoteKind};
use super::report::Audit;
use crate::postgres::error::PostgresError;
use crate::postgres::fingerprint::{Fingerprint, Table};
use crate::postgres::inspection::{Inspection, flag, name_of, number, text};
use crate::postgres::quoting::literal;

/// The length of a page's header. A page whose items end there has none.
const HEADER: u32 = 24;

pub(super) async fn look(
    inspection: &Inspection,
    pageinspect: &str,
    tables: &[Table],
    before: Option<&Fingerprint>,
    audit: &mut Audit,
) -> Result<(), PostgresError> {
    for table in tables {
        let blocks = format!(
            "SELECT b.b FROM pg_catalog.generate_series(0, \
                    pg_catalog.pg_relation_size({0}::pg_catalog.oid) \
                    / pg_catalog.current_setting('block_size')::bigint - 1) AS b(b) \
              WHERE {1} <= {HEADER}",
            table.oid,
            end_of_items(pageinspect, &table.name, "b.b")
        );
        let empty = match inspection.ask(&format!("look at {}", table.name), &blocks).await? {
            Ok(rows) => rows,
            // A damaged page is in the other findings already.
            Err(error) if error.code().code() == "XX001" => continue,
            Err(error) => {
                audit.not_done(format!("lost rows of {}", table.name), &error);
                continue;
            }
        };
        // Pages without rows are nothing unusual. Those that indexes lead to are, and so are those
        // behind the end of the file.
        let list: Vec<_> = empty.iter().map(|row| text(row, 0)).collect();
        let is_told = for_indexes(inspection, pageinspect, table, &list, audit).await?;
        // A fingerprint that was taken before has been compared already.
        let is_compared = before.is_some_and(|before| before.tables().contains_key(&table.name));
        if !is_told && !is_compared && has_pages(inspection, table).await? {
            let message = "it has no B-tree index, so only a fingerprint shows them";
            let subject = format!("lost rows of {}", table.name);
            audit.note(Note::new(NoteKind::NotDone, subject, message));
        }
    }
    Ok(())
}

async fn has_pages(inspection: &Inspection, table: &Table) -> Result<bool, PostgresError> {
    let sql = format!("SELECT pg_catalog.pg_relation_size({}::pg_catalog.oid) > 0", table.oid);
    let rows = inspection.rows("look at the size of a table", &sql).await?;
    Ok(rows.first().is_some_and(|row| flag(row, 0)))
}

/// SQL for where the items of a page end.
fn end_of_items(pageinspect: &str, table: &str, block: &str) -> String {
    format!(
        "(SELECT lower FROM {pageinspect}.page_header({pageinspect}.get_raw_page({}, 'main', \
         ({block})::int)))",
        literal(table)
    )
}

/// Looks at the B-tree indexes of a table. False if it has none.
async fn for_indexes(
    inspection: &Inspection,
    pageinspect: &str,
    table: &Table,
    empty: &[String],
    audit: &mut Audit,
) -> Result<bool, PostgresError> {
    let list = format!(
        "SELECT {}, i.indexrelid FROM pg_catalog.pg_index i \
           JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
           JOIN pg_catalog.pg_am am ON am.oid = c.relam \
          WHERE i.indrelid = {} AND am.amname = 'btree' AND c.relkind = 'i' AND i.indisready",
        name_of("i.indexrelid"),
        table.oid
    );
    let indexes = inspection.rows("list indexes", &list).await?;
    let pages = format!(
        "pg_catalog.pg_relation_size({}::pg_catalog.oid) \
         / pg_catalog.current_setting('block_size')::bigint",
        table.oid
    );
    // Without an empty page only those behind the end are suspicious.
    let blocks = empty.iter().filter_map(|block| block.parse::<u64>().ok());
    let first = blocks.min().map_or_else(|| "NULL::bigint".to_owned(), |block| block.to_string());
    for index in &indexes {
        let name = text(index, 0);
        let quoted = literal(&name);
        // The first item of a page that has a right neighbour is its bound, and leads nowhere. Only what
        // leads to the first suspicious page or behind it is taken apart, which costs more than to read
        // it. What is looked at again, when all entries are known, is the page of the table and its
        // end: it may have been filled in the meantime.
        let dangling = format!(
            "WITH leaf AS MATERIALIZED ( \
                 SELECT b.b, s.btpo_next FROM pg_catalog.generate_series(1, \
                        pg_catalog.pg_relation_size({oid}::pg_catalog.oid) \
                        / pg_catalog.current_setting('block_size')::bigint - 1) AS b(b), \
                        {pageinspect}.bt_page_stats({quoted}, b.b::int) s WHERE s.type = 'l'), \
             suspect AS MATERIALIZED ( \
                 SELECT pg_catalog.format('(%s,0)', least({first}, {pages}))::tid AS first), \
             entry AS MATERIALIZED ( \
                 SELECT DISTINCT t.tid FROM leaf, {pageinspect}.bt_page_items({quoted}, leaf.b::int) i, \
                        pg_catalog.unnest(coalesce(i.tids, ARRAY[i.htid])) AS t(tid) \
                  WHERE (i.itemoffset > 1 OR leaf.btpo_next = 0) AND NOT i.dead \
                    AND (i.tids IS NOT NULL OR i.htid >= (SELECT first FROM suspect)) \
                    AND t.tid >= (SELECT first FROM suspect)), \
             place AS MATERIALIZED ( \
                 SELECT (tid::text::point)[0]::bigint AS block, (tid::text::point)[1]::int AS item \
                   FROM entry) \
             SELECT pg_catalog.count(*), pg_catalog.min(block), pg_catalog.count(DISTINCT block) \
               FROM place WHERE CASE WHEN block = ANY (ARRAY[{blocks}]::bigint[]) \
                                     THEN item > ({end} - {HEADER}) / 4 \
                                     ELSE block >= (SELECT {pages}) END",
            oid = text(index, 1),
            blocks = empty.join(", "),
            end = end_of_items(pageinspect, &table.name, "block"),
        );
        let rows = match inspection.ask(&format!("look at {name}"), &dangling).await? {
            Ok(rows) => rows,
            Err(error) if error.code().code().starts_with("XX") => continue,
            Err(error) => {
                audit.not_done(format!("lost rows of {}", table.name), &error);
                continue;
            }
        };
        let lost: u64 = rows.first().map_or(0, |row| number(row, 0));
        if lost > 0 {
            let (first, pages) = (text(&rows[0], 1), text(&rows[0], 2));
            audit.find(Finding::new(
                FindingKind::LostRows,
                table.name.clone(),
                format!(
                    "{lost} entries of index {name} lead to rows that are not there, on {pages} \
                     pages that are empty or missing, the first of which is block {first}"
                ),
                "restore the rows from a backup; `REINDEX` removes the entries, and with them \
                 the evidence",
            ));
            // The other indexes would say the same.
            break;
        }
    }
    Ok(!indexes.is_empty())
}
