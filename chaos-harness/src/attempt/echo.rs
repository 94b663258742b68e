//! What an attempt writes to its standard error, passed on as it comes and remembered to its end.
//!
//! Only its text tells a stack overflow from an abort, so it is looked at also where nothing is
//! captured, as under nextest.

use std::io::{self, Read, Write};
use std::process::ChildStderr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

/// How long the end is waited for. What the attempt had started may keep the pipe open for longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Passes on what an attempt writes to its standard error.
#[derive(Debug)]
pub(super) struct Echo {
    end: Arc<Mutex<Vec<u8>>>,
    done: Receiver<()>,
}

impl Echo {
    /// Passes on what comes out of `pipe` to the standard error of this process, from a thread of
    /// its own, and remembers the last `length` bytes.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub(super) fn start(pipe: ChildStderr, length: usize) -> io::Result<Self> {
        Self::pass_on(pipe, length, io::stderr())
    }

    fn pass_on(
        mut from: impl Read + Send + 'static,
        length: usize,
        mut to: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let end = Arc::new(Mutex::new(Vec::new()));
        let (sender, done) = mpsc::sync_channel(1);
        let remembered = Arc::clone(&end);
        let pass_on = move || {
            let mut buffer = [0; 8 * 1024];
            loop {
                let bytes = match from.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => &buffer[..count],
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(_) => break,
                };
                // Nobody reads it any more, which must not stop the attempt.
                to.write_all(bytes).and_then(|()| to.flush()).ok();
                let mut end = remembered.lock();
                end.extend_from_slice(bytes);
                let excess = end.len().saturating_sub(length);
                end.drain(..excess);
            }
            // The receiver is gone when nobody waits for the end.
            sender.send(()).ok();
        };
        thread::Builder::new().name("chaos-echo".to_owned()).spawn(pass_on)?;
        Ok(Self { end, done })
    }

    /// The last of what was written, once the attempt has ended.
    pub(super) fn finish(self) -> String {
        // Without its end there is at least what was written so far.
        self.done.recv_timeout(PATIENCE).ok();
        String::from_utf8_lossy(&self.end.lock()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn everything_is_passed_on_and_the_end_is_remembered() {
        let text = "0123456789".repeat(2_000) + "the end";
        let written = Written::default();
        let from = io::Cursor::new(text.clone());
        let echo = Echo::pass_on(from, 10, written.clone()).unwrap();
        assert_eq!(echo.finish(), "789the end");
        assert_eq!(*written.0.lock(), text.as_bytes());
    }
}
