//! What everything in one attempt shares: its seed, its journal and the list of injected faults.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use crate::commit::Watchable;
use crate::event::{EventKind, FaultId};
use crate::fault::{Fault, FaultSpec};
use crate::journal::Journal;
use crate::leftover::EndChecks;
use crate::metrics::{Gauge, Metrics};
use crate::seed::Seed;
use crate::trigger::message::MessageMet;

/// What everything in one attempt shares. Clones share it too.
///
/// Targets are opened in a scope; most callers get theirs from [`Chaos`](crate::Chaos).
#[derive(Debug, Clone)]
pub struct Scope {
    inner: Arc<Inner>,
}

/// What a harness says of the test.
#[cfg_attr(not(feature = "property"), allow(dead_code, reason = "properties ask for it"))]
#[derive(Debug, Clone)]
pub(crate) struct TestOfScope {
    pub(crate) name: String,
    /// When the attempt has to be over.
    pub(crate) deadline: Option<Instant>,
}

#[derive(Debug)]
struct Inner {
    seed: Seed,
    journal: Journal,
    /// Shared by the scopes of its cases, as the journal is.
    next_fault: Arc<AtomicU64>,
    next_run: AtomicU64,
    #[cfg(feature = "property")]
    next_property: AtomicU64,
    test: OnceLock<TestOfScope>,
    next_exploration: AtomicU64,
    checks_determinism: AtomicBool,
    links: Mutex<Vec<String>>,
    ledger: Mutex<Vec<Arc<FaultRecord>>>,
    end_checks: EndChecks,
    /// The targets whose commits can be watched.
    committing: Mutex<Vec<Weak<dyn Watchable>>>,
    metrics: Metrics,
    /// How many requests for faults are under way, and what tells that none is any more.
    underway: Mutex<usize>,
    idle: Condvar,
}

impl Scope {
    /// A scope with this seed, whose events go to `journal`.
    #[must_use]
    pub fn new(seed: Seed, journal: Journal) -> Self {
        let metrics = Metrics::new(journal.clone());
        Self::with(seed, journal, metrics, Arc::new(AtomicU64::new(1)))
    }

    /// A scope for one case of many, with links, faults and checks at the end of its own. Its events
    /// go to the same journal, in which its faults have numbers of their own, and its figures are the test's.
    #[cfg(feature = "property")]
    pub(crate) fn for_case(&self, seed: Seed) -> Self {
        let Inner { journal, metrics, next_fault, .. } = &*self.inner;
        Self::with(seed, journal.clone(), metrics.clone(), Arc::clone(next_fault))
    }

    fn with(seed: Seed, journal: Journal, metrics: Metrics, next_fault: Arc<AtomicU64>) -> Self {
        let inner = Inner {
            seed,
            metrics,
            journal,
            next_fault,
            next_run: AtomicU64::new(0),
            #[cfg(feature = "property")]
            next_property: AtomicU64::new(0),
            test: OnceLock::new(),
            next_exploration: AtomicU64::new(1),
            checks_determinism: AtomicBool::new(false),
            links: Mutex::default(),
            ledger: Mutex::default(),
            end_checks: EndChecks::default(),
            committing: Mutex::default(),
            underway: Mutex::default(),
            idle: Condvar::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The seed of the attempt.
    #[must_use]
    pub fn seed(&self) -> Seed {
        self.inner.seed
    }

    /// The journal of the attempt.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.inner.journal
    }

    /// The name by which the journal knows a link that is to be called `wanted`: the second one of
    /// that name is `wanted-2`. The draws of its faults derive from it too.
    pub(crate) fn name_link(&self, wanted: &str) -> String {
        let mut taken = self.inner.links.lock();
        let mut name = wanted.to_owned();
        let mut number = 1_u32;
        while taken.contains(&name) {
            number += 1;
            name = format!("{wanted}-{number}");
        }
        taken.push(name.clone());
        name
    }

    /// The number of the run that begins now, counted from 0.
    pub(crate) fn begin_run(&self) -> u64 {
        self.inner.next_run.fetch_add(1, Ordering::Relaxed)
    }

    /// The number of the property that is tried now, counted from 0.
    #[cfg(feature = "property")]
    pub(crate) fn begin_property(&self) -> u64 {
        self.inner.next_property.fetch_add(1, Ordering::Relaxed)
    }

    /// Says which test this is. Only the first call counts.
    pub(crate) fn set_test(&self, test: TestOfScope) {
        self.inner.test.get_or_init(|| test);
    }

    /// What a harness said of the test.
    #[cfg(feature = "property")]
    pub(crate) fn test(&self) -> Option<&TestOfScope> {
        self.inner.test.get()
    }

    /// What is counted and timed in the attempt.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// The number of the exploration that begins now, counted from 1.
    pub(crate) fn begin_exploration(&self) -> u64 {
        self.inner.next_exploration.fetch_add(1, Ordering::Relaxed)
    }

    /// Has explorations only compare runs without faults.
    pub(crate) fn only_check_determinism(&self) {
        self.inner.checks_determinism.store(true, Ordering::Relaxed);
    }

    pub(crate) fn checks_determinism(&self) -> bool {
        self.inner.checks_determinism.load(Ordering::Relaxed)
    }

    /// What is looked at when the attempt has ended.
    pub(crate) fn end_checks(&self) -> &EndChecks {
        &self.inner.end_checks
    }

    /// Notes a target whose commits can be watched.
    pub(crate) fn watch_commits_of<W: Watchable + 'static>(&self, target: &Arc<W>) {
        let target: Arc<dyn Watchable> = Arc::<W>::clone(target);
        let mut targets = self.inner.committing.lock();
        targets.retain(|target| target.strong_count() > 0);
        targets.push(Arc::downgrade(&target));
    }

    /// The targets whose commits can be watched, and that are still there.
    pub(crate) fn committing(&self) -> Vec<Arc<dyn Watchable>> {
        self.inner.committing.lock().iter().filter_map(Weak::upgrade).collect()
    }

    /// Notes that a fault becomes active at the target, and returns the record in which the target
    /// counts what the fault touches.
    pub(crate) fn start_fault(
        &self,
        target: &str,
        fault: impl Into<FaultSpec>,
    ) -> Arc<FaultRecord> {
        let spec = fault.into();
        let id = FaultId(self.inner.next_fault.fetch_add(1, Ordering::Relaxed));
        let label = spec.to_string();
        let active = self.inner.metrics.gauge("chaos.faults.active");
        active.add(1.0);
        let record = Arc::new(FaultRecord {
            id,
            target: target.to_owned(),
            #[cfg(feature = "tracing")]
            span: Arc::new(crate::trace::FaultSpan::begin(id, target, &label)),
            label,
            spec,
            journal: self.inner.journal.clone(),
            started: Instant::now(),
            ended: Mutex::new(None),
            hits: AtomicU64::new(0),
            told: AtomicU64::new(0),
            messages: Arc::default(),
            connections: AtomicU64::new(0),
            touched: Mutex::default(),
            failed: AtomicBool::new(false),
            acted: Notify::new(),
            active,
        });
        self.inner.journal.record(EventKind::FaultStarted {
            fault: id,
            target: record.target.clone(),
            label: record.label.clone(),
            spec: record.spec.clone(),
        });
        if self.inner.journal.is_kept() {
            self.inner.ledger.lock().push(Arc::clone(&record));
        }
        record
    }

    /// The record of a fault that goes on as `fault`, under the same number.
    #[cfg(feature = "toxiproxy")]
    pub(crate) fn change_fault(&self, record: &FaultRecord, fault: Fault) -> Arc<FaultRecord> {
        Arc::new(FaultRecord {
            id: record.id,
            target: record.target.clone(),
            label: fault.to_string(),
            spec: fault.into(),
            journal: self.inner.journal.clone(),
            started: record.started,
            ended: Mutex::new(None),
            hits: AtomicU64::new(record.hits()),
            connections: AtomicU64::new(record.connections()),
            touched: Mutex::default(),
            told: AtomicU64::new(record.told.load(Ordering::Relaxed)),
            messages: record.messages(),
            failed: AtomicBool::new(false),
            acted: Notify::new(),
            active: record.active.clone(),
            #[cfg(feature = "tracing")]
            span: Arc::clone(&record.span),
        })
    }

    /// All faults that were injected so far, in order.
    #[must_use]
    pub fn faults(&self) -> Vec<Arc<FaultRecord>> {
        self.inner.ledger.lock().clone()
    }

    /// Notes that a fault is about to take effect, or to be undone, until what is returned is
    /// dropped.
    pub(crate) fn begin_request(&self) -> Underway {
        *self.inner.underway.lock() += 1;
        Underway { scope: self.clone() }
    }

    /// Waits until no fault is being undone any more, nor about to take effect for somebody who has
    /// gone, so that what its end has to tell is told.
    ///
    /// Faults that nobody has cleared or dropped are not waited for. Returns whether it came to an
    /// end in time.
    pub fn await_undone(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut underway = self.inner.underway.lock();
        while *underway > 0 {
            if self.inner.idle.wait_until(&mut underway, until).timed_out() {
                return *underway == 0;
            }
        }
        true
    }
}

/// A fault is about to take effect, or to be undone, as long as this exists.
#[derive(Debug)]
pub(crate) struct Underway {
    scope: Scope,
}

impl Drop for Underway {
    fn drop(&mut self) {
        let mut underway = self.scope.inner.underway.lock();
        *underway -= 1;
        if *underway == 0 {
            self.scope.inner.idle.notify_all();
        }
    }
}

/// Of how many messages at which a fault acted the journal has a line.
const MESSAGES_TOLD: u64 = 1000;

/// One injected fault: when it was active, and what it touched.
#[derive(Debug)]
pub struct FaultRecord {
    id: FaultId,
    target: String,
    label: String,
    spec: FaultSpec,
    journal: Journal,
    started: Instant,
    ended: Mutex<Option<Instant>>,
    hits: AtomicU64,
    /// At how many messages it acted.
    told: AtomicU64,
    /// How many messages counted, over all connections.
    messages: Arc<AtomicU64>,
    connections: AtomicU64,
    /// What [`touch`](Self::touch) was told of.
    touched: Mutex<HashSet<u64>>,
    /// Whether it never took effect.
    failed: AtomicBool,
    /// Told when it acts.
    acted: Notify,
    /// How many faults of the attempt are active.
    active: Gauge,
    /// What the tracing backend of the code under test shows of it.
    #[cfg(feature = "tracing")]
    span: Arc<crate::trace::FaultSpan>,
}

impl FaultRecord {
    /// Which fault of the attempt it is.
    #[must_use]
    pub fn id(&self) -> FaultId {
        self.id
    }

    /// The name of the link, or of what else it was injected into.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The fault.
    #[must_use]
    pub fn spec(&self) -> &FaultSpec {
        &self.spec
    }

    /// The fault, of a record that a link started.
    pub(crate) fn fault(&self) -> &Fault {
        match &self.spec {
            FaultSpec::Link(fault) => fault,
            other => unreachable!("`{other}` was injected into a link"),
        }
    }

    /// How often it acted so far: chunks of data that it affected, connections that it ended,
    /// sessions that it met.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// How many connections, sessions or other things it touched so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// When it became active, since the attempt began.
    #[must_use]
    pub fn started(&self) -> Duration {
        self.started - self.journal.epoch()
    }

    /// When it was cleared, since the attempt began; absent while it is active.
    #[must_use]
    pub fn ended(&self) -> Option<Duration> {
        self.ended.lock().map(|ended| ended - self.journal.epoch())
    }

    /// How long it was active, until now if it still is.
    #[must_use]
    pub fn active_for(&self) -> Duration {
        self.ended.lock().unwrap_or_else(Instant::now) - self.started
    }

    /// Whether it is still active.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.ended.lock().is_none()
    }

    /// Why the fault proves nothing, if it ended (or is about to) without having touched anything.
    #[must_use]
    pub fn vacuity(&self) -> Option<String> {
        let Self { label, target, spec, .. } = self;
        // Of one that never took effect an error was told.
        let failed = self.failed.load(Ordering::Relaxed);
        let excused = spec.may_be_idle() || !spec.is_observable() || failed;
        if excused || self.hits() > 0 {
            return None;
        }
        let link = if matches!(spec, FaultSpec::Link(_)) { "link " } else { "" };
        let seconds = self.active_for().as_secs_f64();
        let silence = spec.silence();
        Some(format!(
            "the fault `{label}` on {link}`{target}` was active {seconds:.1} s and {silence} If it \
             may be idle, say so: `.may_be_idle()`"
        ))
    }

    /// Counts that the fault acted `times` times on something other than a connection of a link,
    /// such as a session: `what` is a number that tells it apart from others of its kind.
    pub(crate) fn touch(&self, what: u64, times: u64) {
        let is_first = self.touched.lock().insert(what);
        self.hit(what, times, is_first);
    }

    /// Notes that the fault did not take effect, of which an error tells.
    pub(crate) fn fail(&self) {
        self.failed.store(true, Ordering::Relaxed);
        self.end();
    }

    /// Counts that the fault acted on a connection `times` times, for the first time if `is_first`.
    ///
    /// A connection may hear of the end of the fault a moment later than whoever ended it. What the
    /// fault does in that moment does not count: its end has been told with the numbers of then.
    pub(crate) fn hit(&self, connection: u64, times: u64, is_first: bool) {
        let ended = self.ended.lock();
        if ended.is_some() {
            return;
        }
        self.hits.fetch_add(times, Ordering::Relaxed);
        self.acted.notify_one();
        if is_first {
            self.connections.fetch_add(1, Ordering::Relaxed);
            self.journal.record(EventKind::FaultHit { fault: self.id, connection });
        }
    }

    /// Waits until the fault has acted. One at a time may wait.
    pub(crate) async fn until_hit(&self) {
        while self.hits() == 0 {
            self.acted.notified().await;
        }
    }

    /// How many messages counted for its trigger, over all connections.
    pub(crate) fn messages(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.messages)
    }

    /// Notes a message at which the fault acted, unless there were many before.
    pub(crate) fn met(&self, connection: u64, met: MessageMet) {
        if self.is_active() && self.told.fetch_add(1, Ordering::Relaxed) < MESSAGES_TOLD {
            let MessageMet { direction, nth, message } = met;
            let fault = self.id;
            self.journal.record(EventKind::MessageHit {
                fault,
                connection,
                direction,
                nth,
                message,
            });
        }
    }

    /// Notes that the fault was cleared. Only the first call counts.
    pub(crate) fn end(&self) {
        let mut ended = self.ended.lock();
        if ended.is_none() {
            *ended = Some(Instant::now());
            self.active.add(-1.0);
            let (hits, connections) = (self.hits(), self.connections());
            self.journal.record(EventKind::FaultEnded { fault: self.id, hits, connections });
            #[cfg(feature = "tracing")]
            self.span.end(hits, connections);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::stall;

    #[test]
    fn no_two_links_have_the_same_name() {
        let scope = Scope::new(Seed(1), Journal::in_memory());
        let names = ["db", "db-2", "db", "db", "cache"].map(|wanted| scope.name_link(wanted));
        assert_eq!(names, ["db", "db-2", "db-3", "db-4", "cache"]);
    }

    #[test]
    fn what_a_fault_does_after_its_end_was_told_does_not_count() {
        let journal = Journal::in_memory();
        let scope = Scope::new(Seed(1), journal.clone());
        let record = scope.start_fault("postgres", Fault::from(stall()));
        record.hit(7, 2, true);
        record.hit(7, 3, false);
        assert_eq!(scope.metrics().gauge("chaos.faults.active").get(), Some(1.0));
        record.end();
        record.end();
        assert_eq!(scope.metrics().gauge("chaos.faults.active").get(), Some(0.0));
        record.hit(8, 1, true);
        assert_eq!((record.hits(), record.connections()), (5, 1));
        let events: Vec<_> = journal.events().into_iter().map(|event| event.what).collect();
        let fault = record.id();
        let hit = EventKind::FaultHit { fault, connection: 7 };
        let ended = EventKind::FaultEnded { fault, hits: 5, connections: 1 };
        assert_eq!(events[1..], [hit, ended]);
    }
}
