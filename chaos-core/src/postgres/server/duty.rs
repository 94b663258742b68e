//! What a supervisor does while its server runs.

use std::cell::RefCell;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::base;
use super::disk;
use super::fingerprint::random_digits;
use super::governor::Governor;
use super::initdb::{self, SUPERUSER};
use super::instance::Instance;
use super::job::{Job, Source, State};
use super::layout::{Layout, names_in};
use super::locate::Installation;
use super::lock::{Lock, Mode};
use super::privilege::Account;
use super::process;
use super::stock::{Cleaner, Maker, Session};
use super::supervisor::{clear_others, detach};
use super::template::{self, Pending, Place, Prepared};
use super::tree;
use crate::postgres::endpoint::{Address, Endpoint, Login};
use crate::postgres::error::PostgresError;
use crate::postgres::version::Version;

/// How long a shared server waits for its next user. One process of a test run follows another
/// within that time, and the next run after an edit does not.
const GRACE: Duration = Duration::from_millis(1500);

/// How long whoever wanted the server may take to use it, as long as it lives.
const FIRST_USE: Duration = Duration::from_secs(60);

/// How often the files are looked at.
const TICK: Duration = Duration::from_millis(20);

/// The first version that can be told how to create a database.
const STRATEGIES: u16 = 15;

/// A server that runs.
#[derive(Debug)]
struct Server {
    endpoint: Endpoint,
    /// The process, unless it is the user's.
    instance: Option<RefCell<Instance>>,
    pending: Option<Pending>,
    /// Whether copying files is the quick way to create a database.
    by_files: bool,
}

/// Starts the server and looks after it until nobody uses it any more.
pub(super) fn serve(
    job: &Job,
    layout: &Layout,
    account: Option<&Account>,
    lease: &Lock,
) -> Result<(), PostgresError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(PostgresError::io("start a runtime"))?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let mut server = match &job.source {
            Source::Given(endpoint) => {
                examine(endpoint.clone(), layout).await.map_err(|error| blamed(job, error))?
            }
            Source::Start { .. } => start(job, layout, account).await?,
        };
        let mut cleaner = Cleaner::new(&server.endpoint, layout);
        let ended =
            look_after(job, layout, account, lease, &mut server, &mut cleaner, &mut signals).await;
        // Nobody is to find the server any more. It is not there where it was never ready.
        fs::remove_file(layout.state()).ok();
        match server.instance {
            Some(instance) => instance.into_inner().stop(),
            None => {
                // What cannot be dropped keeps its files, which tell the next supervisor.
                cleaner.drop_all().await.ok();
            }
        }
        ended
    })
}

async fn look_after(
    job: &Job,
    layout: &Layout,
    account: Option<&Account>,
    lease: &Lock,
    server: &mut Server,
    cleaner: &mut Cleaner,
    signals: &mut Signals,
) -> Result<(), PostgresError> {
    if server.instance.is_none() {
        // What a former supervisor created, if it was killed.
        cleaner.drop_all().await?;
    }
    let mut maker = Maker::new(&server.endpoint, layout, server.by_files);
    maker.fill(1).await.map_err(|error| blamed(job, error))?;
    let pending = server.pending.take();
    // Somebody listens before anybody is told of the server.
    let governor = governor(job, layout, account, server)?;
    publish(layout, server)?;
    lease.release().map_err(PostgresError::io("unlock the lease"))?;
    detach()?;
    let chores = chores(layout.clone(), pending, job.cache.clone());
    let ended = tokio::select! {
        ended = watch(job, layout, lease, server, signals) => ended,
        never = keep_stock(job, layout, maker) => never,
        never = keep_clean(cleaner) => never,
        never = govern(governor) => never,
    };
    // A chore that failed costs time the next time.
    chores.map(JoinHandle::join).map_err(PostgresError::io("start a thread"))?.ok();
    ended
}

/// What does to a server of one's own what its test asks.
fn governor<'server>(
    job: &Job,
    layout: &'server Layout,
    account: Option<&'server Account>,
    server: &'server Server,
) -> Result<Option<Governor<'server>>, PostgresError> {
    match (job.source.installation()?, &server.instance) {
        (Some(installation), Some(instance)) if !job.is_shared => {
            Governor::new(layout, installation, account, instance).map(Some)
        }
        _ => Ok(None),
    }
}

async fn govern<T>(governor: Option<Governor<'_>>) -> T {
    match governor {
        Some(governor) => governor.serve().await,
        None => std::future::pending().await,
    }
}

/// Names the variable that leads to a server that cannot be used.
fn blamed(job: &Job, error: PostgresError) -> PostgresError {
    match (&job.source, &error) {
        (Source::Start { .. }, _) | (_, PostgresError::Variable { .. }) => error,
        (Source::Given(_), _) => PostgresError::Variable {
            variable: "CHAOS_POSTGRES_URL",
            problem: format!("leads to a server that cannot be used: {}", error.with_sources()),
        },
    }
}

/// Checks a server that the user runs.
async fn examine(mut endpoint: Endpoint, layout: &Layout) -> Result<Server, PostgresError> {
    let mut session = Session::new(&endpoint, layout);
    let version = session.run("SHOW server_version").await?.concat();
    let version = version.split_whitespace().next().and_then(Version::from_text);
    let version = version.filter(Version::is_supported).ok_or_else(|| PostgresError::Variable {
        variable: "CHAOS_POSTGRES_URL",
        problem: "leads to a server that is no PostgreSQL 13 to 18".to_owned(),
    })?;
    endpoint.version = version.to_string();
    endpoint.max_connections = session.run("SHOW max_connections").await?.concat().parse().ok();
    let fsync = session.run("SHOW fsync").await?.concat();
    let by_files = version.major >= STRATEGIES && fsync == "off";
    Ok(Server { endpoint, instance: None, pending: None, by_files })
}

async fn start(
    job: &Job,
    layout: &Layout,
    account: Option<&Account>,
) -> Result<Server, PostgresError> {
    let installation = job.source.installation()?.ok_or(PostgresError::NoSupervisor)?;
    let sockets = layout.socket_directory();
    base::create_directory(&sockets, 0o700)?;
    if let Some(account) = account {
        account.own(&sockets)?;
    }
    let (prepared, instance) = boot(job, &installation, layout, account)?;
    let login = |password: String| Login { user: SUPERUSER.to_owned(), password: Some(password) };
    let mut endpoint = Endpoint {
        address: Address::Unix { directory: sockets, port: instance.port },
        tcp: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, instance.port))),
        admin: login(prepared.password),
        owner_password: Some(random_digits(32)?),
        options: None,
        maintenance: "postgres".to_owned(),
        version: installation.version.to_string(),
        // A test may change it on a server of its own.
        max_connections: job.is_shared.then_some(initdb::MAX_CONNECTIONS),
    };
    // Every copy of the same cluster has the same password until now.
    let password = random_digits(32)?;
    let change = format!("ALTER ROLE {SUPERUSER} PASSWORD '{password}'");
    Session::new(&endpoint, layout).run(&change).await?;
    endpoint.admin = login(password);
    let by_files = installation.version.major >= STRATEGIES;
    let instance = Some(RefCell::new(instance));
    Ok(Server { endpoint, instance, pending: prepared.pending, by_files })
}

/// Prepares a cluster and starts a server on it.
fn boot(
    job: &Job,
    installation: &Installation,
    layout: &Layout,
    account: Option<&Account>,
) -> Result<(Prepared, Instance), PostgresError> {
    let options = &job.options;
    let place = job.cache.as_deref().map(|cache| Place::new(cache, installation, options));
    let prepare = || template::prepare(layout, installation, account, place.as_ref(), options);
    let run = || {
        let name = process::cluster_name(layout.home());
        let sockets = layout.socket_directory();
        initdb::configure(&layout.data(), installation, &sockets, &name, options)?;
        if let Some(small) = options.disk() {
            disk::furnish(layout, small, account)?;
        }
        Instance::start(installation, account, layout)
    };
    let prepared = prepare()?;
    match (run(), place.as_ref()) {
        (Ok(instance), _) => Ok((prepared, instance)),
        // Settings of the test's own are the likelier reason.
        (Err(_), Some(place)) if prepared.is_cached && !options.has_settings() => {
            // The copy may be damaged where its size does not show it.
            place.discard()?;
            tree::remove(&layout.data())?;
            let prepared = prepare()?;
            Ok((prepared, run()?))
        }
        (Err(error), _) => Err(error),
    }
}

/// Tells where the server is.
fn publish(layout: &Layout, server: &Server) -> Result<(), PostgresError> {
    let path = layout.state();
    let state = State {
        supervisor: rustix::process::getpid().as_raw_nonzero().get(),
        endpoint: server.endpoint.clone(),
        is_given: server.instance.is_none(),
    };
    let text = serde_json::to_string(&state)
        .map_err(|error| PostgresError::file("write", &path)(error.into()))?;
    // Nobody reads it before the lease is unlocked.
    initdb::write_secret(&path, &text)
}

/// What nobody waits for.
fn chores(
    layout: Layout,
    pending: Option<Pending>,
    cache: Option<PathBuf>,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("chaos-chores".to_owned()).spawn(move || {
        // Without the copy the next server initialises its own cluster.
        pending.map(Pending::install).transpose().ok();
        cache.as_deref().map(template::prune).transpose().ok();
        // What is left is tried again by the next supervisor.
        clear_others(&layout).ok();
    })
}

/// Whether the process that wanted the server lives.
pub(super) fn is_awaited(job: &Job) -> bool {
    // A child of a process that died has another parent.
    rustix::process::getppid().is_some_and(|parent| parent.as_raw_nonzero().get() == job.creator)
}

/// Returns when the server is not needed any more.
async fn watch(
    job: &Job,
    layout: &Layout,
    lease: &Lock,
    server: &Server,
    signals: &mut Signals,
) -> Result<(), PostgresError> {
    let locked = || PostgresError::io("lock the lease");
    let grace = if job.is_shared { GRACE } else { Duration::ZERO };
    let ready = Instant::now();
    let mut idle_since = None;
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = signals.received() => return Ok(()),
        }
        // A server of one's own may be down because its test wants it so, and be started again.
        if let Some(instance) = server.instance.as_ref().filter(|_| job.is_shared) {
            let mut instance = instance.borrow_mut();
            if let Some(status) = instance.exited()? {
                let log = instance.log_tail();
                let reason = format!("it ended by itself ({status}); the end of its log:\n{log}");
                return Err(PostgresError::Start { reason });
            }
        }
        let path = layout.lease();
        if !lease.is_still_at(&path) {
            // Someone removed the directory, which is a way to stop the server too.
            return Ok(());
        }
        if !lease.try_change(Mode::Exclusive).map_err(locked())? {
            idle_since = None;
            continue;
        }
        let was_used = lease.is_written().map_err(locked())?;
        let is_awaited = !was_used && ready.elapsed() < FIRST_USE && is_awaited(job);
        let is_kept = server.instance.is_some() && !names_in(&layout.kept())?.is_empty();
        if is_awaited || is_kept {
            idle_since = None;
        } else if idle_since.get_or_insert_with(Instant::now).elapsed() >= grace {
            // Still locked: nobody can come back.
            return Ok(());
        }
        lease.release().map_err(locked())?;
    }
}

/// Replaces the databases that were taken.
async fn keep_stock<T>(job: &Job, layout: &Layout, mut maker: Maker) -> T {
    if !job.is_shared {
        // With its session, which a server that is to stop would wait for.
        drop(maker);
        return std::future::pending().await;
    }
    loop {
        match maker.fill(job.spares).await {
            Ok(()) => {
                fs::remove_file(layout.trouble()).ok();
                tokio::time::sleep(TICK).await;
            }
            Err(error) => {
                // For whoever waits for a database.
                fs::write(layout.trouble(), error.with_sources()).ok();
                tokio::time::sleep(10 * TICK).await;
            }
        }
    }
}

/// Drops the databases that were given up.
async fn keep_clean<T>(cleaner: &mut Cleaner) -> T {
    loop {
        // It tries again by itself.
        cleaner.sweep().await.ok();
        tokio::time::sleep(TICK).await;
    }
}

/// The signals that ask a process to end.
#[derive(Debug)]
struct Signals([Signal; 3]);

impl Signals {
    fn listen() -> Result<Self, PostgresError> {
        let listen = |kind| signal(kind).map_err(PostgresError::io("listen for signals"));
        Ok(Self([
            listen(SignalKind::terminate())?,
            listen(SignalKind::interrupt())?,
            listen(SignalKind::hangup())?,
        ]))
    }

    async fn received(&mut self) {
        let [terminate, interrupt, hangup] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
