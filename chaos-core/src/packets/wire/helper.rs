//! The process that is the wire.
//!
//! It is this program, started once more, with a socket to the process that started it in the place
//! of its standard input. It ends when that process does, however it ends, and the networks with it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::io;
use std::net::SocketAddrV4;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::{set_tcp_congestion, set_tcp_nodelay, tcp_congestion};
use rustix::net::{RecvFlags, SocketFlags, acceptfrom_with, bind, connect, getsockname};

use super::fate::Fates;
use super::frame::Frame;
use super::message::{self, Namespace, Order, Report, WireFault};
use super::network::{self, CLIENTS_END, Networks, Tap};
use crate::direction::Direction;
use crate::event::FaultId;

/// How many frames are taken from one side before the other one has its turn.
const BATCH: usize = 64;

/// How long a packet waits for others to overtake it when there are none.
const ALONE: Duration = Duration::from_millis(5);

/// Is the wire until nobody needs it any more, and returns the status to exit with.
///
/// Whoever started it may have put it into a user namespace already.
pub(super) fn main(is_in_user_namespace: bool) -> i32 {
    let control = rustix::stdio::stdin();
    let networks = match network::make() {
        Ok(networks) => networks,
        Err(reason) => {
            message::send(control, &Report::Refused { reason }, &[]).ok();
            return 1;
        }
    };
    let namespace = if is_in_user_namespace { Namespace::User } else { networks.namespace };
    let ready = Report::Ready { namespace };
    let served =
        message::send(control, &ready, &[]).and_then(|()| Wire::new(networks, control).serve());
    i32::from(served.is_err())
}

/// The wire and the pairs that are connected through it.
struct Wire<C> {
    networks: Networks,
    control: C,
    /// By the port of the client's end.
    pairs: HashMap<u16, Pair>,
    ports: HashMap<u64, u16>,
    /// What is under way, by when it arrives; the number keeps the order of those that arrive together.
    delayed: BinaryHeap<Reverse<Delayed>>,
    number: u64,
    /// How often faults acted and nobody was told yet.
    hits: BTreeMap<(u64, FaultId), u64>,
}

/// Two sockets that are connected through the wire.
struct Pair {
    flow: u64,
    /// Absent until the connection is made: what happens to that is not to be left to chance.
    fates: Option<Fates>,
    /// With the faults that act from the beginning.
    opening: Option<(OwnedFd, Vec<WireFault>)>,
    /// Those that wait for others to overtake them, upstream and downstream.
    overtaken: [Vec<Overtaken>; 2],
}

struct Overtaken {
    frame: Frame,
    by: u64,
    until: Instant,
}

struct Delayed {
    at: Instant,
    number: u64,
    direction: Direction,
    frame: Frame,
}

impl<C: AsFd> Wire<C> {
    fn new(networks: Networks, control: C) -> Self {
        Self {
            networks,
            control,
            pairs: HashMap::new(),
            ports: HashMap::new(),
            delayed: BinaryHeap::new(),
            number: 0,
            hits: BTreeMap::new(),
        }
    }

    fn serve(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let control = self.wait()?;
            if control && !self.obey()? {
                return Ok(());
            }
            for direction in [Direction::Upstream, Direction::Downstream] {
                for _ in 0..BATCH {
                    let Some(frame) = self.tap(direction).receive(&mut buffer) else { break };
                    self.pass(direction, frame);
                }
            }
            self.deliver_due();
            self.accept()?;
            self.tell_hits()?;
        }
    }

    /// Waits until there is something to do, and says whether there are orders.
    fn wait(&self) -> io::Result<bool> {
        let due = self.next_due().map(|at| at.saturating_duration_since(Instant::now()));
        let timeout = due.map(|due| Timespec {
            tv_sec: i64::try_from(due.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: due.subsec_nanos().into(),
        });
        let mut events = [
            PollFd::new(&self.control, PollFlags::IN),
            PollFd::new(&self.networks.clients, PollFlags::IN),
            PollFd::new(&self.networks.servers, PollFlags::IN),
            PollFd::new(&self.networks.listener, PollFlags::IN),
        ];
        match poll(&mut events, timeout.as_ref()) {
            Ok(_) => Ok(!events[0].revents().is_empty()),
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Does what it is told; false when nobody is there any more.
    fn obey(&mut self) -> io::Result<bool> {
        let Some((order, _)) = message::receive(&self.control, RecvFlags::empty())? else {
            return Ok(false);
        };
        match order {
            Order::Open { flow, faults, congestion_control } => {
                if let Err(error) = self.open(flow, faults, congestion_control.as_deref()) {
                    let reason = error.to_string();
                    self.tell(&Report::Failed { flow, reason })?;
                }
            }
            Order::Change { flow, version, faults } => {
                self.change(flow, faults);
                self.tell(&Report::Changed { flow, version })?;
            }
            Order::Close { flow } => {
                if let Some(port) = self.ports.remove(&flow) {
                    self.let_go(port);
                    self.pairs.remove(&port);
                }
            }
        }
        Ok(true)
    }

    fn tell(&self, report: &Report) -> io::Result<()> {
        message::send(&self.control, report, &[])
    }

    /// Begins to connect a pair.
    fn open(
        &mut self,
        flow: u64,
        faults: Vec<WireFault>,
        congestion_control: Option<&str>,
    ) -> io::Result<()> {
        let socket = network::tcp_socket()?;
        if let Some(name) = congestion_control {
            set_tcp_congestion(&socket, name)?;
        }
        bind(&socket, &SocketAddrV4::new(CLIENTS_END, 0))?;
        let port = SocketAddrV4::try_from(getsockname(&socket)?)?.port();
        match connect(&socket, &self.networks.address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let opening = Some((socket, faults));
        let pair = Pair { flow, fates: None, opening, overtaken: Default::default() };
        self.pairs.insert(port, pair);
        self.ports.insert(flow, port);
        Ok(())
    }

    /// Hands out the pairs that are connected by now.
    fn accept(&mut self) -> io::Result<()> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        loop {
            let (server, peer) = match acceptfrom_with(&self.networks.listener, flags) {
                Ok((server, Some(peer))) => (server, SocketAddrV4::try_from(peer)?),
                Ok((_, None)) | Err(Errno::CONNABORTED | Errno::INTR) => continue,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let Some(pair) = self.pairs.get_mut(&peer.port()) else { continue };
            let Some((client, faults)) = pair.opening.take() else { continue };
            pair.fates = Some(Fates::new(faults));
            let report = Report::Opened { flow: pair.flow };
            // As the client's end was told to, if it was.
            set_tcp_congestion(&server, &tcp_congestion(&client)?)?;
            set_tcp_nodelay(&client, true)?;
            set_tcp_nodelay(&server, true)?;
            message::send(&self.control, &report, &[client.as_fd(), server.as_fd()])?;
        }
    }

    fn change(&mut self, flow: u64, faults: Vec<WireFault>) {
        let Some(port) = self.ports.get(&flow).copied() else { return };
        let Some(pair) = self.pairs.get_mut(&port) else { return };
        match (&mut pair.fates, &mut pair.opening) {
            (Some(fates), _) => fates.set(faults),
            (None, Some((_, opening))) => *opening = faults,
            (None, None) => {}
        }
        // Nothing is held any longer by a fault that is over.
        self.let_go(port);
    }

    /// Sends those on their way that wait for others to overtake them.
    fn let_go(&mut self, port: u16) {
        let Some(pair) = self.pairs.get_mut(&port) else { return };
        let held = std::mem::take(&mut pair.overtaken);
        for (direction, held) in [Direction::Upstream, Direction::Downstream].into_iter().zip(held)
        {
            for overtaken in held {
                self.tap(direction.opposite()).send(&overtaken.frame);
            }
        }
    }

    /// Decides about a frame that came from the sender's side of this direction.
    fn pass(&mut self, direction: Direction, mut frame: Frame) {
        let port = frame.port(direction);
        frame.seal();
        let Some(Pair { flow, fates: Some(fates), overtaken, .. }) = self.pairs.get_mut(&port)
        else {
            self.tap(direction.opposite()).send(&frame);
            return;
        };
        let fate = fates.next(direction);
        for id in &fate.hits {
            *self.hits.entry((*flow, *id)).or_default() += 1;
        }
        let mut frames = Vec::new();
        if !fate.is_lost {
            if let Some(mut draws) = fate.damage {
                frame.damage(&mut draws);
            }
            if fate.is_doubled {
                frames.push(frame.clone());
            }
            frames.push(frame);
        }
        let now = Instant::now();
        let lane = &mut overtaken[usize::from(direction == Direction::Downstream)];
        let mut passed = Vec::new();
        if fate.overtaken_by > 0 {
            let until = now + ALONE + fate.delay;
            let held = |frame| Overtaken { frame, by: fate.overtaken_by, until };
            lane.extend(frames.into_iter().map(held));
        } else {
            let count = frames.len() as u64;
            passed = frames;
            lane.retain_mut(|held| {
                held.by = held.by.saturating_sub(count);
                if held.by == 0 {
                    passed.push(held.frame.clone());
                }
                held.by > 0
            });
        }
        for frame in passed {
            self.send(direction, frame, now, fate.delay);
        }
    }

    fn send(&mut self, direction: Direction, frame: Frame, now: Instant, delay: Duration) {
        if delay.is_zero() {
            self.tap(direction.opposite()).send(&frame);
            return;
        }
        self.number += 1;
        let (at, number) = (now + delay, self.number);
        self.delayed.push(Reverse(Delayed { at, number, direction, frame }));
    }

    /// When the next packet that waits is due.
    fn next_due(&self) -> Option<Instant> {
        let delayed = self.delayed.peek().map(|Reverse(delayed)| delayed.at);
        let overtaken = self.pairs.values().flat_map(|pair| pair.overtaken.iter().flatten());
        overtaken.map(|overtaken| overtaken.until).chain(delayed).min()
    }

    fn deliver_due(&mut self) {
        let now = Instant::now();
        while self.delayed.peek().is_some_and(|Reverse(delayed)| delayed.at <= now) {
            let Some(Reverse(delayed)) = self.delayed.pop() else { break };
            self.tap(delayed.direction.opposite()).send(&delayed.frame);
        }
        let Self { networks, pairs, .. } = self;
        for pair in pairs.values_mut() {
            for (lane, tap) in pair.overtaken.iter_mut().zip([&networks.servers, &networks.clients])
            {
                lane.retain(|held| {
                    let is_due = held.until <= now;
                    if is_due {
                        tap.send(&held.frame);
                    }
                    !is_due
                });
            }
        }
    }

    fn tell_hits(&mut self) -> io::Result<()> {
        for ((flow, fault), times) in std::mem::take(&mut self.hits) {
            self.tell(&Report::Hits { flow, fault, times })?;
        }
        Ok(())
    }

    /// Where the sender of this direction is heard.
    fn tap(&self, direction: Direction) -> &Tap {
        direction.pick(&self.networks.clients, &self.networks.servers)
    }
}

impl PartialEq for Delayed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Delayed {}

impl PartialOrd for Delayed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Delayed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}
