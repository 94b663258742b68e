//! Changing settings of the server, and putting them back.

use std::sync::Arc;

use super::session::{Saboteur, need_own_server, of_application};
use super::watch::Watch;
use crate::fault::session::Reach;
use crate::postgres::quoting::{identifier, literal};
use crate::sabotage::{SabotageError, Undo, undo};
use crate::scope::FaultRecord;

/// Settings that not every version has, and the first one that has them.
const SINCE: [(&str, u16); 3] = [
    ("idle_session_timeout", 14),
    ("client_connection_check_interval", 14),
    ("transaction_timeout", 17),
];

/// Changes a setting until the fault ends.
pub(super) async fn set(
    saboteur: Saboteur,
    name: &str,
    value: &str,
    reach: Reach,
    record: Arc<FaultRecord>,
) -> Result<Undo, SabotageError> {
    saboteur.know_setting(name).await?;
    match reach {
        Reach::NewSessions => for_new_sessions(saboteur, name, value, record).await,
        Reach::AllSessions => for_all_sessions(saboteur, name, value, record).await,
    }
}

async fn for_new_sessions(
    saboteur: Saboteur,
    name: &str,
    value: &str,
    record: Arc<FaultRecord>,
) -> Result<Undo, SabotageError> {
    let claimed = saboteur.claim(&format!("setting {name}"))?;
    let (role, database) = (saboteur.application_role(), saboteur.pg.database().to_owned());
    let before = saboteur
        .query(
            "ask for a setting",
            "SELECT substr(setting, length($3) + 2) FROM pg_db_role_setting, unnest(setconfig) \
             AS setting WHERE setrole = (SELECT oid FROM pg_roles WHERE rolname = $1) \
             AND setdatabase = (SELECT oid FROM pg_database WHERE datname = $2) \
             AND starts_with(setting, $3 || '=')",
            &[&role, &database, &name],
        )
        .await?;
    // Of all places where a setting can stand, this one takes precedence.
    let place = format!("ALTER ROLE {} IN DATABASE {}", identifier(&role), identifier(&database));
    let setting = identifier(name);
    let end = match before.first() {
        Some(row) => format!("{place} SET {setting} = {}", literal(row.get(0))),
        None => format!("{place} RESET {setting}"),
    };
    let watch = Watch::connections(&saboteur.pg, record);
    let begin = format!("{place} SET {setting} = {}", literal(value));
    if let Err(error) = saboteur.run(&format!("set {name} to {value}"), &begin).await {
        watch.finish().await?;
        return Err(saboteur.wrong_value(error, name, value));
    }
    Ok(undo(async move {
        watch.finish().await?;
        let ended = saboteur.run("put a setting back", &end).await;
        drop(claimed);
        Ok(ended?)
    }))
}

async fn for_all_sessions(
    saboteur: Saboteur,
    name: &str,
    value: &str,
    record: Arc<FaultRecord>,
) -> Result<Undo, SabotageError> {
    let reach = "reaches the sessions of everyone";
    need_own_server(&saboteur.pg, saboteur.fault(), reach)?;
    let claimed = saboteur.claim(&format!("system setting {name}"))?;
    let here = format!("SELECT pid FROM pg_stat_activity WHERE {}", of_application());
    let watch = Watch::connections(&saboteur.pg, Arc::clone(&record));
    let begun = async {
        let end = saboteur.alter_system(name, value).await?;
        for row in saboteur.query("look for sessions", &here, &[]).await? {
            record.touch(u64::from(row.get::<_, i32>(0).unsigned_abs()), 1);
        }
        Ok(end)
    };
    let end = match begun.await {
        Ok(end) => end,
        Err(error) => {
            watch.finish().await?;
            return Err(saboteur.wrong_value(error, name, value));
        }
    };
    Ok(undo(async move {
        watch.finish().await?;
        let ended = saboteur.restore_system(&end).await;
        drop(claimed);
        Ok(ended?)
    }))
}

impl Saboteur {
    /// Refuses a setting that the server does not know.
    async fn know_setting(&self, name: &str) -> Result<(), SabotageError> {
        let known = "SELECT context FROM pg_settings WHERE name = lower($1)";
        let known = self.query("look for a setting", known, &[&name]).await?;
        let needs = SINCE.iter().find(|(setting, _)| *setting == name).map(|(_, since)| *since);
        match (known.first().map(|row| row.get::<_, String>(0)), needs) {
            (None, Some(needs)) => Err(SabotageError::TooOld {
                fault: self.fault().to_owned(),
                needs,
                version: self.pg.version().to_owned(),
            }),
            (None, None) if !name.contains('.') => {
                Err(self.no_target(format!("the server has no setting {name:?}")))
            }
            (Some(context), _) if context == "postmaster" || context == "internal" => {
                let problem = format!("{name} cannot be changed while the server runs");
                Err(self.no_target(problem))
            }
            _ => Ok(()),
        }
    }

    /// Says that a value is wrong, where the server said so.
    fn wrong_value(&self, error: SabotageError, name: &str, value: &str) -> SabotageError {
        match &error {
            SabotageError::Sql { source, .. }
                if source.code().is_some_and(|code| code.code().starts_with("22")) =>
            {
                let why = source.as_db_error().map_or("", |error| error.message());
                self.no_target(format!("{name} cannot be {value:?}: {why}"))
            }
            _ => error,
        }
    }

    /// Changes a setting of the whole server, and returns what puts it back.
    pub(super) async fn alter_system(
        &self,
        name: &str,
        value: &str,
    ) -> Result<String, SabotageError> {
        let before = "SELECT setting FROM pg_file_settings \
             WHERE sourcefile LIKE '%/postgresql.auto.conf' AND name = lower($1) \
             ORDER BY seqno DESC LIMIT 1";
        let before = self.query("ask for a setting", before, &[&name]).await?;
        let setting = identifier(name);
        let end = match before.first() {
            Some(row) => format!("ALTER SYSTEM SET {setting} = {}", literal(row.get(0))),
            None => format!("ALTER SYSTEM RESET {setting}"),
        };
        let begin = format!("ALTER SYSTEM SET {setting} = {}", literal(value));
        self.run(&format!("set {name} to {value}"), &begin).await?;
        if let Err(error) = self.reload().await {
            self.restore_system(&end).await?;
            return Err(error);
        }
        Ok(end)
    }

    /// Puts back a setting of the whole server.
    pub(super) async fn restore_system(&self, end: &str) -> Result<(), SabotageError> {
        self.run("put a setting back", end).await?;
        self.reload().await
    }

    /// Has the server read its settings again, and waits until it has.
    ///
    /// The server tells its processes one right after the other, and the newest first; each reads
    /// the settings before its next statement. So when this session has, the others were told.
    async fn reload(&self) -> Result<(), SabotageError> {
        let when = "SELECT pg_conf_load_time()::text";
        let before: String = self.query("ask for the time", when, &[]).await?[0].get(0);
        self.run("read the settings again", "SELECT pg_reload_conf()").await?;
        self.until("wait until the server has read its settings", || async {
            let now: String = self.query("ask for the time", when, &[]).await?[0].get(0);
            Ok((now != before).then_some(()))
        })
        .await
    }
}
