//! Where the lines go.

use std::io::{self, Write};
use std::sync::Arc;

use parking_lot::Mutex;

/// The standard output, or what stands for it, for several threads.
///
/// An error ends the writing and nothing else: a pipe that was closed, as by `cargo test | head`,
/// must not fail a test.
#[derive(Clone)]
pub(in crate::report) struct SharedOutput {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    out: Box<dyn Write + Send>,
    broken: bool,
}

impl SharedOutput {
    pub(super) fn new(out: impl Write + Send + 'static) -> Self {
        Self { inner: Arc::new(Mutex::new(Inner { out: Box::new(out), broken: false })) }
    }

    /// Writes, and flushes.
    pub(super) fn write(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let mut inner = self.inner.lock();
        if !inner.broken {
            let out = inner.out.as_mut();
            inner.broken = write(out).and_then(|()| out.flush()).is_err();
        }
    }
}

impl std::fmt::Debug for SharedOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedOutput").finish_non_exhaustive()
    }
}
