//! Letting nobody in: limits, rights and `pg_hba.conf`.

use std::path::PathBuf;
use std::sync::Arc;

use futures::future::join_all;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use super::session::{Saboteur, need_own_server, session_name};
use super::watch::{INTERVAL, Watch};
use crate::postgres::Postgres;
use crate::postgres::quoting::identifier;
use crate::sabotage::{SabotageError, Undo, undo};
use crate::scope::FaultRecord;

/// What keeps the application from connecting, and how it is put right.
pub(super) enum Bar {
    RoleLimit(u32),
    DatabaseLimit(u32),
    Closed,
    NoLogin,
    NoConnect,
}

/// Bars the application from its database by a change of a catalogue.
pub(super) async fn bar(
    pg: &Postgres,
    fault: &str,
    bar: Bar,
    record: Arc<FaultRecord>,
) -> Result<Undo, SabotageError> {
    // From outside: a database cannot be closed from within.
    let saboteur = Saboteur::open_outside(pg, fault).await?;
    let (role, database) = (identifier(&saboteur.application_role()), identifier(pg.database()));
    let owns_role = pg.database.endpoint().owner_password.is_some();
    if matches!(bar, Bar::RoleLimit(_) | Bar::NoLogin) && !owns_role {
        // The role is that of the user's own URL.
        need_own_server(pg, fault, "concerns a role that others use")?;
    }
    if !matches!(bar, Bar::Closed) && !owns_role && saboteur.is_superuser().await? {
        return Err(saboteur.no_target(
            "the application is a superuser by CHAOS_POSTGRES_URL, and superusers are let in all \
             the same; take a server of its own with `cx.postgres_server()`"
                .to_owned(),
        ));
    }
    let (what, begin, end) = match bar {
        Bar::RoleLimit(limit) => (
            "role limit",
            format!("ALTER ROLE {role} CONNECTION LIMIT {limit}"),
            old_limit(&saboteur, "pg_roles", "rol", &saboteur.application_role())
                .await
                .map(|old| format!("ALTER ROLE {role} CONNECTION LIMIT {old}"))?,
        ),
        Bar::DatabaseLimit(limit) => (
            "database limit",
            format!("ALTER DATABASE {database} CONNECTION LIMIT {limit}"),
            old_limit(&saboteur, "pg_database", "dat", pg.database())
                .await
                .map(|old| format!("ALTER DATABASE {database} CONNECTION LIMIT {old}"))?,
        ),
        Bar::Closed => (
            "allowed connections",
            format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false"),
            format!("ALTER DATABASE {database} ALLOW_CONNECTIONS true"),
        ),
        Bar::NoLogin => {
            ("login", format!("ALTER ROLE {role} NOLOGIN"), format!("ALTER ROLE {role} LOGIN"))
        }
        Bar::NoConnect => (
            "right to connect",
            format!("REVOKE CONNECT ON DATABASE {database} FROM PUBLIC, {role}"),
            format!("GRANT CONNECT ON DATABASE {database} TO PUBLIC, {role}"),
        ),
    };
    let claimed = saboteur.claim(what)?;
    let watch = Watch::connections(pg, record);
    if let Err(error) = saboteur.run("bar the application", &begin).await {
        watch.finish().await?;
        return Err(error);
    }
    Ok(undo(async move {
        watch.finish().await?;
        let ended = saboteur.run("let the application in again", &end).await;
        drop(claimed);
        Ok(ended?)
    }))
}

async fn old_limit(
    saboteur: &Saboteur,
    catalogue: &str,
    prefix: &str,
    name: &str,
) -> Result<i32, SabotageError> {
    let sql = format!("SELECT {prefix}connlimit FROM {catalogue} WHERE {prefix}name = $1");
    let rows = saboteur.query("ask for a limit", &sql, &[&name]).await?;
    Ok(rows.first().map_or(-1, |row| row.get(0)))
}

/// Takes the connections of the server.
pub(super) async fn exhaust(
    pg: &Postgres,
    fault: &str,
    leaving: u32,
    record: Arc<FaultRecord>,
) -> Result<Undo, SabotageError> {
    need_own_server(pg, fault, "takes the connections of everyone")?;
    // It has a place of its own, and is there to see the others go.
    let saboteur = Saboteur::open(pg, fault).await?;
    let claimed = saboteur.claim("connections")?;
    let mut config = pg.direct_config();
    config.application_name(session_name(fault));
    let mut taken = Vec::new();
    let mut refusal = None;
    // What somebody has just closed is free a moment later.
    let mut in_vain = 0;
    while in_vain < ROUNDS_IN_VAIN {
        let before = taken.len();
        for connected in join_all((0..AT_ONCE).map(|_| config.connect(NoTls))).await {
            match connected {
                Ok((client, connection)) => {
                    tokio::spawn(connection);
                    taken.push(client);
                }
                Err(error) => refusal = Some(error),
            }
        }
        match refusal.is_none() || taken.len() > before {
            true => in_vain = 0,
            false => {
                in_vain += 1;
                tokio::time::sleep(INTERVAL).await;
            }
        }
    }
    if let Some(source) = refusal.filter(|e| e.code() != Some(&SqlState::TOO_MANY_CONNECTIONS)) {
        let (fault, action) = (fault.to_owned(), "take the connections of the server".to_owned());
        return Err(SabotageError::Sql { fault, action, source });
    }
    taken.truncate(taken.len().saturating_sub(leaving as usize));
    saboteur.until_others_are(taken.len()).await?;
    let watch = Watch::connections(pg, record);
    Ok(undo(async move {
        watch.finish().await?;
        drop(taken);
        let ended = saboteur.until_others_are(0).await;
        drop(claimed);
        Ok(ended?)
    }))
}

/// How many connections are opened together.
const AT_ONCE: usize = 8;

/// How often none of them may be had until all are taken.
const ROUNDS_IN_VAIN: u32 = 3;

impl Saboteur {
    /// Waits until so many other sessions have the name of this one.
    async fn until_others_are(&self, count: usize) -> Result<(), SabotageError> {
        let others = "SELECT FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
             AND application_name = current_setting('application_name')";
        self.until("let connections go", || async {
            let others = self.query("look for connections", others, &[]).await?;
            Ok((others.len() == count).then_some(()))
        })
        .await
    }
}

/// Has `pg_hba.conf` reject the application.
pub(super) async fn reject(
    pg: &Postgres,
    fault: &str,
    record: Arc<FaultRecord>,
) -> Result<Undo, SabotageError> {
    need_own_server(pg, fault, "changes the file `pg_hba.conf`, which is everyone's")?;
    let saboteur = Saboteur::open(pg, fault).await?;
    let claimed = saboteur.claim("pg_hba.conf")?;
    let shown = saboteur.query("look for pg_hba.conf", "SHOW hba_file", &[]).await?;
    let path = PathBuf::from(shown[0].get::<_, String>(0));
    let before = std::fs::read(&path).map_err(|source| file(fault, source))?;
    let role = identifier(&saboteur.application_role());
    let mut rejecting =
        format!("local all {role} reject\nhost all {role} all reject\n").into_bytes();
    rejecting.extend_from_slice(&before);
    let watch = Watch::connections(pg, record);
    let begun = async {
        std::fs::write(&path, rejecting).map_err(|source| file(fault, source))?;
        saboteur.reload_until(|refused| refused).await
    };
    if let Err(error) = begun.await {
        watch.finish().await?;
        std::fs::write(&path, before).map_err(|source| file(fault, source))?;
        return Err(error);
    }
    let fault = fault.to_owned();
    Ok(undo(async move {
        watch.finish().await?;
        std::fs::write(&path, before).map_err(|source| file(&fault, source))?;
        let ended = saboteur.reload_until(|refused| !refused).await;
        drop(claimed);
        Ok(ended?)
    }))
}

fn file(fault: &str, source: std::io::Error) -> SabotageError {
    let (fault, action) = (fault.to_owned(), "change pg_hba.conf".to_owned());
    SabotageError::File { fault, action, source }
}

impl Saboteur {
    /// Has the server read its files again, until whether it refuses the application is as wanted.
    async fn reload_until(&self, wanted: impl Fn(bool) -> bool) -> Result<(), SabotageError> {
        self.run("read the files of the server again", "SELECT pg_reload_conf()").await?;
        let config = self.pg.direct_config();
        self.until("wait until the server has read its files", || async {
            let refused = match config.connect(NoTls).await {
                Ok(_) => false,
                Err(error) => error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION),
            };
            Ok(wanted(refused).then_some(()))
        })
        .await
    }
}
