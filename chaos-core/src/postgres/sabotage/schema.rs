//! Changing what the database consists of, and changing it back.

use super::relation::Relation;
use super::session::Saboteur;
use crate::postgres::quoting::identifier;
use crate::sabotage::{SabotageError, Undo, undo};

/// The name of what is hidden or added.
const NAME: &str = "chaos_fault";

/// Gives a table another name.
pub(super) async fn rename_table(saboteur: Saboteur, table: &str) -> Result<Undo, SabotageError> {
    let relation = saboteur.table(table).await?;
    let hidden = relation.renamed(&format!("{NAME}_{}", relation.name()));
    let begin = format!("ALTER TABLE {relation} RENAME TO {}", identifier(hidden.name()));
    let end = format!("ALTER TABLE {hidden} RENAME TO {}", identifier(relation.name()));
    change(saboteur, relation, begin, hidden, end).await
}

/// Gives a column another name.
pub(super) async fn rename_column(
    saboteur: Saboteur,
    table: &str,
    column: &str,
) -> Result<Undo, SabotageError> {
    let relation = saboteur.table(table).await?;
    let column = saboteur.column(&relation, column).await?;
    let (shown, hidden) = (identifier(&column), identifier(&format!("{NAME}_{column}")));
    let begin = format!("ALTER TABLE {relation} RENAME COLUMN {shown} TO {hidden}");
    let end = format!("ALTER TABLE {relation} RENAME COLUMN {hidden} TO {shown}");
    change(saboteur, relation.clone(), begin, relation, end).await
}

/// Adds a column.
pub(super) async fn add_column(saboteur: Saboteur, table: &str) -> Result<Undo, SabotageError> {
    let relation = saboteur.table(table).await?;
    let begin = format!("ALTER TABLE {relation} ADD COLUMN {NAME} integer");
    let end = format!("ALTER TABLE {relation} DROP COLUMN {NAME}");
    change(saboteur, relation.clone(), begin, relation, end).await
}

async fn change(
    saboteur: Saboteur,
    before: Relation,
    begin: String,
    meanwhile: Relation,
    end: String,
) -> Result<Undo, SabotageError> {
    let claimed = saboteur.claim(&format!("schema of {before}"))?;
    if let Err(error) = saboteur.run(&format!("change {before}"), &begin).await {
        return Err(saboteur.blocked(error, &before).await);
    }
    Ok(undo(async move {
        let ended = saboteur.run(&format!("change {before} back"), &end).await;
        drop(claimed);
        match ended {
            Ok(()) => Ok(()),
            Err(error) => Err(saboteur.blocked(error, &meanwhile).await.into()),
        }
    }))
}

impl Saboteur {
    /// The name of a column, which is written as in SQL.
    async fn column(&self, relation: &Relation, name: &str) -> Result<String, SabotageError> {
        let columns = "SELECT attname::text, attname = (parse_ident($2))[1] FROM pg_attribute \
             WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum";
        let columns =
            self.query("look for a column", columns, &[&relation.to_string(), &name]).await?;
        if let Some(row) = columns.iter().find(|row| row.get(1)) {
            return Ok(row.get(0));
        }
        let names: Vec<String> = columns.iter().map(|row| row.get(0)).collect();
        let there = names.join(", ");
        Err(self.no_target(format!("{relation} has no column {name}; it has {there}")))
    }
}
