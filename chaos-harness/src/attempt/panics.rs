//! Panics of an attempt, wherever in the process they happen.
//!
//! A panic in a spawned task is swallowed by its `JoinHandle`, and one in a thread by nobody at
//! all; the panic hook hears of both.

use std::any::Any;
use std::panic::PanicHookInfo;
use std::sync::{Arc, Once};
use std::thread::ThreadId;

use chaos_core::event::EventKind;
use chaos_core::journal::Journal;
use parking_lot::Mutex;

/// A panic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Panic {
    pub(super) thread: String,
    pub(super) message: String,
    pub(super) location: Option<String>,
    /// Whether it was the thread that runs the test, and no task or thread that the test spawned.
    pub(super) in_test: bool,
}

/// Records all panics of this process until it is dropped.
#[derive(Debug)]
pub(super) struct Recorder {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    test_thread: ThreadId,
    journal: Journal,
    panics: Mutex<Vec<Panic>>,
}

/// Who records just now. There is one attempt at a time in a process.
static CURRENT: Mutex<Option<Arc<Inner>>> = Mutex::new(None);

impl Recorder {
    /// Records from now on. The thread that calls it is the one that runs the test.
    pub(super) fn start(journal: Journal) -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let print = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                record(info);
                print(info);
            }));
        });
        let test_thread = std::thread::current().id();
        let inner = Arc::new(Inner { test_thread, journal, panics: Mutex::default() });
        *CURRENT.lock() = Some(Arc::clone(&inner));
        Self { inner }
    }

    /// The panics so far, in order.
    pub(super) fn panics(&self) -> Vec<Panic> {
        self.inner.panics.lock().clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        *CURRENT.lock() = None;
    }
}

fn record(info: &PanicHookInfo<'_>) {
    // The lock is not held while the journal is written to.
    let Some(inner) = CURRENT.lock().clone() else { return };
    let thread = std::thread::current();
    let panic = Panic {
        thread: thread.name().unwrap_or("<unnamed>").to_owned(),
        message: message_of(info.payload()),
        location: info.location().map(ToString::to_string),
        in_test: thread.id() == inner.test_thread,
    };
    inner.journal.record(EventKind::Panicked {
        thread: panic.thread.clone(),
        message: panic.message.clone(),
        location: panic.location.clone(),
        in_test: panic.in_test,
    });
    inner.panics.lock().push(panic);
}

/// The message of a panic, as far as it has one.
pub(super) fn message_of(payload: &(dyn Any + Send)) -> String {
    if let Some(message) = payload.downcast_ref::<&str>() {
        (*message).to_owned()
    } else if let Some(message) = payload.downcast_ref::<String>() {
        message.clone()
    } else {
        "(a panic whose payload is no text)".to_owned()
    }
}
