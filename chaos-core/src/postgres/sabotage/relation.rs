//! Finding what a fault is to act on, by a name that a person wrote.

use std::fmt;

use tokio_postgres::error::SqlState;

use super::session::Saboteur;
use crate::postgres::quoting::identifier;
use crate::sabotage::SabotageError;

/// A table, a sequence or something else of the kind. It shows itself as it is to be written in SQL.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    schema: String,
    name: String,
    /// What it is, in the letters of `pg_class.relkind`.
    kind: char,
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", identifier(&self.schema), identifier(&self.name))
    }
}

const FIND: &str = "SELECT n.nspname::text, c.relname::text, c.relkind::text \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)";

/// Relations of the same name in schemas that are not looked at.
const ELSEWHERE: &str = "SELECT format('%I.%I', n.nspname, c.relname) \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relname = (parse_ident($1))[array_upper(parse_ident($1), 1)] \
     AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') ORDER BY 1 LIMIT 3";

/// The names are looked up as the owner of the database does it.
const SEARCH_PATH: &str = "SELECT set_config('search_path', \
     replace(current_setting('search_path'), '\"$user\"', quote_ident($1)), false)";

impl Saboteur {
    /// The table of this name, which is written as in SQL.
    pub(super) async fn table(&self, name: &str) -> Result<Relation, SabotageError> {
        self.relation(name, &['r', 'p'], "table").await
    }

    /// The sequence of this name, which is written as in SQL.
    pub(super) async fn sequence(&self, name: &str) -> Result<Relation, SabotageError> {
        self.relation(name, &['S'], "sequence").await
    }

    /// What has this name and is of one of these kinds.
    async fn relation(
        &self,
        name: &str,
        kinds: &[char],
        wanted: &str,
    ) -> Result<Relation, SabotageError> {
        let role = self.application_role();
        self.query("look for a relation", SEARCH_PATH, &[&role]).await?;
        let found = self.query("look for a relation", FIND, &[&name]).await;
        let found = found.map_err(|error| self.no_name(error, name))?;
        let Some(row) = found.first() else { return Err(self.missing(name, wanted).await?) };
        let kind = row.get::<_, String>(2).chars().next().unwrap_or_default();
        let relation = Relation { schema: row.get(0), name: row.get(1), kind };
        if kinds.contains(&kind) {
            return Ok(relation);
        }
        let what = relation.what();
        Err(self.no_target(format!("{relation} is {what}, and no {wanted}")))
    }

    async fn missing(&self, name: &str, wanted: &str) -> Result<SabotageError, SabotageError> {
        let rows = self.query("look for a relation", ELSEWHERE, &[&name]).await;
        let rows = rows.map_err(|error| self.no_name(error, name))?;
        let others: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let hint = match others.as_slice() {
            [] => "create it before the fault begins".to_owned(),
            others => format!("did you mean {}?", others.join(" or ")),
        };
        let database = self.pg.database();
        Ok(self.no_target(format!("there is no {wanted} {name} in database {database}; {hint}")))
    }

    /// Says that a name is none, where the server said so: which of its functions does differs from
    /// version to version.
    fn no_name(&self, error: SabotageError, name: &str) -> SabotageError {
        let codes = [
            SqlState::INVALID_NAME,
            SqlState::INVALID_PARAMETER_VALUE,
            SqlState::SYNTAX_ERROR,
            SqlState::FEATURE_NOT_SUPPORTED,
            SqlState::CHARACTER_NOT_IN_REPERTOIRE,
        ];
        match &error {
            SabotageError::Sql { source, .. }
                if source.code().is_some_and(|code| codes.contains(code)) =>
            {
                self.no_target(format!(
                    "{name:?} is no name; write it as in SQL: accounts, billing.accounts or \
                     \"Weird name\" with its quotation marks"
                ))
            }
            _ => error,
        }
    }

    pub(super) fn no_target(&self, problem: String) -> SabotageError {
        SabotageError::NoTarget { fault: self.fault().to_owned(), problem }
    }
}

impl Relation {
    /// Its name, without that of its schema and as it is.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it is once it has another name.
    pub(super) fn renamed(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    fn what(&self) -> &'static str {
        match self.kind {
            'r' => "a table",
            'p' => "a partitioned table",
            'v' => "a view",
            'm' => "a materialized view",
            'S' => "a sequence",
            'i' | 'I' => "an index",
            'f' => "a foreign table",
            'c' => "a type",
            _ => "something else",
        }
    }
}
