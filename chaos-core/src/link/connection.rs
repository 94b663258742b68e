//! What a link and the task of one of its connections tell each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::engine::{Ended, StreamEnd, Tally};
use crate::event::FaultId;
use crate::scope::FaultRecord;
use crate::seed::Seed;

/// An open connection, as its link knows it.
#[derive(Debug)]
pub(super) struct OpenConnection {
    key: u64,
    ordinal: u64,
    orders: Mutex<Orders>,
    /// Raised with every change of the orders.
    epoch: AtomicU64,
    /// Whom changes wake. Not an `AtomicWaker`: that may wake a waker while it is registered, and a
    /// stream that is woken follows its orders at once, under the lock that it registers under.
    task: Mutex<Option<Waker>>,
    /// Up to which epoch its sockets are as the orders have them; absent until it is forwarded.
    heeded: Mutex<Option<u64>>,
    /// Told when that changes.
    heeding: Condvar,
}

/// What the link wants done with a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Orders {
    /// The faults that met it, in the order in which they were injected.
    pub(super) faults: Vec<Met>,
    /// How it is to end now. This is never taken back: a cut that was injected and cleared at once
    /// has cut.
    pub(super) ending: Option<Ending>,
}

/// A fault that met a connection and acts on it.
#[derive(Debug, Clone)]
pub(super) struct Met {
    pub(super) record: Arc<FaultRecord>,
    /// What its draws for this connection derive from.
    pub(super) seed: Seed,
    /// What has come of what it waits for.
    pub(super) tally: Arc<Tally>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Fault(Ended),
    LinkClosed,
}

impl OpenConnection {
    pub(super) fn new(ordinal: u64) -> Self {
        Self::known_as(ordinal, ordinal)
    }

    /// One that is no session of a client, and counts for nothing: a request to cancel.
    pub(super) fn aside(key: u64) -> Self {
        Self::known_as(key, 0)
    }

    fn known_as(key: u64, ordinal: u64) -> Self {
        Self {
            key,
            ordinal,
            orders: Mutex::default(),
            epoch: AtomicU64::new(1),
            task: Mutex::default(),
            heeded: Mutex::default(),
            heeding: Condvar::new(),
        }
    }

    /// By what its link knows it.
    pub(super) fn key(&self) -> u64 {
        self.key
    }

    /// Whether it counts as a connection of its link.
    pub(super) fn counts(&self) -> bool {
        self.ordinal > 0
    }

    /// Which connection of the link it is, counted from 1; 0 if it counts for nothing.
    pub(super) fn ordinal(&self) -> u64 {
        self.ordinal
    }

    /// A fault begins to act on the connection.
    pub(super) fn meet(&self, met: Met) {
        self.change(|orders| match met.tally.ends() {
            // One that comes later than others that were injected after it goes before them.
            None => {
                let id = met.record.id();
                let place = orders.faults.partition_point(|known| known.record.id() < id);
                orders.faults.insert(place, met);
            }
            Some(how) => self.end_by(orders, &met.record, how),
        });
    }

    /// What a fault waits for has come on another connection. If this one met the fault, it feels it.
    pub(super) fn reach(&self, fault: FaultId) {
        self.change(|orders| {
            let met = orders.faults.iter().find(|met| met.record.id() == fault).cloned();
            if let Some((met, how)) = met.and_then(|met| met.tally.ends().map(|how| (met, how))) {
                self.end_by(orders, &met.record, how);
            }
        });
    }

    /// A fault that may act on the connection goes on with other numbers, in a record of the same
    /// name; from now on it acts on the connection, or from now on it does not.
    #[cfg(feature = "toxiproxy")]
    pub(super) fn change_fault(&self, met: Met, acts: bool) {
        self.change(|orders| {
            let place = orders.faults.partition_point(|known| known.record.id() < met.record.id());
            let known = orders.faults.get_mut(place).filter(|it| it.record.id() == met.record.id());
            match (known, acts) {
                (Some(known), true) => *known = met,
                (Some(_), false) => drop(orders.faults.remove(place)),
                (None, true) => orders.faults.insert(place, met),
                (None, false) => {}
            }
        });
    }

    fn end_by(&self, orders: &mut Orders, record: &FaultRecord, how: StreamEnd) {
        if orders.ending.is_none() {
            // Counted here and not by the task, so that it is known when `inject` returns.
            record.hit(self.ordinal, 1, true);
            orders.ending = Some(Ending::Fault(Ended { fault: record.id(), how }));
        }
    }

    /// A fault acts no longer.
    pub(super) fn part(&self, fault: FaultId) {
        self.change(|orders| orders.faults.retain(|met| met.record.id() != fault));
    }

    /// The link is closed.
    pub(super) fn close(&self) {
        self.end(Ending::LinkClosed);
    }

    /// It is to end like this, unless it is to end already.
    pub(super) fn end(&self, how: Ending) {
        self.change(|orders| {
            orders.ending.get_or_insert(how);
        });
    }

    fn change(&self, change: impl FnOnce(&mut Orders)) {
        {
            let mut orders = self.orders.lock();
            change(&mut orders);
            self.epoch.fetch_add(1, Ordering::Release);
        }
        let task = self.task.lock().take();
        task.into_iter().for_each(Waker::wake);
    }

    /// Has the task of this waker woken by changes from now on.
    pub(super) fn watch(&self, waker: &Waker) {
        let mut task = self.task.lock();
        if task.as_ref().is_some_and(|known| known.will_wake(waker)) {
            return;
        }
        let before = task.replace(waker.clone());
        drop(task);
        drop(before);
    }

    /// Changes whenever the orders do.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The orders, and the epoch that they belong to.
    pub(super) fn orders(&self) -> (u64, Orders) {
        let orders = self.orders.lock();
        (self.epoch.load(Ordering::Acquire), orders.clone())
    }

    /// Notes that the sockets of the connection are as the orders of this epoch have them.
    pub(super) fn heed(&self, epoch: u64) {
        *self.heeded.lock() = Some(epoch);
        self.heeding.notify_all();
    }

    /// Waits until the sockets of the connection are as the orders of this epoch have them, but no
    /// longer than `until`. A connection that is being opened sees to it before it moves a byte.
    pub(super) fn await_heed(&self, epoch: u64, until: Instant) {
        let mut heeded = self.heeded.lock();
        while heeded.is_some_and(|heeded| heeded < epoch) {
            if self.heeding.wait_until(&mut heeded, until).timed_out() {
                return;
            }
        }
    }

    pub(super) fn ending(&self) -> Option<Ending> {
        self.orders.lock().ending
    }
}
