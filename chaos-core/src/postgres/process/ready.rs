//! Waiting until a server accepts connections again, and how long that takes.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_postgres::NoTls;

use super::{LIMIT, PostgresServer, ServerStatus};
use crate::error::{Error, with_sources};
use crate::event::EventKind;
use crate::link::Target;
use crate::postgres::endpoint;
use crate::postgres::error::PostgresError;

/// How long one try to connect may take: a server that is paused lets it wait for ever.
const TRY: Duration = Duration::from_secs(1);

/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_millis(1);

/// What the server writes when it has to make up for a crash.
const RECOVERY: &str = "automatic recovery in progress";

/// How a server came to accept connections again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ready {
    /// How long it took until a connection was opened past the link: since the start or the resumption
    /// was asked for, or the process was killed.
    pub after: Duration,
    /// Whether it had to recover from a crash first.
    pub recovered: bool,
}

/// Since when a server has been on its way back.
#[derive(Debug, Default)]
pub(super) struct Since(Mutex<Option<(Instant, usize)>>);

impl Since {
    /// From this moment on, with a log of this length.
    pub(super) fn begin(&self, now: Instant, log: usize) {
        *self.0.lock() = Some((now, log));
    }
}

impl PostgresServer {
    /// Waits until the server accepts connections, at most 60 s.
    ///
    /// How long it took is recorded in the journal and in the report.
    ///
    /// # Errors
    ///
    /// When the server is down and nobody starts it, or when it takes too long: with what it says.
    pub async fn ready(&self) -> Result<Ready, Error> {
        let asked = Instant::now();
        let (since, log) = self.since.0.lock().take().unwrap_or((asked, self.log()?.len()));
        while let Err(error) = self.connect_once().await {
            if let ServerStatus::Down { how } = self.status().await? {
                let reason = format!("it is down ({how}); the end of its log:\n{}", self.tail()?);
                let action = "wait for the server".to_owned();
                return Err(PostgresError::Process { action, reason }.into());
            }
            if asked.elapsed() > LIMIT {
                let action = format!("wait until the server accepts connections: {error}");
                return Err(PostgresError::TimedOut { action, limit: LIMIT }.into());
            }
            tokio::time::sleep(PAUSE).await;
        }
        let recovered = self.log()?.get(log..).is_some_and(|log| log.contains(RECOVERY));
        let ready = Ready { after: since.elapsed(), recovered };
        let link = self.postgres.link();
        link.scope().journal().record(EventKind::ServerReady {
            target: link.name().to_owned(),
            after: u64::try_from(ready.after.as_nanos()).unwrap_or(u64::MAX),
            recovered,
        });
        Ok(ready)
    }

    async fn connect_once(&self) -> Result<(), String> {
        let endpoint = self.postgres.database.endpoint();
        let config = endpoint.administrator(&endpoint.maintenance);
        let opening = endpoint::open(config.connect(NoTls), "to the server", ());
        match tokio::time::timeout(TRY, opening).await {
            Err(_) => Err("a connection gets no answer".to_owned()),
            Ok(Err(error)) => Err(with_sources(&error)),
            Ok(Ok(_client)) => Ok(()),
        }
    }

    fn tail(&self) -> Result<String, Error> {
        let log = self.log()?;
        let lines: Vec<_> = log.lines().rev().take(12).collect();
        Ok(lines.into_iter().rev().collect::<Vec<_>>().join("\n"))
    }
}
