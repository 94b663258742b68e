//! Databases that tests start from a copy of: a migration is run once, however many tests need it.

use std::fmt::Write;

use tokio_postgres::{Client, NoTls};

use super::Postgres;
use super::endpoint::{self, Endpoint};
use super::error::PostgresError;
use super::quoting::identifier;
use super::server::{self, Leader, Model};
use super::version::Version;
use crate::Chaos;
use crate::error::{Error, TestError};
use crate::seed::Seed;

/// The first version that can be told how to copy a database.
const STRATEGIES: u16 = 15;

/// What a database is made from that tests start from a copy of: see
/// [`Chaos::postgres_from`](crate::Chaos::postgres_from).
///
/// A database is made once for each name and content, on each server, by whoever needs it first. The
/// content is what tells an old one from a new one, because nobody can look into a migration: give it
/// everything that the migration is made of.
///
/// ```
/// use chaos_core::postgres::Template;
///
/// # macro_rules! include_str { ($path:literal) => { "CREATE TABLE accounts ()" } }
/// let schema = Template::new("ledger", include_str!("../migrations/schema.sql"));
/// let several = Template::new("ledger", "")
///     .and(include_str!("../migrations/01.sql"))
///     .and(include_str!("../migrations/02.sql"))
///     .extension("pg_trgm");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "it does nothing by itself: `cx.postgres_from(&template, ..)`"]
pub struct Template {
    name: String,
    seed: Seed,
    extensions: Vec<String>,
}

impl Template {
    /// What is made from this content; the name is for messages.
    pub fn new(name: impl Into<String>, content: impl AsRef<[u8]>) -> Self {
        let template = Self { name: name.into(), seed: Seed(0), extensions: Vec::new() };
        template.and(content)
    }

    /// More content: another file, or the version of a tool.
    pub fn and(mut self, content: impl AsRef<[u8]>) -> Self {
        let mut text = String::new();
        for byte in content.as_ref() {
            // Writing to a string cannot fail.
            write!(text, "{byte:02x}").ok();
        }
        self.seed = self.seed.named(&text);
        self
    }

    /// Creates an extension before the migration runs, as the superuser that some of them need.
    pub fn extension(mut self, name: impl Into<String>) -> Self {
        self.extensions.push(name.into());
        self
    }

    /// Everything that decides what is in the database.
    fn made_from(&self) -> String {
        format!("{:?} {} {:?}", self.name, self.seed, self.extensions)
    }
}

impl Chaos {
    /// A database as [`postgres`](Self::postgres) opens them, that is a copy of one on which `migrate`
    /// was run.
    ///
    /// The first test that needs it runs the migration, on a connection of the database's owner that
    /// passes by the link; tests in other threads and processes wait for it. After that a test pays
    /// for a copy, whatever the migration takes. What belongs to the owner of the template belongs to
    /// the owner of the copy.
    ///
    /// A copy has everything that is in a database. What lies outside it is not copied: settings made
    /// by `ALTER DATABASE`, default privileges, and roles, which all tests of a server share. The
    /// role of the owner may not create any.
    ///
    /// ```no_run
    /// # use chaos_core::prelude::*;
    /// use chaos_core::postgres::Template;
    ///
    /// # async fn example(cx: Chaos) -> TestResult {
    /// let schema = "CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint NOT NULL)";
    /// let template = Template::new("ledger", schema);
    /// let pg = cx.postgres_from(&template, async |client| client.batch_execute(schema).await).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`postgres`](Self::postgres); [`PostgresError::Migration`] when the migration fails.
    /// That is not remembered: every test that needs it tries, and fails with the error itself.
    pub async fn postgres_from<E: Into<TestError>>(
        &self,
        template: &Template,
        migrate: impl AsyncFnOnce(&Client) -> Result<(), E>,
    ) -> Result<Postgres, Error> {
        let made_from = template.made_from();
        let name = template.name.clone();
        // The copy is going to take the place of this one.
        let (database, model) = blocking(move || {
            let database = server::on_shared_server()?;
            let model = server::find_model(&database, &name, &made_from)?;
            Ok((database, model))
        })
        .await?;
        let model = match model {
            Model::Ready(model) => model,
            Model::Missing(leader) => make(database.endpoint(), leader, template, migrate).await?,
        };
        let endpoint = database.endpoint().clone();
        let copy = database.name().to_owned();
        // Not given up half-way with the future of the test.
        let copying = tokio::spawn(async move { replace(&endpoint, &model, &copy).await });
        copying.await.map_err(|error| PostgresError::io("copy a database")(error.into()))??;
        Postgres::behind_a_link(self.scope(), database).await
    }
}

/// What must not be given up half-way, and may take its time.
async fn blocking<T: Send + 'static>(
    find: impl FnOnce() -> Result<T, PostgresError> + Send + 'static,
) -> Result<T, PostgresError> {
    let found = tokio::task::spawn_blocking(find).await;
    found.map_err(|error| {
        PostgresError::io("find a database on a thread of its own")(error.into())
    })?
}

/// Makes the database that is copied, and returns its name.
async fn make<E: Into<TestError>>(
    endpoint: &Endpoint,
    leader: Leader,
    template: &Template,
    migrate: impl AsyncFnOnce(&Client) -> Result<(), E>,
) -> Result<String, Error> {
    let name = leader.database().to_owned();
    if !template.extensions.is_empty() {
        let admin = administrator(endpoint, &name).await?;
        for extension in &template.extensions {
            let create =
                format!("CREATE EXTENSION IF NOT EXISTS {} CASCADE", identifier(extension));
            run(&admin, &format!("create the extension `{extension}`"), &create).await?;
        }
    }
    let client =
        endpoint::open(endpoint.direct(&name).connect(NoTls), "for a migration", ()).await?;
    migrate(&client).await.map_err(|error| PostgresError::Migration {
        template: template.name.clone(),
        source: error.into(),
    })?;
    drop(client);
    let admin = administrator(endpoint, &endpoint.maintenance).await?;
    // Nobody may be connected to a database while it is copied.
    run(&admin, "close a template", &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        .await?;
    let end =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    run(&admin, "end the sessions of a template", &end).await?;
    if endpoint.owner_password.is_some() {
        // What belongs to its owner is given to those of the copies, and it must not be among that.
        let owner = identifier(&endpoint.admin.user);
        run(&admin, "keep a template", &format!("ALTER DATABASE {name} OWNER TO {owner}")).await?;
    }
    leader.keep()?;
    Ok(name)
}

/// Puts a copy in the place of a database, with the same name and owner.
async fn replace(endpoint: &Endpoint, model: &str, copy: &str) -> Result<(), PostgresError> {
    let admin = administrator(endpoint, &endpoint.maintenance).await?;
    let version = Version::from_text(&endpoint.version).map_or(0, |version| version.major);
    // Copying files needs checkpoints, which are cheap where nothing waits for the disk.
    let is_ours = endpoint.owner_password.is_some();
    let strategy = if is_ours && version >= STRATEGIES { " STRATEGY file_copy" } else { "" };
    let owner = if is_ours { format!(" OWNER {copy}") } else { String::new() };
    run(&admin, "replace a database", &format!("DROP DATABASE {copy} WITH (FORCE)")).await?;
    let create = format!("CREATE DATABASE {copy}{owner} TEMPLATE {model}{strategy}");
    run(&admin, "copy a template", &create).await?;
    if is_ours {
        let admin = administrator(endpoint, copy).await?;
        let reassign = format!("REASSIGN OWNED BY {model} TO {copy}");
        run(&admin, "give a copy to its owner", &reassign).await?;
    }
    Ok(())
}

async fn administrator(endpoint: &Endpoint, database: &str) -> Result<Client, PostgresError> {
    endpoint::open(endpoint.administrator(database).connect(NoTls), "as superuser", ()).await
}

async fn run(client: &Client, action: &str, sql: &str) -> Result<(), PostgresError> {
    client.batch_execute(sql).await.map_err(PostgresError::sql(action))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_decides_what_is_in_a_database_tells_templates_apart() {
        let templates = [
            Template::new("ledger", "a"),
            Template::new("audit", "a"),
            Template::new("ledger", "ab"),
            Template::new("ledger", "a").and("b"),
            Template::new("ledger", "a").extension("pg_trgm"),
        ];
        for (index, template) in templates.iter().enumerate() {
            for other in &templates[..index] {
                assert_ne!(template.made_from(), other.made_from());
            }
        }
        assert_eq!(templates[0].made_from(), Template::new("ledger", b"a").made_from());
    }
}
