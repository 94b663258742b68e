//! Connections to PostgreSQL through a link that have no socket to the link.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use deadpool_postgres::Connect;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{Client, Config, Connection, Error, NoTls};

use super::Postgres;
use super::pool::watch::PoolWatch;
use super::session::{FollowedStream, Session, drive};
use crate::link::{Link, LinkStream, Target};

/// Opens connections to PostgreSQL with [`Link::connect`], for a `deadpool_postgres::Manager`.
///
/// The settings say who connects to which database; where, says the link. TLS is not spoken.
/// The link stays open as long as the connector exists, and so does the database of one that comes
/// from [`Postgres::connector`](super::Postgres::connector): a test that hands on a pool alone does
/// not lose its database.
///
/// ```
/// use chaos_core::link::Link;
/// use chaos_core::postgres::PostgresConnector;
/// use deadpool_postgres::{Manager, ManagerConfig, Pool};
///
/// fn pool(link: &Link, config: tokio_postgres::Config) -> Result<Pool, Box<dyn std::error::Error>> {
///     let connector = PostgresConnector::new(link);
///     let manager = Manager::from_connect(config, connector, ManagerConfig::default());
///     Ok(Pool::builder(manager).max_size(8).build()?)
/// }
/// ```
///
/// # Cancelling queries
///
/// The driver does not know where such a connection leads, so `CancelToken::cancel_query` fails with
/// "unknown host". Give the token a stream, as any other connection:
///
/// ```
/// # use chaos_core::link::Link;
/// # use tokio_postgres::{CancelToken, NoTls};
/// # async fn cancel(link: &Link, token: CancelToken) -> Result<(), Box<dyn std::error::Error>> {
/// token.cancel_query_raw(link.connect_to_cancel().await?, NoTls).await?;
/// # Ok(())
/// # }
/// ```
///
/// Code that must keep its own `cancel_query` is given a pool over
/// [`Postgres::config`](super::Postgres::config), whose connections pass the port of the link.
#[derive(Debug, Clone)]
pub struct PostgresConnector {
    link: Link,
    keeps: Option<Postgres>,
    pool: Option<Arc<OfPool>>,
}

/// The pool whose connections are opened. Its manager alone has the connector, and drops it before
/// the connections that are idle.
#[derive(Debug)]
struct OfPool(Arc<PoolWatch>);

impl Drop for OfPool {
    fn drop(&mut self) {
        self.0.retire();
    }
}

impl PostgresConnector {
    /// Opens connections through this link.
    #[must_use]
    pub fn new(link: &Link) -> Self {
        Self { link: link.clone(), keeps: None, pool: None }
    }

    /// Opens connections to this database, and keeps it.
    pub(super) fn to(postgres: &Postgres) -> Self {
        Self { link: postgres.link().clone(), keeps: Some(postgres.clone()), pool: None }
    }

    /// Opens the connections of a pool to this database, and says what becomes of them.
    pub(super) fn of_pool(postgres: &Postgres, watch: &Arc<PoolWatch>) -> Self {
        Self { pool: Some(Arc::new(OfPool(Arc::clone(watch)))), ..Self::to(postgres) }
    }

    /// Opens one connection; the caller drives it.
    pub(super) async fn open(
        &self,
        config: &Config,
    ) -> Result<(Client, Connection<FollowedStream, NoTlsStream>), Error> {
        self.open_as(config, self.session_of(None)).await
    }

    /// What follows a new connection, if it leads to a database that is known.
    fn session_of(&self, pool: Option<&Arc<PoolWatch>>) -> Option<Arc<Session>> {
        self.keeps.as_ref().map(|postgres| Session::new(pool, postgres.watch.book()))
    }

    async fn open_as(
        &self,
        config: &Config,
        session: Option<Arc<Session>>,
    ) -> Result<(Client, Connection<FollowedStream, NoTlsStream>), Error> {
        match self.dial(config).await {
            Ok(stream) => {
                if let (Some(session), Some(postgres)) = (&session, &self.keeps) {
                    postgres.watch.book().opened(session, stream.came_through_port());
                }
                config.connect_raw(FollowedStream::new(stream, session), NoTls).await
            }
            // The driver lets nobody else make its errors, but passes those of its streams on.
            Err(error) => match config.connect_raw(Unopened(Some(error)), NoTls).await {
                Err(error) => Err(error),
                Ok(_) => unreachable!("a server answered on a stream that was never opened"),
            },
        }
    }

    async fn dial(&self, config: &Config) -> io::Result<LinkStream> {
        let dialling = async {
            if let Some(OfPool(watch)) = self.pool.as_deref() {
                watch.faults().admit().await?;
            }
            self.link.connect().await
        };
        match config.get_connect_timeout() {
            None => dialling.await,
            Some(limit) => tokio::time::timeout(*limit, dialling)
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
        }
    }
}

impl Connect for PostgresConnector {
    fn connect(
        &self,
        config: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        let config = config.clone();
        Box::pin(async move {
            let Some(OfPool(watch)) = self.pool.as_deref() else {
                let (client, connection) = self.open(&config).await?;
                let driving = tokio::spawn(async move {
                    // Whoever uses the client sees the same error there.
                    connection.await.ok();
                });
                return Ok((client, driving));
            };
            let session = self.session_of(Some(watch));
            let (client, connection) = self.open_as(&config, session.clone()).await?;
            let Some(session) = session else {
                unreachable!("a connector of a pool has no database");
            };
            watch.opened(&session);
            Ok((client, drive(connection, session)))
        })
    }
}

/// A stream that could not be opened, and says why.
struct Unopened(Option<io::Error>);

impl Unopened {
    fn fail<T>(&mut self) -> Poll<io::Result<T>> {
        Poll::Ready(Err(self.0.take().unwrap_or_else(|| io::ErrorKind::NotConnected.into())))
    }
}

impl AsyncRead for Unopened {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.fail()
    }
}

impl AsyncWrite for Unopened {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.fail()
    }

    fn poll_flush(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.fail()
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.fail()
    }
}
