//! What happened in one attempt, line by line, as it happens.
//!
//! Each event is one line of JSON and one `write` to a file opened for appending, so lines of
//! several threads and processes never mix, and what was written survives a killed process.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

use crate::event::{Event, EventKind};

/// Where the events of one attempt go. Clones write to the same place.
#[derive(Debug, Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    epoch: Instant,
    sink: Sink,
    /// Where the file is, if there is one.
    path: Option<PathBuf>,
    /// The first error of a write; what comes after is of no use without the lines before.
    broken: Mutex<Option<io::Error>>,
    /// Set once the last event is written. Writers hold it shared, so none is overtaken.
    closed: RwLock<bool>,
}

#[derive(Debug)]
enum Sink {
    File(File),
    Memory(Mutex<Vec<Event>>),
    Nowhere,
}

impl Journal {
    /// Starts a journal in the file `path`, which is appended to when it exists.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self::new(Sink::File(file), Some(path.to_owned())))
    }

    /// Starts a journal that is kept in memory: see [`Journal::events`].
    #[must_use]
    pub fn in_memory() -> Self {
        Self::new(Sink::Memory(Mutex::default()), None)
    }

    /// A journal that keeps nothing, for what runs for weeks or hundreds of times and is not asked.
    pub(crate) fn nowhere() -> Self {
        Self::new(Sink::Nowhere, None)
    }

    /// Whether anything that is written can be read later.
    pub(crate) fn is_kept(&self) -> bool {
        match self.inner.sink {
            Sink::File(_) | Sink::Memory(_) => true,
            Sink::Nowhere => false,
        }
    }

    fn new(sink: Sink, path: Option<PathBuf>) -> Self {
        let inner = Inner {
            epoch: Instant::now(),
            sink,
            path,
            broken: Mutex::new(None),
            closed: RwLock::new(false),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The file that it is written to, if it is written to one. What belongs to the attempt and is too
    /// large for an event is kept beside it.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.inner.path.as_deref()
    }

    /// When the attempt began; the times of all events count from here.
    #[must_use]
    pub fn epoch(&self) -> Instant {
        self.inner.epoch
    }

    /// The time since the attempt began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.inner.epoch.elapsed()
    }

    /// Writes an event that happens now.
    ///
    /// It does not fail: an error of the file is kept for [`Journal::finish`], because what is
    /// under test must not be disturbed.
    pub fn record(&self, what: EventKind) {
        self.record_at(self.inner.epoch.elapsed(), what);
    }

    /// Writes an event that happened at this time since the attempt began.
    pub fn record_at(&self, at: Duration, what: EventKind) {
        let closed = self.inner.closed.read();
        if !*closed {
            self.write(&Event::new(at, what));
        }
    }

    /// Writes events that have happened, in one `write`.
    pub(crate) fn record_all(&self, events: &[Event]) {
        let closed = self.inner.closed.read();
        if *closed || events.is_empty() {
            return;
        }
        match &self.inner.sink {
            Sink::Memory(all) => all.lock().extend_from_slice(events),
            Sink::File(file) => self.note_broken(write_lines(file, events)),
            Sink::Nowhere => {}
        }
    }

    /// Writes the last event. Whatever is recorded later is dropped, so that a reader who finds
    /// this event at the end knows that the journal is complete.
    pub fn close(&self, what: EventKind) {
        let mut closed = self.inner.closed.write();
        if !*closed {
            self.write(&Event::new(self.elapsed(), what));
            *closed = true;
        }
    }

    fn write(&self, event: &Event) {
        match &self.inner.sink {
            Sink::Memory(events) => events.lock().push(event.clone()),
            Sink::File(file) => self.note_broken(write_line(file, event)),
            Sink::Nowhere => {}
        }
    }

    fn note_broken(&self, written: io::Result<()>) {
        if let Err(error) = written {
            let _ = self.inner.broken.lock().get_or_insert(error);
        }
    }

    /// The events so far, if the journal is kept in memory; none otherwise.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        match &self.inner.sink {
            Sink::Memory(events) => events.lock().clone(),
            Sink::File(_) => Vec::new(),
            Sink::Nowhere => Vec::new(),
        }
    }

    /// Says whether everything was written.
    ///
    /// # Errors
    ///
    /// The first error that a write met.
    pub fn finish(&self) -> io::Result<()> {
        self.inner.broken.lock().take().map_or(Ok(()), Err)
    }
}

/// Writes any record as one line of JSON in one `write`.
///
/// # Errors
///
/// When the record cannot be written as JSON, or the file cannot be written to.
pub fn write_line(mut file: &File, record: &impl serde::Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    file.write_all(&line)
}

/// Writes records as lines in one `write`.
fn write_lines(mut file: &File, records: &[Event]) -> io::Result<()> {
    let mut lines = Vec::with_capacity(128 * records.len());
    for record in records {
        serde_json::to_writer(&mut lines, record)?;
        lines.push(b'\n');
    }
    file.write_all(&lines)
}

/// A line of a journal that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read line {line} of {}", path.display())]
pub struct UnreadableLine {
    path: PathBuf,
    line: usize,
    source: serde_json::Error,
}

/// What a file of lines held.
#[derive(Debug)]
pub struct Lines<T> {
    /// The records, in order.
    pub records: Vec<T>,
    /// The lines that could not be read: a process was killed in mid-write, or a newer version of
    /// the library wrote them.
    pub unreadable: Vec<UnreadableLine>,
}

/// Reads a file of JSON lines, such as a journal (`read::<Event>`).
///
/// Lines that cannot be read are returned beside the others, so that nothing is lost because of
/// one line.
///
/// # Errors
///
/// When the file cannot be read.
pub fn read<T: serde::de::DeserializeOwned>(path: &Path) -> io::Result<Lines<T>> {
    let mut lines = Lines { records: Vec::new(), unreadable: Vec::new() };
    for (index, line) in BufReader::new(File::open(path)?).split(b'\n').enumerate() {
        let line = line?;
        if line.is_empty() {
            continue;
        }
        match serde_json::from_slice(&line) {
            Ok(record) => lines.records.push(record),
            Err(source) => lines.unreadable.push(UnreadableLine {
                path: path.to_owned(),
                line: index + 1,
                source,
            }),
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(message: &str) -> EventKind {
        EventKind::Note { message: message.to_owned() }
    }

    #[test]
    fn lines_of_many_threads_stay_whole_and_a_torn_line_costs_only_itself() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.jsonl");
        let journal = Journal::create(&path).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let journal = &journal;
                scope.spawn(move || {
                    for _ in 0..500 {
                        journal.record(note(&format!("{thread}").repeat(3_000)));
                    }
                });
            }
        });
        journal.finish().unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"at\":1,\"wha").unwrap();

        let lines = read::<Event>(&path).unwrap();
        assert_eq!(lines.records.len(), 2_000);
        for event in &lines.records {
            let EventKind::Note { message } = &event.what else { panic!("{event:?}") };
            let first = message.chars().next().unwrap();
            assert!(message.len() == 3_000 && message.chars().all(|c| c == first));
        }
        assert_eq!(lines.unreadable.len(), 1);
        assert!(lines.unreadable[0].to_string().contains("line 2001"));
    }

    #[test]
    fn nothing_follows_the_last_event() {
        let journal = Journal::in_memory();
        std::thread::scope(|scope| {
            scope.spawn(|| (0..1_000).for_each(|_| journal.record(note("late or not"))));
            journal.close(note("last"));
        });
        assert_eq!(journal.events().last().unwrap().what, note("last"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_reported_at_the_end() {
        let journal = Journal::create(Path::new("/dev/full")).unwrap();
        journal.record(note("lost"));
        assert_eq!(journal.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
