//! Pairs of sockets that are connected through real TCP over a wire of our own.
//!
//! ```text
//!   this process                        helper process (private networks)
//!   link ── client's end ═══════════ kernel TCP ══ cable ══ tap ┐
//!   link ── server's end ═══════════ kernel TCP ══ cable ══ tap ┘ drops, doubles, delays, damages
//! ```
//!
//! The helper is this program, started once more. While it has a single thread, it moves into a
//! network namespace of its own (and a user namespace, where it has no right to the former), makes
//! the networks there, and hands out the ends of connected pairs as file descriptors. Bytes that are
//! written into one end cross the wire as packets of the kernel's TCP, and every packet passes
//! through the helper.

use std::collections::HashMap;
use std::io::{self, Read};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, Shutdown, SocketFlags, SocketType, shutdown, socketpair,
};
use tokio::sync::oneshot;

pub(crate) use self::message::{Namespace, WireEffect, WireFault};
use self::message::{Order, Report};
use super::Unavailable;
use crate::event::FaultId;
use crate::reexec;

mod fate;
mod frame;
mod helper;
mod message;
mod netlink;
mod network;

/// Makes a process the wire.
const VARIABLE: &str = "CHAOS_INTERNAL_WIRE";

/// How long the helper may take to be there.
const PATIENCE: Duration = Duration::from_secs(20);

const WHAT: &str = "packet faults are";

/// The wire of this process.
#[derive(Debug)]
pub(crate) struct Wire {
    control: OwnedFd,
    namespace: Namespace,
    next: AtomicU64,
    flows: Mutex<HashMap<u64, Known>>,
    broken: AtomicBool,
}

/// Who has to hear of a pair.
#[derive(Debug)]
struct Known {
    opening: Option<oneshot::Sender<io::Result<Ends>>>,
    changes: Vec<(u64, oneshot::Sender<()>)>,
    observer: Arc<dyn Observer>,
}

/// The two ends of a pair: whatever is written into one comes out of the other.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) client: TcpStream,
    pub(crate) server: TcpStream,
}

/// Hears what happens to a pair.
pub(crate) trait Observer: std::fmt::Debug + Send + Sync {
    /// A fault acted on so many packets.
    fn hits(&self, fault: FaultId, times: u64);
    /// The wire is gone, and what was on it.
    fn lost(&self);
}

/// A pair, whose faults can be changed. They end when it is dropped.
#[derive(Debug)]
pub(crate) struct Flow {
    wire: Arc<Wire>,
    id: u64,
    version: u64,
}

/// The wire of this process, or why the last one could not be had. It is never locked for long.
static WIRE: Mutex<Option<Result<Arc<Wire>, Unavailable>>> = Mutex::new(None);

/// Held while a wire is started, which takes its time where it fails.
static STARTING: Mutex<()> = Mutex::new(());

/// How pairs avoid congestion from now on, if not as the machine does.
static CONGESTION_CONTROL: Mutex<Option<&'static str>> = Mutex::new(None);

pub(super) fn use_congestion_control(name: Option<&'static str>) {
    *CONGESTION_CONTROL.lock() = name;
}

/// Is the wire, and ends the process, if this process was started for that.
pub(super) fn serve_if_asked() {
    let Some(namespace) = std::env::var_os(VARIABLE) else { return };
    let is_in_user_namespace = namespace == Namespace::User.name();
    // On this thread: only a process with a single one may have a user namespace of its own.
    std::process::exit(helper::main(is_in_user_namespace));
}

/// Says whether there can be a wire, without starting one for good.
pub(super) fn probe() -> Result<Namespace, Unavailable> {
    static ANSWER: Mutex<Option<Result<Namespace, Unavailable>>> = Mutex::new(None);
    let mut answer = ANSWER.lock();
    if let Some(wire) = running() {
        return Ok(wire.namespace);
    }
    answer
        .get_or_insert_with(|| {
            start().map(|(wire, child)| {
                let namespace = wire.namespace;
                drop(wire);
                reap(child);
                namespace
            })
        })
        .clone()
}

fn running() -> Option<Arc<Wire>> {
    Wire::known().and_then(Result::ok)
}

impl Wire {
    /// The wire of this process, if one is there, or why the last attempt to have one failed. `None`
    /// if it is to be started first. It returns at once.
    pub(crate) fn known() -> Option<Result<Arc<Self>, Unavailable>> {
        let known = WIRE.lock().clone();
        known.filter(|known| !known.as_ref().is_ok_and(|wire| wire.broken.load(Ordering::Acquire)))
    }

    /// The wire of this process, which is started if there is none, whatever came of that before.
    ///
    /// It may take as long as two helpers may take to be there.
    pub(crate) fn bring_up() -> Result<Arc<Self>, Unavailable> {
        let starting = STARTING.lock();
        if let Some(wire) = running() {
            return Ok(wire);
        }
        let wire = Self::start_listening();
        *WIRE.lock() = Some(wire.clone());
        drop(starting);
        wire
    }

    /// The wire of this process. One that died is replaced, once: if that fails, it is refused until
    /// it is [brought up](Self::bring_up) again.
    ///
    /// It waits on a thread of its own.
    pub(crate) fn replace() -> oneshot::Receiver<Result<Arc<Self>, Unavailable>> {
        let (tell, told) = oneshot::channel();
        let replace = move || {
            let starting = STARTING.lock();
            // Another connection may have seen to it meanwhile.
            let wire = Self::known().unwrap_or_else(|| {
                let wire = Self::start_listening();
                *WIRE.lock() = Some(wire.clone());
                wire
            });
            drop(starting);
            tell.send(wire).ok();
        };
        // Without a thread the receiver hears that nobody is left to tell it.
        std::thread::Builder::new().name("chaos-wire-start".to_owned()).spawn(replace).ok();
        told
    }

    fn start_listening() -> Result<Arc<Self>, Unavailable> {
        let (wire, child) = start()?;
        let wire = Arc::new(wire);
        let listening = Arc::downgrade(&wire);
        let control = wire.control.try_clone();
        let control = control.map_err(|error| unavailable("sharing a socket", &error))?;
        std::thread::Builder::new()
            .name("chaos-wire".to_owned())
            .spawn(move || listen(&listening, &control, child))
            .map_err(|error| unavailable("starting a thread", &error))?;
        Ok(wire)
    }

    /// By which right it is there.
    pub(crate) fn namespace(&self) -> Namespace {
        self.namespace
    }

    /// Has a pair made, on which these faults act from its first byte on.
    pub(crate) fn open(
        self: &Arc<Self>,
        faults: Vec<WireFault>,
        observer: Arc<dyn Observer>,
    ) -> (Flow, oneshot::Receiver<io::Result<Ends>>) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (opened, opening) = oneshot::channel();
        let known = Known { opening: Some(opened), changes: Vec::new(), observer };
        self.flows.lock().insert(id, known);
        let congestion_control = CONGESTION_CONTROL.lock().map(str::to_owned);
        self.order(&Order::Open { flow: id, faults, congestion_control });
        (Flow { wire: Arc::clone(self), id, version: 0 }, opening)
    }

    fn order(&self, order: &Order) {
        if message::send(&self.control, order, &[]).is_err() || self.broken.load(Ordering::Acquire)
        {
            self.give_up();
        }
    }

    /// Tells everyone that the wire is gone.
    fn give_up(&self) {
        self.broken.store(true, Ordering::Release);
        let flows = std::mem::take(&mut *self.flows.lock());
        for known in flows.into_values() {
            if let Some(opening) = known.opening {
                let gone = io::Error::new(io::ErrorKind::BrokenPipe, "the wire's process ended");
                opening.send(Err(gone)).ok();
            }
            known.observer.lost();
        }
    }

    fn hear(&self, report: Report, descriptors: Vec<OwnedFd>) {
        let mut flows = self.flows.lock();
        match report {
            Report::Ready { .. } | Report::Refused { .. } => {}
            Report::Opened { flow } => {
                let Some(opening) = flows.get_mut(&flow).and_then(|known| known.opening.take())
                else {
                    return;
                };
                let mut ends = descriptors.into_iter().map(TcpStream::from);
                let ends = match (ends.next(), ends.next()) {
                    (Some(client), Some(server)) => Ok(Ends { client, server }),
                    _ => Err(io::Error::other("the ends of the pair did not come with it")),
                };
                // Nobody waits for it if the connection ended meanwhile.
                opening.send(ends).ok();
            }
            Report::Failed { flow, reason } => {
                if let Some(opening) = flows.get_mut(&flow).and_then(|known| known.opening.take()) {
                    opening.send(Err(io::Error::other(reason))).ok();
                }
            }
            Report::Changed { flow, version } => {
                let Some(known) = flows.get_mut(&flow) else { return };
                let waiting = std::mem::take(&mut known.changes);
                for (wanted, changed) in waiting {
                    if wanted <= version {
                        changed.send(()).ok();
                    } else {
                        known.changes.push((wanted, changed));
                    }
                }
            }
            Report::Hits { flow, fault, times } => {
                let observer = flows.get(&flow).map(|known| Arc::clone(&known.observer));
                drop(flows);
                if let Some(observer) = observer {
                    observer.hits(fault, times);
                }
            }
        }
    }
}

impl Flow {
    /// Replaces the faults; what comes back tells when they act.
    pub(crate) fn change(&mut self, faults: Vec<WireFault>) -> oneshot::Receiver<()> {
        self.version += 1;
        let (changed, changing) = oneshot::channel();
        if let Some(known) = self.wire.flows.lock().get_mut(&self.id) {
            known.changes.push((self.version, changed));
        }
        self.wire.order(&Order::Change { flow: self.id, version: self.version, faults });
        changing
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        let known = self.wire.flows.lock().remove(&self.id);
        drop(known);
        if !self.wire.broken.load(Ordering::Acquire) {
            message::send(&self.wire.control, &Order::Close { flow: self.id }, &[]).ok();
        }
    }
}

fn unavailable(action: &str, error: &(dyn std::error::Error + 'static)) -> Unavailable {
    Unavailable::new(WHAT, super::failed_to(action, error))
}

/// Starts the helper and waits until it is there.
fn start() -> Result<(Wire, Child), Unavailable> {
    if !reexec::is_ready() {
        return Err(Unavailable::new(
            WHAT,
            "this program cannot start itself as a helper: call \
             `chaos_core::reexec::set_arguments` with the arguments that lead to a call of \
             `chaos_core::packets::serve_if_asked`; chaos_harness::main!() does so",
        ));
    }
    let plain = reexec::command().map_err(|error| unavailable("finding this program", &error))?;
    let reason = match start_by(plain, Namespace::Network) {
        Ok(started) => return Ok(started),
        Err(reason) => reason,
    };
    // Under libtest a helper has two threads, and a user namespace is for those who have one. Then
    // somebody else has to make it first.
    let mut through = Command::new("unshare");
    through.args(["--user", "--map-root-user", "--net", "--"]);
    if let Ok(itself) = reexec::command() {
        through.arg(itself.get_program()).args(itself.get_args());
    }
    start_by(through, Namespace::User).map_err(|second| {
        Unavailable::new(WHAT, format!("{reason}; through the program `unshare`, {second}"))
    })
}

/// Starts the helper with this command, and says why that is not possible otherwise.
fn start_by(mut command: Command, namespace: Namespace) -> Result<(Wire, Child), String> {
    let failed = super::failed_to;
    let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
    let (control, theirs) = pair.map_err(|error| failed("making a socket", &error))?;
    command
        .env(VARIABLE, namespace.name())
        .current_dir("/")
        .stdin(Stdio::from(theirs))
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let spawned = command.spawn();
    // It holds the other end of the socket, whose closing is how the end of the helper is heard of.
    drop(command);
    let mut child = spawned.map_err(|error| failed("starting a helper process", &error))?;
    let set = set_socket_timeout(&control, Timeout::Recv, Some(PATIENCE));
    let report = set
        .map_err(io::Error::from)
        .and_then(|()| message::receive::<Report>(&control, RecvFlags::empty()));
    let reason = match report {
        Ok(Some((Report::Ready { namespace }, _))) => {
            drop(child.stderr.take());
            let wire = Wire {
                control,
                namespace,
                next: AtomicU64::new(1),
                flows: Mutex::default(),
                broken: AtomicBool::new(false),
            };
            return Ok((wire, child));
        }
        Ok(Some((Report::Refused { reason }, _))) => reason,
        Ok(_) => "its helper process ended without a word to this one".to_owned(),
        Err(error) => format!("its helper process did not answer ({error})"),
    };
    drop(control);
    child.kill().ok();
    child.wait().ok();
    let mut words = String::new();
    if let Some(stderr) = child.stderr {
        // Enough for a sentence, and for no more.
        stderr.take(400).read_to_string(&mut words).ok();
    }
    let words = words.trim();
    Err(if words.is_empty() { reason } else { format!("{reason} ({words})") })
}

/// Hears what the helper says until it ends.
fn listen(wire: &Weak<Wire>, control: &OwnedFd, child: Child) {
    set_socket_timeout(control, Timeout::Recv, None).ok();
    while let Ok(Some((report, descriptors))) = message::receive(control, RecvFlags::empty()) {
        let Some(wire) = wire.upgrade() else { break };
        wire.hear(report, descriptors);
    }
    if let Some(wire) = wire.upgrade() {
        wire.give_up();
    }
    shutdown(control, Shutdown::Both).ok();
    reap(child);
}

/// Waits for a helper that has nobody to serve, so that it leaves no zombie.
fn reap(mut child: Child) {
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().ok();
    child.wait().ok();
}
