//! What others do, or a kill, between any two steps of those who append, read, make files compact and
//! merge.

use std::cell::Cell;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use super::writers::{DIRECTORY, SHARD, next_number};
use super::*;
use crate::test_history::segments::step::{Step, during};

/// How long somebody is given to do what a lock keeps him from. Too short, it would not fail where it
/// should; it never fails where it should not.
const LONG_ENOUGH: Duration = Duration::from_millis(200);

/// What is known at first of [`TEST`], and of "other" to the shard.
const KNOWN: (u64, u64, u64) = (7, 1, 1);
const IN_SHARD: u64 = 3;

/// A history in a compact file and several files of lines, and a shard of another machine.
struct Files {
    ours: tempfile::TempDir,
    shard: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let files =
            Self { ours: tempfile::tempdir().unwrap(), shard: tempfile::tempdir().unwrap() };
        let history = files.history("first");
        attempt(&history, TEST, 1, failed(FailureKind::Check));
        history.record_started(&started(TEST, 1)).unwrap();
        for _ in 0..3 {
            files.begin_another();
            attempt(&history, TEST, 1, Verdict::Passed);
        }
        assert!(files.compact());
        for _ in 0..3 {
            files.begin_another();
            attempt(&history, TEST, 1, Verdict::Passed);
        }
        assert_eq!(files.numbers(), ["2.compact", "3", "4", "5", "6", "7"]);
        let other = History::open(&files.shard.path().join("history"), suite("shard")).unwrap();
        for _ in 0..IN_SHARD {
            attempt(&other, "other", 1, Verdict::Passed);
        }
        files
    }

    fn history(&self, run: &str) -> History {
        History::open(self.ours.path(), suite(run)).unwrap()
    }

    /// Makes a newer file, as whoever finds the last one full.
    fn begin_another(&self) {
        begin_another(self.ours.path());
    }

    fn compact(&self) -> bool {
        compact(self.ours.path())
    }

    /// The files, without the zeros they begin with and the `.jsonl` they end with.
    fn numbers(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.ours.path().join("ledger.chaos")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut numbers: Vec<String> = names
            .filter_map(|name| Some(name.strip_suffix(".jsonl")?.trim_start_matches('0').into()))
            .collect();
        numbers.sort();
        numbers
    }

    /// What a process knows that reads all of it.
    fn known(&self) -> (u64, u64, u64) {
        counts(&self.history("reader"), TEST)
    }

    /// Whatever happened: this is known, others can go on, and then it still is.
    fn assert_known(&self, mut known: (u64, u64, u64), what: &str) {
        assert_eq!(self.known(), known, "{what}");
        attempt(&self.history("next"), TEST, 1, Verdict::Passed);
        known.0 += 1;
        for _ in 0..2 {
            self.begin_another();
        }
        assert!(self.compact(), "{what}");
        assert_eq!(self.known(), known, "{what}, made compact");
        let sources = [self.shard.path().to_owned()];
        merge(self.ours.path(), &sources).unwrap();
        assert_eq!(merge(self.ours.path(), &sources).unwrap()[0].added, 0, "{what}");
        let history = self.history("reader");
        assert_eq!(counts(&history, TEST), known, "{what}, merged");
        assert_eq!(counts(&history, "other"), (IN_SHARD, 0, 0), "{what}, merged");
        assert_eq!(history.take_problems(), Vec::<String>::new(), "{what}");
    }
}

fn begin_another(directory: &Path) {
    let path = file(directory, next_number(directory));
    OpenOptions::new().create(true).append(true).open(path).unwrap();
}

fn compact(directory: &Path) -> bool {
    let history = History::open(directory, suite("compact")).unwrap();
    history.segments.compact(Memory::of_all(), merge::compact_lines).unwrap()
}

/// Does something in a thread of its own, and waits so long for it as something takes that need not
/// wait for anybody.
fn beside(work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let (done, is_done) = channel();
    let thread = std::thread::spawn(move || {
        work();
        done.send(()).ok();
    });
    is_done.recv_timeout(LONG_ENOUGH).ok();
    thread
}

#[test]
fn what_is_appended_at_any_step_of_a_compaction_is_kept() {
    let files = Files::new();
    let directory = files.ours.path().to_owned();
    let threads = Rc::new(std::cell::RefCell::new(Vec::new()));
    let stops = Rc::clone(&threads);
    let append = move |step| {
        let directory = directory.clone();
        // While files are removed it has to wait, so it does so beside.
        stops.borrow_mut().push(beside(move || {
            let history = History::open(&directory, suite(&format!("{step:?}"))).unwrap();
            attempt(&history, TEST, 1, Verdict::Passed);
        }));
    };
    assert!(during(append, || files.compact()));
    let appended = threads.take();
    assert!(appended.len() >= 8, "{}", appended.len());
    let (n, failures, open) = (KNOWN.0 + appended.len() as u64, KNOWN.1, KNOWN.2);
    for thread in appended {
        thread.join().unwrap();
    }
    files.assert_known((n, failures, open), "appended meanwhile");
}

#[test]
fn files_are_not_replaced_while_somebody_is_about_to_append_to_one_or_to_open_them() {
    for stop_at in [Step::Chosen, Step::Opened, Step::Listed] {
        let files = Files::new();
        let directory = files.ours.path().to_owned();
        let stopped = Rc::new(Cell::new(0));
        let count = Rc::clone(&stopped);
        // Of whoever appends, at the last of three lines: the end of the attempt.
        let nth = if stop_at == Step::Listed { 1 } else { 3 };
        let stop = move |step| {
            count.set(count.get() + u64::from(step == stop_at));
            if step == stop_at && count.get() == nth {
                // The file that was chosen is now one of those that would be replaced.
                (0..3).for_each(|_| begin_another(&directory));
                assert!(!compact(&directory), "it was made compact at {step:?}");
            }
        };
        let history = files.history("stopped");
        if stop_at == Step::Listed {
            assert_eq!(during(stop, || counts(&history, TEST)), KNOWN);
            files.assert_known(KNOWN, "read meanwhile");
        } else {
            during(stop, || attempt(&history, TEST, 1, Verdict::Passed));
            files.assert_known((KNOWN.0 + 1, KNOWN.1, KNOWN.2), "made compact meanwhile");
        }
        assert_eq!(stopped.get(), nth);
    }
}

/// Does something in a thread of its own, which stops at a step until it is told to go on. Returns when
/// it is there.
fn stopped<T: Send + 'static>(
    at: Step,
    work: impl FnOnce() -> T + Send + 'static,
) -> (Sender<()>, JoinHandle<T>) {
    let (here, is_here) = channel();
    let (go_on, may_go_on) = channel();
    let stop = move |step| {
        if step == at {
            here.send(()).ok();
            // Who has nothing more to tell has let it go on.
            may_go_on.recv().ok();
        }
    };
    let thread = std::thread::spawn(move || during(stop, work));
    is_here.recv().unwrap();
    (go_on, thread)
}

#[test]
fn a_line_is_not_lost_that_is_written_after_its_file_was_read_and_before_it_is_removed() {
    let files = Files::new();
    let directory = files.ours.path().to_owned();
    let history = files.history("stopped");
    history.record_started(&started(TEST, 1)).unwrap();
    let (go_on, appender) = stopped(Step::Opened, move || {
        history.record_ended(&ended(TEST, 1, Verdict::Passed), true).unwrap();
    });
    let appender = Rc::new(Cell::new(Some((go_on, appender))));
    (0..3).for_each(|_| begin_another(&directory));
    let let_go = Rc::clone(&appender);
    let finish = move |step| {
        if step == Step::Read {
            let (go_on, appender) = let_go.take().unwrap();
            drop(go_on);
            appender.join().unwrap();
        }
    };
    assert!(!during(finish, || files.compact()), "it was read while somebody was about to write");
    let (go_on, appender) = appender.take().unwrap();
    drop(go_on);
    appender.join().unwrap();
    files.assert_known((KNOWN.0 + 1, KNOWN.1, KNOWN.2), "written in between");
}

#[test]
fn whoever_is_about_to_open_the_files_when_they_are_to_be_removed_finds_them() {
    let files = Files::new();
    let mut history = Some(files.history("stopped"));
    let reader = Rc::new(Cell::new(None));
    let begun = Rc::clone(&reader);
    let begin = move |step| {
        if step == Step::Written {
            let history = history.take().unwrap();
            begun.set(Some(stopped(Step::Listed, move || counts(&history, TEST))));
        }
    };
    assert!(!during(begin, || files.compact()), "they were removed while somebody opened them");
    let (go_on, reader) = reader.take().unwrap();
    drop(go_on);
    assert_eq!(reader.join().unwrap(), KNOWN);
    files.assert_known(KNOWN, "read in between");
}

#[test]
fn of_those_who_replace_files_one_does_so_at_a_time() {
    for merges in [false, true] {
        let files = Files::new();
        let directory = files.ours.path().to_owned();
        let steps = Rc::new(Cell::new(0));
        let count = Rc::clone(&steps);
        let stop = move |step| {
            count.set(count.get() + 1);
            // Something to do for whoever could.
            begin_another(&directory);
            assert!(!compact(&directory), "two did so at {step:?}");
        };
        let sources = [files.shard.path().to_owned()];
        match merges {
            true => during(stop, || drop(merge(files.ours.path(), &sources).unwrap())),
            false => assert!(during(stop, || files.compact())),
        }
        assert!(steps.get() >= 4, "{}", steps.get());
        files.assert_known(KNOWN, "another one tried");
    }
}

#[test]
fn a_shard_is_not_lost_when_its_merger_comes_in_the_midst_of_a_compaction() {
    for stop_at in [Step::Frozen, Step::Read, Step::Written, Step::Named] {
        let files = Files::new();
        let (ours, shard) = (files.ours.path().to_owned(), files.shard.path().to_owned());
        let merger = Rc::new(Cell::new(None));
        let begun = Rc::clone(&merger);
        let stop = move |step| {
            if step == stop_at {
                let (ours, shard) = (ours.clone(), shard.clone());
                begun.set(Some(beside(move || drop(merge(&ours, &[shard]).unwrap()))));
            }
        };
        assert!(during(stop, || files.compact()));
        merger.take().unwrap().join().unwrap();
        let known = counts(&files.history("reader"), "other");
        assert_eq!(known, (IN_SHARD, 0, 0), "merged at {stop_at:?}");
        files.assert_known(KNOWN, "merged meanwhile");
    }
}

#[test]
fn whoever_reads_does_not_meet_a_merger_in_the_midst_of_its_removals() {
    let files = Files::new();
    // What a process leaves that is killed before it has removed what it replaced.
    let compact = |number: u64| {
        files.ours.path().join("ledger.chaos").join(format!("{number:08}.compact.jsonl"))
    };
    std::fs::copy(compact(2), compact(1)).unwrap();
    let (ours, shard) = (files.ours.path().to_owned(), files.shard.path().to_owned());
    let merger = Rc::new(Cell::new(None));
    let begun = Rc::clone(&merger);
    let stop = move |step| {
        if step == Step::Listed {
            let (ours, shard) = (ours.clone(), shard.clone());
            begun.set(Some(beside(move || drop(merge(&ours, &[shard]).unwrap()))));
        }
    };
    let history = files.history("stopped");
    assert_eq!(during(stop, || counts(&history, TEST)), KNOWN);
    merger.take().unwrap().join().unwrap();
    assert_eq!(counts(&history, "other"), (IN_SHARD, 0, 0));
    assert_eq!(files.numbers(), ["2.compact", "3", "4", "5", "6", "7"]);
    files.assert_known(KNOWN, "merged meanwhile");
}

/// What a process does that this test binary starts, and at which step it is killed.
const KILLED_AT: &str = "CHAOS_HARNESS_TEST_HISTORY_KILLED_AT";

/// What a process does that is killed at a step.
fn play(part: &str, killed_at: &str, ours: &Path, shard: &Path) {
    let (wanted, is_torn) = match killed_at.strip_suffix(" and torn") {
        Some(step) => (step.to_owned(), true),
        None => (killed_at.to_owned(), false),
    };
    let newest = file(ours, next_number(ours) - 1);
    let kill = move |step: Step| {
        if format!("{step:?}") != wanted {
            return;
        }
        if is_torn {
            let mut raw = OpenOptions::new().append(true).open(&newest).unwrap();
            raw.write_all(b"{\"package\":\"ledger\",\"bin").unwrap();
        }
        let this = rustix::process::getpid();
        rustix::process::kill_process(this, rustix::process::Signal::KILL).unwrap();
    };
    during(kill, || match part {
        "append" => {
            let history = History::open(ours, suite("killed")).unwrap();
            history.record_started(&started(TEST, 1)).unwrap();
        }
        "compact" => assert!(compact(ours)),
        "merge" => drop(merge(ours, &[shard.to_owned()]).unwrap()),
        other => panic!("there is no part {other:?}"),
    });
}

#[test]
fn nothing_is_lost_or_counted_twice_when_somebody_is_killed_at_any_step() {
    const NAME: &str = "test_history::tests::steps::nothing_is_lost_or_counted_twice_when_somebody_is_killed_at_any_step";
    if let Ok(killed_at) = std::env::var(KILLED_AT) {
        let (part, step) = killed_at.split_once(' ').unwrap();
        let directory = |name: &str| PathBuf::from(std::env::var_os(name).unwrap());
        return play(part, step, &directory(DIRECTORY), &directory(SHARD));
    }
    for killed_at in [
        "append Chosen",
        "append Opened",
        "append Opened and torn",
        "compact Frozen",
        "compact Read",
        "compact Writing",
        "compact Written",
        "compact Named",
        "compact Removed",
        "merge Listed",
        "merge Read",
        "merge Writing",
        "merge Written",
        "merge Named",
    ] {
        let files = Files::new();
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME])
            .env(KILLED_AT, killed_at)
            .env(DIRECTORY, files.ours.path())
            .env(SHARD, files.shard.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.signal(), Some(9), "{killed_at}: {output:?}");
        if killed_at.ends_with("torn") {
            // Nobody can tell yet whether the line is being written; who comes next ends it.
            attempt(&files.history("other"), "other", 1, Verdict::Passed);
            let reader = files.history("reader");
            assert_eq!(counts(&reader, TEST), KNOWN, "{killed_at}");
            assert_eq!(reader.take_problems().len(), 1, "{killed_at}");
            assert_eq!(counts(&reader, "other"), (1, 0, 0), "{killed_at}");
            continue;
        }
        files.assert_known(KNOWN, killed_at);
    }
}

#[test]
fn half_a_line_in_a_file_that_is_not_the_newest_is_torn_once_nobody_can_be_writing_it() {
    let files = Files::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let other = History::open(elsewhere.path(), suite("elsewhere")).unwrap();
    attempt(&other, TEST, 1, Verdict::Passed);
    let text = std::fs::read(file(elsewhere.path(), 1)).unwrap();
    let half = text.len() - 20;
    let directory = files.ours.path().to_owned();
    let newest = file(&directory, next_number(&directory) - 1);
    let write = |path: &Path, text: &[u8]| {
        OpenOptions::new().append(true).open(path).unwrap().write_all(text).unwrap();
    };
    let reader = Rc::new(files.history("reader"));
    let (beside, path) = (Rc::clone(&reader), newest.clone());
    let stop = move |step| {
        if step == Step::Opened {
            // As whoever is about to write would, were his write in two parts.
            write(&path, &text[..half]);
            begin_another(&directory);
            // The attempt has started, and its end is not to be read yet.
            assert_eq!(counts(&beside, TEST), (KNOWN.0, KNOWN.1, KNOWN.2 + 1));
            assert_eq!(beside.take_problems(), Vec::<String>::new());
            write(&path, &text[half..]);
        }
    };
    let history = files.history("stopped");
    during(stop, || history.record_systemic(0, 0).unwrap());
    let known = (KNOWN.0 + 1, KNOWN.1, KNOWN.2);
    assert_eq!(counts(&reader, TEST), known);
    assert_eq!(reader.take_problems(), Vec::<String>::new());

    write(&newest, b"{\"package\":\"ledger\",\"bin");
    assert_eq!(counts(&reader, TEST), known);
    assert_eq!(reader.take_problems().len(), 1);
}

#[test]
fn an_append_is_one_try_whatever_those_do_who_make_files_compact() {
    let files = Files::new();
    let directory = files.ours.path().to_owned();
    let (stop, compacted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let rival = || {
        let (directory, stop) = (directory.clone(), Arc::clone(&stop));
        let compacted = Arc::clone(&compacted);
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                begin_another(&directory);
                compacted.fetch_add(u64::from(compact(&directory)), Ordering::Relaxed);
            }
        })
    };
    let rivals = [rival(), rival()];
    let tries = Rc::new(Cell::new(0));
    let count = Rc::clone(&tries);
    let history = files.history("appended");
    let begin = std::time::Instant::now();
    let attempts = during(
        move |step| count.set(count.get() + u64::from(step == Step::Chosen)),
        || {
            let mut attempts = 0;
            // More than 2,000 would not be looked at.
            while attempts < 400 || (attempts < 1_500 && compacted.load(Ordering::Relaxed) == 0) {
                attempt(&history, TEST, 1, Verdict::Passed);
                attempts += 1;
            }
            attempts
        },
    );
    let (took, compacted) = (begin.elapsed(), compacted.load(Ordering::Relaxed));
    stop.store(true, Ordering::Relaxed);
    rivals.into_iter().for_each(|rival| rival.join().unwrap());
    // The line about the run, and two about each attempt.
    assert_eq!(tries.get(), 2 * attempts + 1);
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert!(compacted > 0, "nobody was in its way in {took:?}");
    files.assert_known((KNOWN.0 + attempts, KNOWN.1, KNOWN.2), "beside rivals");
}
