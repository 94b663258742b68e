//! Damage by statements, behind the back of what guards the data.

use super::{Damage, refused};
use crate::error::Error;
use crate::leftover::Leftover;
use crate::postgres::PostgresServer;
use crate::postgres::error::PostgresError;
use crate::postgres::quoting::literal;

impl PostgresServer {
    /// Does damage by statements, and returns how many rows were written.
    pub(super) async fn damage_rows(&self, damage: &Damage) -> Result<u64, Error> {
        let admin = self.postgres.admin().await?;
        let failed = || PostgresError::sql(format!("damage ({damage})"));
        match damage {
            Damage::BypassTriggers { statement } => {
                admin
                    .batch_execute("SET session_replication_role = replica")
                    .await
                    .map_err(failed())?;
                Ok(admin.execute(statement.as_str(), &[]).await.map_err(failed())?)
            }
            Damage::BypassIndex { index, statement } => {
                let set = "UPDATE pg_index SET indisready = $2, indisvalid = $2 \
                           WHERE indexrelid = to_regclass($1)";
                let changed = admin.execute(set, &[index, &false]).await.map_err(failed())?;
                if changed == 0 {
                    return Err(refused(damage, "there is no such index").into());
                }
                let written = admin.execute(statement.as_str(), &[]).await.map_err(failed());
                admin.execute(set, &[index, &true]).await.map_err(failed())?;
                Ok(written?)
            }
            Damage::RewindSequence { sequence, next } => {
                let set = "SELECT setval(to_regclass($1), $2, false)";
                let row = admin.query_one(set, &[sequence, next]).await.map_err(failed())?;
                if row.get::<_, Option<i64>>(0).is_none() {
                    return Err(refused(damage, "there is no such sequence").into());
                }
                Ok(1)
            }
            Damage::PreparedTransaction { name, statement } => {
                let begin = async {
                    admin.batch_execute("BEGIN").await?;
                    let rows = admin.execute(statement.as_str(), &[]).await?;
                    admin.batch_execute(&format!("PREPARE TRANSACTION {}", literal(name))).await?;
                    Ok(rows)
                };
                let rows = begin.await.map_err(failed())?;
                // It stays on purpose.
                self.postgres.allow(Leftover::PreparedTransaction);
                Ok(rows)
            }
            Damage::InvalidIndex { table, index, on } => {
                self.leave_invalid_index(damage, table, index, on).await
            }
            other => Err(refused(other, "it is no damage by statements").into()),
        }
    }

    async fn leave_invalid_index(
        &self,
        damage: &Damage,
        table: &str,
        index: &str,
        on: &str,
    ) -> Result<u64, Error> {
        let (admin, other) = (self.postgres.admin().await?, self.postgres.admin().await?);
        let failed = || PostgresError::sql(format!("damage ({damage})"));
        // Whoever builds an index concurrently waits for those who may write to the table.
        let hold = format!("BEGIN; LOCK TABLE {table} IN ROW EXCLUSIVE MODE");
        other.batch_execute(&hold).await.map_err(failed())?;
        admin.batch_execute("SET lock_timeout = '50ms'").await.map_err(failed())?;
        let create = format!("CREATE INDEX CONCURRENTLY {index} ON {table} ({on})");
        match admin.batch_execute(&create).await {
            Ok(()) => return Err(refused(damage, "the index was built in spite of it").into()),
            Err(error) => {
                let timed_out = tokio_postgres::error::SqlState::LOCK_NOT_AVAILABLE;
                if error.code() != Some(&timed_out) {
                    return Err(failed()(error).into());
                }
            }
        }
        other.batch_execute("ROLLBACK").await.map_err(failed())?;
        Ok(0)
    }
}
