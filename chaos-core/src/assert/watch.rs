//! Who is told of an assertion: the attempt that it belongs to.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};

use super::{Assertion, AssertionKind};
use crate::event::EventKind;
use crate::journal::Journal;

/// How many violations of one assertion are told as they happen; the last line has the count of all.
const TOLD: u64 = 10;

/// How many watch: what an assertion costs where nobody does is to read this.
static WATCHES: AtomicUsize = AtomicUsize::new(0);

static OPEN: RwLock<Vec<Arc<Watch>>> = RwLock::new(Vec::new());

thread_local! {
    /// The attempt that this thread belongs to; gone when that has ended.
    static OWNER: RefCell<Option<Weak<Watch>>> = const { RefCell::new(None) };
}

/// Collects the assertions of one attempt until it is finished or dropped. The harness does so for
/// every attempt; see [`Chaos::watch_assertions`](crate::Chaos::watch_assertions).
#[derive(Debug)]
#[must_use = "nothing is watched once it is dropped"]
pub struct AssertionWatch {
    watch: Arc<Watch>,
}

#[derive(Debug)]
struct Watch {
    journal: Journal,
    seen: Mutex<Option<Seen>>,
}

type Seen = BTreeMap<(AssertionKind, String), Assertion>;

impl AssertionWatch {
    pub(crate) fn begin(journal: &Journal) -> Self {
        let seen = Mutex::new(Some(BTreeMap::new()));
        let watch = Arc::new(Watch { journal: journal.clone(), seen });
        OWNER.set(Some(Arc::downgrade(&watch)));
        OPEN.write().push(Arc::clone(&watch));
        WATCHES.fetch_add(1, Ordering::Relaxed);
        Self { watch }
    }

    /// What a thread calls first that belongs to this attempt, as those of its runtime do.
    pub fn thread_entry(&self) -> impl Fn() + Send + Sync + 'static {
        let watch = Arc::downgrade(&self.watch);
        move || OWNER.set(Some(Weak::clone(&watch)))
    }

    /// Ends the watch, and says what was seen, in the order of kinds and names.
    pub fn finish(self) -> Vec<Assertion> {
        self.watch.end()
    }
}

impl Drop for AssertionWatch {
    fn drop(&mut self) {
        self.watch.end();
    }
}

impl Watch {
    fn end(self: &Arc<Self>) -> Vec<Assertion> {
        let Some(seen) = self.seen.lock().take() else { return Vec::new() };
        WATCHES.fetch_sub(1, Ordering::Relaxed);
        OPEN.write().retain(|open| !Arc::ptr_eq(open, self));
        let all: Vec<Assertion> = seen.into_values().collect();
        for assertion in &all {
            self.tell(assertion);
        }
        all
    }

    fn tell(&self, assertion: &Assertion) {
        self.journal.record(EventKind::Assertion { assertion: assertion.clone() });
    }

    fn observe(
        &self,
        kind: AssertionKind,
        name: &str,
        holds: bool,
        details: impl FnOnce() -> String,
        location: &Location<'_>,
    ) {
        let mut seen = self.seen.lock();
        let Some(seen) = &mut *seen else { return };
        let assertion = seen.entry((kind, name.to_owned())).or_insert_with(|| Assertion {
            kind,
            name: name.to_owned(),
            reached: 0,
            held: 0,
            location: Some(location.to_string()),
            details: None,
        });
        let was_missing = assertion.is_missing();
        let is_first = assertion.reached == 0;
        assertion.reached += 1;
        assertion.held += u64::from(holds);
        let is_wrong = !holds && kind != AssertionKind::Sometimes;
        let wrong = assertion.reached - assertion.held;
        if is_wrong && wrong == 1 {
            assertion.location = Some(location.to_string());
            assertion.details = Some(details()).filter(|details| !details.is_empty());
        }
        // Enough to know of it if the process is killed.
        let came_about = was_missing && !assertion.is_missing();
        if is_first || came_about || (is_wrong && wrong <= TOLD) {
            self.tell(assertion);
        }
    }
}

/// Whether anybody watches at all.
#[must_use]
pub fn is_watched() -> bool {
    WATCHES.load(Ordering::Relaxed) > 0
}

/// Notes that an assertion was reached.
#[track_caller]
pub fn observe(kind: AssertionKind, name: &str, holds: bool, details: impl FnOnce() -> String) {
    if let Some(watch) = owner() {
        watch.observe(kind, name, holds, details, Location::caller());
    }
}

/// The attempt that this thread belongs to. One that belongs to none yet belongs to the only one that
/// there is, from now on.
fn owner() -> Option<Arc<Watch>> {
    // While the thread ends there is no such variable any more.
    let known = OWNER.try_with(|owner| owner.borrow().clone()).ok()?;
    if let Some(known) = known {
        return known.upgrade();
    }
    let open = OPEN.read();
    let [only] = open.as_slice() else { return None };
    OWNER.set(Some(Arc::downgrade(only)));
    Some(Arc::clone(only))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{always, reachable, sometimes, unreachable};

    /// Those of one process take turns: a thread of nobody belongs to the only attempt.
    static TURN: Mutex<()> = Mutex::new(());

    fn named<'a>(all: &'a [Assertion], name: &str) -> &'a Assertion {
        all.iter().find(|assertion| assertion.name == name).unwrap()
    }

    #[test]
    fn what_is_seen_is_counted_by_name_and_told() {
        let _turn = TURN.lock();
        let journal = Journal::in_memory();
        let watch = AssertionWatch::begin(&journal);
        for number in 0..3 {
            always!(number < 2, "small", "it was {number}");
            sometimes!(number == 1, "one");
            sometimes!(number == 7, "seven");
            reachable!("here");
        }
        if journal.events().is_empty() {
            unreachable!("without a word");
        }
        let all = watch.finish();
        let small = named(&all, "small");
        assert_eq!((small.reached, small.held, small.is_violated()), (3, 2, true));
        let text = "always! `small` did not hold 1 of 3 times; the first time: it was 2";
        assert_eq!(small.to_string(), text);
        assert!(small.location.as_deref().unwrap().contains("watch.rs:"));
        assert!(!named(&all, "one").is_missing() && named(&all, "seven").is_missing());
        assert!(!named(&all, "here").is_missing());
        assert_eq!(all.len(), 4);
        let told = journal.events().into_iter().filter_map(|event| match event.what {
            EventKind::Assertion { assertion } => Some(assertion),
            _ => None,
        });
        let last: BTreeMap<_, _> = told.map(|it| (it.name.clone(), it)).collect();
        assert_eq!(last.into_values().collect::<Vec<_>>().len(), 4);
    }

    #[test]
    fn outside_of_a_test_the_condition_is_not_evaluated() {
        let _turn = TURN.lock();
        let evaluated = || -> bool { panic!("evaluated") };
        always!(evaluated(), "nothing");
        sometimes!(evaluated(), "nothing");
    }

    #[test]
    fn a_thread_that_outlives_its_test_tells_the_next_one_nothing() {
        let _turn = TURN.lock();
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let first = AssertionWatch::begin(&Journal::in_memory());
        let thread = std::thread::spawn(move || {
            reachable!("on a thread of nobody");
            gone.recv().unwrap();
            always!(false, "of the first test");
        });
        // It belongs to the first one once it has told it something.
        while first.watch.seen.lock().as_ref().unwrap().is_empty() {
            std::thread::yield_now();
        }
        assert_eq!(first.finish().len(), 1);
        let second = AssertionWatch::begin(&Journal::in_memory());
        go.send(()).unwrap();
        thread.join().unwrap();
        assert_eq!(second.finish(), []);
    }

    #[test]
    fn of_several_tests_at_once_each_knows_its_own_thread_only() {
        let _turn = TURN.lock();
        let first = AssertionWatch::begin(&Journal::in_memory());
        let entry = first.thread_entry();
        let second = AssertionWatch::begin(&Journal::in_memory());
        always!(false, "of the second");
        std::thread::spawn(move || {
            entry();
            always!(false, "of the first");
        })
        .join()
        .unwrap();
        std::thread::spawn(|| always!(false, "of nobody")).join().unwrap();
        let names = |all: Vec<Assertion>| all.into_iter().map(|it| it.name).collect::<Vec<_>>();
        assert_eq!(names(first.finish()), ["of the first"]);
        assert_eq!(names(second.finish()), ["of the second"]);
    }
}
