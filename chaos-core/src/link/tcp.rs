//! The state of a link: its faults and its open connections.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use super::connection::{Met, OpenConnection};
use super::door::{Door, Stance};
use super::finale::Finale;
use super::runtime::LinkRuntime;
#[cfg(feature = "tls")]
use super::tls::Certificate;
use super::traffic::Traffic;
use super::upstream::Upstream;
use super::{Connections, LinkError, admission};
use crate::engine::Tally;
use crate::event::{EventKind, FaultId};
use crate::fault::{Fault, FaultKind};
use crate::metrics::Gauge;
use crate::packets;
use crate::scope::{FaultRecord, Scope};
use crate::seed::Seed;
use crate::trigger::Trigger;
use crate::wire::postgres::{Session, Trace};

#[cfg(feature = "toxiproxy")]
mod managed;

#[cfg(feature = "toxiproxy")]
pub(crate) use self::managed::ManagedLink;

/// How long closing a link may wait for its connections. They end at once, unless the machine is too
/// busy to run the thread that serves them.
const CLOSING: Duration = Duration::from_millis(200);

/// How long injecting a fault may wait for connections whose sockets it is to change. They do so at
/// once, unless the machine is too busy to run the thread that serves them.
const HEEDING: Duration = Duration::from_secs(1);

/// The state of a link, which its guards, its door and its connections share.
#[derive(Debug)]
pub(super) struct TcpLink {
    name: String,
    scope: Scope,
    /// How many connections are open, of those that count.
    connections: Gauge,
    /// The seed of the link.
    seed: Seed,
    upstream: Upstream,
    runtime: LinkRuntime,
    /// There where the protocol is known: the messages that passed, while they are asked for.
    trace: Option<Trace>,
    door: Door,
    state: Mutex<State>,
    /// Told when the link is closed.
    closing: Notify,
    /// What all connections moved that have ended.
    traffic: Arc<Traffic>,
    /// Told when the last connection of a closed link has ended.
    emptied: Condvar,
    /// Held while the door is made to follow the faults, so that two changes cannot overtake each
    /// other.
    door_keeper: Mutex<()>,
    /// Whether the journal says how packets are broken.
    wire_announced: AtomicBool,
    /// How many connections came through the port.
    through_port: Arc<AtomicU64>,
    /// What it shows clients that ask for TLS, if it speaks it in the server's place.
    #[cfg(feature = "tls")]
    certificate: Mutex<Option<Certificate>>,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    total: u64,
    /// How many connections there were that count for nothing.
    aside: u64,
    open: BTreeMap<u64, Arc<OpenConnection>>,
    /// In the order in which they were injected.
    faults: Vec<Injected>,
}

/// Whether a connection counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    /// It has an ordinal.
    Counted,
    /// It asks to cancel a query of another one, and is met by what meets all of them.
    Aside,
}

/// A fault that is active on the link.
#[derive(Debug)]
struct Injected {
    record: Arc<FaultRecord>,
    /// What all connections count together.
    tally: Arc<Tally>,
    /// How many connections it met.
    meetings: u64,
}

impl TcpLink {
    pub(super) fn open(
        scope: &Scope,
        name: &str,
        upstream: Upstream,
        trace: Option<Trace>,
    ) -> Result<Arc<Self>, LinkError> {
        let link = Self::open_with(scope, name, upstream, trace, Door::open, 0, Arc::default())?;
        link.accept();
        Ok(link)
    }

    /// A link with this door, which had `total` connections in an earlier life, and does not accept
    /// any yet.
    fn open_with(
        scope: &Scope,
        name: &str,
        upstream: Upstream,
        trace: Option<Trace>,
        door: impl FnOnce() -> io::Result<Door>,
        total: u64,
        traffic: Arc<Traffic>,
    ) -> Result<Arc<Self>, LinkError> {
        let runtime = LinkRuntime::get().map_err(|source| LinkError::Start { source })?;
        let door = {
            let _entered = runtime.handle().enter();
            door().map_err(|source| LinkError::Listen { link: name.to_owned(), source })?
        };
        let name = scope.name_link(name);
        scope.journal().record(EventKind::LinkOpened {
            link: name.clone(),
            listen: door.address().to_string(),
            upstream: upstream.to_string(),
        });
        Ok(Arc::new(Self {
            seed: scope.seed().named(&name),
            connections: scope.metrics().gauge(&format!("chaos.{name}.connections")),
            name,
            scope: scope.clone(),
            upstream,
            runtime,
            trace,
            door,
            state: Mutex::new(State { total, ..State::default() }),
            traffic,
            closing: Notify::new(),
            emptied: Condvar::new(),
            door_keeper: Mutex::default(),
            wire_announced: AtomicBool::new(false),
            through_port: Arc::default(),
            #[cfg(feature = "tls")]
            certificate: Mutex::default(),
        }))
    }

    /// Accepts connections from now on.
    fn accept(self: &Arc<Self>) {
        self.runtime.handle().spawn(admission::accept_all(Arc::clone(self)));
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.door.address()
    }

    pub(super) fn scope(&self) -> &Scope {
        &self.scope
    }

    pub(super) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    pub(super) fn runtime(&self) -> &LinkRuntime {
        &self.runtime
    }

    pub(super) fn door(&self) -> &Door {
        &self.door
    }

    pub(super) fn connections(&self) -> Connections {
        let state = self.state.lock();
        let open = state.open.values().filter(|connection| connection.counts()).count();
        Connections { open: open as u64, total: state.total }
    }

    /// Makes a fault act on all open connections and on those to come.
    pub(super) fn begin(self: &Arc<Self>, fault: Fault) -> Arc<FaultRecord> {
        let is_at_the_door = fault.kind.is_at_the_door();
        let is_on_sockets = fault.kind.is_on_sockets();
        if fault.message.is_some() && !self.reads_messages() {
            self.note(format!(
                "`{fault}` meets nothing on link `{}`, which does not know what protocol is spoken; \
                 for PostgreSQL open it with `Link::postgres`",
                self.name
            ));
        }
        let mut met = Vec::new();
        if fault.kind.is_in_kernel() {
            self.announce_wire();
        }
        let record = {
            let mut state = self.state.lock();
            let record = self.scope.start_fault(&self.name, fault);
            let tally = Arc::new(Tally::new(record.fault()));
            let mut injected = Injected { record: Arc::clone(&record), tally, meetings: 0 };
            for connection in state.open.values() {
                injected.meet(connection, self.seed);
                if is_on_sockets {
                    met.push((Arc::clone(connection), connection.epoch()));
                }
            }
            state.faults.push(injected);
            record
        };
        if is_at_the_door {
            self.turn_door();
        }
        let until = Instant::now() + HEEDING;
        for (connection, epoch) in met {
            connection.await_heed(epoch, until);
        }
        record
    }

    /// Has the wire there before a connection needs it, and says in the journal what it is.
    fn announce_wire(&self) {
        let first = !self.wire_announced.swap(true, Ordering::Relaxed);
        match packets::bring_up() {
            Ok(mechanism) if first => self.note(format!(
                "packet faults of link `{}` are done to real packets, on {mechanism}",
                self.name
            )),
            Ok(_) => {}
            Err(error) => {
                self.note(format!("a packet fault of link `{}` does not act: {error}", self.name));
            }
        }
    }

    /// Ends a fault. Nothing happens if it was ended before.
    pub(super) fn end(self: &Arc<Self>, record: &Arc<FaultRecord>) {
        {
            let mut state = self.state.lock();
            let active = |injected: &Injected| injected.record.id() == record.id();
            let Some(index) = state.faults.iter().position(active) else { return };
            state.faults.remove(index);
            for connection in state.open.values() {
                connection.part(record.id());
            }
        }
        if record.fault().kind.is_at_the_door() {
            self.turn_door();
        }
        record.end();
    }

    /// Gives a fault other numbers. It goes on where it is, in the record that is returned.
    #[cfg(feature = "toxiproxy")]
    fn change(&self, record: &Arc<FaultRecord>, fault: Fault) -> Arc<FaultRecord> {
        let mut state = self.state.lock();
        let changed = self.scope.change_fault(record, fault);
        let State { faults, open, .. } = &mut *state;
        let active = |injected: &&mut Injected| injected.record.id() == record.id();
        if let Some(injected) = faults.iter_mut().find(active) {
            injected.record = Arc::clone(&changed);
            for connection in open.values() {
                injected.change_on(connection, self.seed);
            }
        }
        changed
    }

    /// What a fault waits for has come, with bytes of connection `by`, which knows: has all others
    /// that met the fault feel it.
    pub(super) fn reach(&self, fault: FaultId, by: u64) {
        let others: Vec<_> = {
            let state = self.state.lock();
            state.open.values().filter(|it| it.ordinal() != by).map(Arc::clone).collect()
        };
        others.iter().for_each(|connection| connection.reach(fault));
    }

    /// Ends all faults.
    pub(super) fn heal(self: &Arc<Self>) {
        let records: Vec<_> =
            self.state.lock().faults.iter().map(|injected| Arc::clone(&injected.record)).collect();
        for record in &records {
            self.end(record);
        }
    }

    /// Closes the door and all connections, and waits a moment until their ends are in the journal,
    /// which may be closed next.
    pub(super) fn close(self: &Arc<Self>) {
        {
            let mut state = self.state.lock();
            state.closed = true;
            // Before the faults end: what a fault holds is not to be delivered at the last moment.
            for connection in state.open.values() {
                connection.close();
            }
        }
        {
            let _entered = self.runtime.handle().enter();
            self.door.close();
        }
        self.closing.notify_waiters();
        self.heal();
        let until = Instant::now() + CLOSING;
        let mut state = self.state.lock();
        while !state.open.is_empty() && !self.emptied.wait_until(&mut state, until).timed_out() {}
    }

    /// Makes the door do what the faults want it to do now.
    fn turn_door(self: &Arc<Self>) {
        let _keeper = self.door_keeper.lock();
        let stance = {
            let state = self.state.lock();
            let stances = || state.faults.iter().filter_map(Injected::stance);
            // A machine that refuses answers, so it is seen before one that does not.
            let refuses = stances().any(|stance| stance == Stance::Refuse);
            if refuses { Stance::Refuse } else { stances().next().unwrap_or(Stance::Accept) }
        };
        let _entered = self.runtime.handle().enter();
        match self.door.turn(stance) {
            Ok(waiting) => waiting.into_iter().for_each(|it| admission::admit_std(self, it)),
            Err(error) => {
                let action = match stance {
                    Stance::Accept => "accept connections again",
                    Stance::Refuse => "refuse connections",
                    Stance::Hang => "let connections hang",
                };
                self.note(format!("link `{}` failed to {action}: {error}", self.name));
            }
        }
    }

    /// Registers a connection that was accepted; `None` when the link was closed meanwhile.
    pub(super) fn register(&self) -> Option<Arc<OpenConnection>> {
        let mut state = self.state.lock();
        if state.closed {
            return None;
        }
        self.through_port.fetch_add(1, Ordering::Relaxed);
        Some(self.register_in(&mut state, Rank::Counted))
    }

    /// How many connections came through the port.
    pub(super) fn through_port(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.through_port)
    }

    /// Registers a connection that asks to cancel a query and counts for nothing; `None` when the link
    /// was closed meanwhile.
    pub(super) fn register_aside(&self) -> Option<Arc<OpenConnection>> {
        let mut state = self.state.lock();
        if state.closed { None } else { Some(self.register_in(&mut state, Rank::Aside)) }
    }

    /// The messages that pass, if their protocol is known.
    pub(super) fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    /// Whether the link knows the protocol of its messages.
    pub(super) fn reads_messages(&self) -> bool {
        self.trace.is_some()
    }

    /// Speaks TLS in the server's place to clients that come from now on and ask for it.
    #[cfg(feature = "tls")]
    pub(super) fn show(&self, certificate: &Certificate) {
        *self.certificate.lock() = Some(certificate.clone());
    }

    /// What it shows clients that ask for TLS, if it speaks it in the server's place.
    #[cfg(feature = "tls")]
    pub(super) fn certificate(&self) -> Option<Certificate> {
        self.certificate.lock().clone()
    }

    /// Ready when the link is closed.
    pub(super) async fn closed(&self) {
        let mut closing = pin!(self.closing.notified());
        closing.as_mut().enable();
        if !self.state.lock().closed {
            closing.await;
        }
    }

    /// Registers a connection that its client opens without the door; `None` while a fault acts at
    /// the door, through which the client has to come then.
    pub(super) fn register_stream(&self, rank: Rank) -> io::Result<Option<Arc<OpenConnection>>> {
        let mut state = self.state.lock();
        if state.closed {
            // Not at the door: somebody else may have its port by now.
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let is_barred = state.faults.iter().any(|injected| injected.stance().is_some());
        Ok((!is_barred).then(|| self.register_in(&mut state, rank)))
    }

    fn register_in(&self, state: &mut State, rank: Rank) -> Arc<OpenConnection> {
        let connection = match rank {
            Rank::Aside => {
                state.aside += 1;
                // From the other end than those that count.
                OpenConnection::aside(u64::MAX - state.aside)
            }
            Rank::Counted => {
                state.total += 1;
                let (link, connection) = (self.name.clone(), state.total);
                self.scope.journal().record(EventKind::ConnectionOpened { link, connection });
                self.connections.add(1.0);
                OpenConnection::new(connection)
            }
        };
        let connection = Arc::new(connection);
        for injected in &mut state.faults {
            injected.meet(&connection, self.seed);
        }
        state.open.insert(connection.key(), Arc::clone(&connection));
        connection
    }

    /// Whether a connection is known as open.
    pub(super) fn is_registered(&self, connection: &OpenConnection) -> bool {
        self.state.lock().open.contains_key(&connection.key())
    }

    /// Notes that a connection ended.
    pub(super) fn deregister(&self, connection: &OpenConnection, finale: &Finale) {
        if connection.counts() {
            self.connections.add(-1.0);
            self.scope.journal().record(EventKind::ConnectionClosed {
                link: self.name.clone(),
                connection: connection.ordinal(),
                how: finale.how,
                fault: finale.fault,
                upstream_bytes: finale.upstream_bytes,
                downstream_bytes: finale.downstream_bytes,
            });
        }
        self.traffic.count(finale);
        connection.heed(u64::MAX);
        // Only now: whoever waits for the end of the connection finds it in the journal.
        let mut state = self.state.lock();
        state.open.remove(&connection.key());
        if state.closed && state.open.is_empty() {
            self.emptied.notify_all();
        }
    }

    /// Follows the messages of a new connection, if their protocol is known.
    pub(super) fn session(&self, connection: &OpenConnection) -> Option<Box<Session>> {
        let trace = self.trace.clone()?;
        Some(Box::new(Session::new(connection.ordinal(), trace)))
    }

    /// Writes down what a person is to know of the messages of a connection, if there is anything.
    pub(super) fn note_of(&self, session: &mut Session) {
        if let Some(sentence) = session.take_sentence() {
            self.note(format!("link `{}`: {sentence}", self.name));
        }
    }

    /// Writes a note for a person into the journal.
    pub(super) fn note(&self, message: String) {
        self.scope.journal().record(EventKind::Note { message });
    }
}

impl Injected {
    /// What the fault wants the door to do, if anything.
    fn stance(&self) -> Option<Stance> {
        match self.record.fault().kind {
            FaultKind::Refuse => Some(Stance::Refuse),
            FaultKind::Hang | FaultKind::Partition | FaultKind::DeadPeer => Some(Stance::Hang),
            _ => None,
        }
    }

    /// Tells a connection of the numbers that the fault has now.
    ///
    /// The draw is the one that was made when they met. So a connection that it hit stays hit when it
    /// becomes more probable.
    #[cfg(feature = "toxiproxy")]
    fn change_on(&self, connection: &OpenConnection, link: Seed) {
        let seed = self.seed(connection, link);
        let trigger = self.record.fault().trigger;
        let acts = trigger.fires(NonZeroU64::MIN, connection.ordinal(), &mut seed.draws());
        let tally = Arc::new(Tally::new(self.record.fault()));
        connection.change_fault(Met { record: Arc::clone(&self.record), seed, tally }, acts);
    }

    /// What its draws for a connection derive from.
    fn seed(&self, connection: &OpenConnection, link: Seed) -> Seed {
        link.numbered(connection.ordinal()).numbered(self.record.id().0)
    }

    fn meet(&mut self, connection: &OpenConnection, link: Seed) {
        let fault = self.record.fault();
        if !fault.kind.is_on_connections() {
            // That is the door's business.
            return;
        }
        if !connection.counts() && (fault.trigger != Trigger::Always || fault.counts_over_link()) {
            return;
        }
        self.meetings += u64::from(connection.counts());
        let Some(meeting) = NonZeroU64::new(self.meetings.max(1)) else { return };
        let ordinal = connection.ordinal();
        let seed = self.seed(connection, link);
        if fault.trigger.fires(meeting, ordinal, &mut seed.draws()) {
            let tally = if fault.counts_over_link() {
                Arc::clone(&self.tally)
            } else {
                Arc::new(Tally::new(fault))
            };
            connection.meet(Met { record: Arc::clone(&self.record), seed, tally });
        }
    }
}
