//! A server that speaks Toxiproxy's HTTP API over our links.
//!
//! ```text
//!   client ── HTTP ──▶ handle ──▶ collection ──▶ proxy ──▶ toxics
//!                      answer     all proxies    a link,   faults
//!                      as the original would     or none   of the link
//! ```
//!
//! `body` and `address` read what clients send, `answer` writes what they get. These two sides hold
//! all that has to be as in the original; the middle is ours.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::seed::Seed;

mod address;
mod answer;
mod body;
mod collection;
mod handle;
mod log;
mod metrics;
mod proxy;
mod request_id;
mod route;
mod toxic;

use self::address::ListenAddress;
use self::collection::{Collection, NewProxy};
use self::handle::State;
use self::log::Log;
pub use self::log::{InvalidLogLevel, LogLevel};
use self::metrics::{Ledger, Published};
use self::proxy::Common;
use self::request_id::RequestIds;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Its address could not be listened at.
    #[error("cannot listen at `{address}` for Toxiproxy's API")]
    Listen {
        /// The address as it was given.
        address: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Its thread could not be started.
    #[error("cannot start the thread that serves Toxiproxy's API")]
    Start {
        /// The error of the operating system.
        source: io::Error,
    },
}

/// How a server is to be: see [`Server::options`].
#[derive(Debug, Clone)]
pub struct ServerOptions {
    seed: Option<Seed>,
    published: Published,
    log: Log,
}

impl ServerOptions {
    /// Has all decisions derive from this seed, instead of from a random one.
    ///
    /// Servers of one seed that are asked for the same proxies and toxics in the same order decide
    /// the same for the first connection of a proxy, for the second one, and so on.
    #[must_use]
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Publishes at `/metrics` how many bytes the proxies moved.
    #[must_use]
    pub fn proxy_metrics(mut self) -> Self {
        self.published.proxies = true;
        self
    }

    /// Publishes at `/metrics` what this process needs.
    #[must_use]
    pub fn runtime_metrics(mut self) -> Self {
        self.published.process = true;
        self
    }

    /// Hands lines of JSON of this level and those above to `write`, without an end of line.
    #[must_use]
    pub fn log(mut self, from: LogLevel, write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.log = Log::new(from, Arc::new(write));
        self
    }

    /// Starts the server at `address`, a host and a port such as `localhost:8474`. Port 0 is a free
    /// one, which [`Server::address`] tells.
    ///
    /// # Errors
    ///
    /// When it cannot be listened at this address, or the thread cannot be started.
    pub fn start(self, address: &str) -> Result<Server, ServerError> {
        self.start_with(address, None)
    }

    /// Starts the server with the proxies of a file in the form of `POST /populate`.
    ///
    /// They are there before the first client can ask. Where the file cannot be used, the log says
    /// why, and the server starts all the same, as the original does.
    ///
    /// # Errors
    ///
    /// When it cannot be listened at this address, or the thread cannot be started.
    pub fn start_with(self, address: &str, config: Option<&Path>) -> Result<Server, ServerError> {
        let listen = |source| ServerError::Listen { address: address.to_owned(), source };
        // Like proxies: `localhost` is 127.0.0.1, where most clients look, even if it is ::1 as well.
        let resolved = ListenAddress::resolve(address).socket();
        let socket = resolved.map_err(|why| listen(io::Error::other(why)))?;
        let listener = TcpListener::bind(socket).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let bound = listener.local_addr().map_err(listen)?;
        let ledger = Arc::new(Ledger::new(self.published.proxies));
        let seed = self.seed.unwrap_or_else(Seed::random);
        let common = Common { seed, ledger: Arc::clone(&ledger) };
        let state = Arc::new(State {
            collection: Mutex::new(Collection::new(common, self.log.clone())),
            published: self.published,
            ledger,
            log: self.log,
            request_ids: RequestIds::new(),
        });
        if let Some(config) = config {
            let name = config.display().to_string();
            match populate(&state, config) {
                Ok(proxies) => {
                    let fields = [("config", &*name), ("proxies", &*proxies.to_string())];
                    state.log.line(LogLevel::Info, "Populated proxies from file", &fields);
                }
                Err(error) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    let error = [Some(error.to_string()), source].into_iter().flatten();
                    let error = error.collect::<Vec<_>>().join(": ");
                    let fields = [("config", &*name), ("error", &*error)];
                    state.log.line(
                        LogLevel::Error,
                        "Failed to populate proxies from file",
                        &fields,
                    );
                }
            }
        }
        let message = "Starting Toxiproxy HTTP server";
        state.log.line(
            LogLevel::Info,
            message,
            &[("address", &bound.to_string()), ("seed", &seed.to_string())],
        );
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&state);
        let start = |source| ServerError::Start { source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(start)?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(start)?
        };
        let thread = std::thread::Builder::new().name("chaos-toxiproxy".to_owned());
        let thread = thread.spawn(move || runtime.block_on(serve(listener, shared, stopped)));
        let thread = thread.map_err(start)?;
        Ok(Server { address: bound, seed, state, stop: Some(stop), thread: Some(thread) })
    }
}

/// A server that speaks Toxiproxy's HTTP API. It ends, with all of its proxies, when it is dropped.
///
/// ```
/// use chaos_core::toxiproxy::Server;
///
/// let server = Server::options().start("127.0.0.1:0")?;
/// println!("point any client of Toxiproxy to http://{}", server.address());
/// # Ok::<(), chaos_core::toxiproxy::ServerError>(())
/// ```
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    seed: Seed,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Why proxies could not be created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PopulateError {
    /// The file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: std::path::PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// What `POST /populate` would have answered.
    #[error("{0}")]
    Refused(String),
}

impl Server {
    /// The version of Toxiproxy whose API this is, as `/version` tells it.
    pub const API_VERSION: &'static str = handle::VERSION;

    /// A server as it is by default: of a random seed, without metrics and silent.
    #[must_use]
    pub fn options() -> ServerOptions {
        ServerOptions { seed: None, published: Published::default(), log: Log::nowhere() }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What its decisions derive from.
    #[must_use]
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// Creates the proxies of a file in the form of `POST /populate`, and says how many there are.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is none of that form, or a proxy cannot be created. Proxies
    /// before that one stay.
    pub fn populate(&self, path: &Path) -> Result<usize, PopulateError> {
        populate(&self.state, path)
    }
}

fn populate(state: &State, path: &Path) -> Result<usize, PopulateError> {
    let body = std::fs::read(path)
        .map_err(|source| PopulateError::Read { path: path.to_owned(), source })?;
    let refused = |error: &answer::ApiError| PopulateError::Refused(error.to_string());
    let new = NewProxy::read_all(&body).map_err(|error| refused(&error))?;
    let mut collection = state.collection.lock();
    let populated = collection.populate(&new);
    match populated.error {
        Some(error) => Err(refused(&error)),
        None => Ok(populated.proxies.map_or(0, |proxies| proxies.len())),
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was told where it happened.
            let _panicked = thread.join();
        }
        self.state.collection.lock().clear();
    }
}

/// Accepts connections of clients until the server is dropped.
async fn serve(
    listener: tokio::net::TcpListener,
    state: Arc<State>,
    mut stopped: oneshot::Receiver<()>,
) {
    /// How long accepting rests after an error such as "too many open files".
    const REST: std::time::Duration = std::time::Duration::from_millis(20);
    loop {
        let accepted = tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(REST).await;
            continue;
        };
        // It fails for a client that is gone already.
        let _gone = stream.set_nodelay(true);
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let state = Arc::clone(&state);
                async move { Ok::<_, std::convert::Infallible>(handle::handle(state, request).await) }
            });
            let mut connection = http1::Builder::new();
            connection.timer(TokioTimer::new()).half_close(true).title_case_headers(true);
            // What is no HTTP is answered as far as it can be, and concerns nobody else.
            let _done = connection.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
