//! The thread on which faults are done and undone, apart from the links and from every test.

use std::future::Future;
use std::io;
use std::thread;

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle};

use super::SabotageError;

/// Runs a future on the thread of the saboteurs, which is started when it is first asked for and
/// stays until the process ends.
///
/// Nothing on it may block; `tokio::task::spawn_blocking` has threads for that.
pub(crate) fn spawn(
    future: impl Future<Output = ()> + Send + 'static,
) -> Result<(), SabotageError> {
    let handle = handle().map_err(|source| SabotageError::Thread { source })?;
    handle.spawn(future);
    Ok(())
}

fn handle() -> io::Result<Handle> {
    static RUNTIME: Mutex<Option<Handle>> = Mutex::new(None);
    let mut running = RUNTIME.lock();
    if let Some(handle) = &*running {
        return Ok(handle.clone());
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new().name("chaos-saboteur".to_owned()).spawn(move || {
        runtime.block_on(std::future::pending::<()>());
    })?;
    Ok(running.insert(handle).clone())
}
