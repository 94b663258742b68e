//! Processes that write to one history at once, and are killed while they do.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::*;

/// What this test binary, started again, is to do until it is killed, and with which directories.
const PART: &str = "CHAOS_HARNESS_TEST_HISTORY_PART";
pub(super) const DIRECTORY: &str = "CHAOS_HARNESS_TEST_HISTORY_DIRECTORY";
pub(super) const SHARD: &str = "CHAOS_HARNESS_TEST_HISTORY_SHARD";

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

/// Starts a test of this module in a process of its own.
fn start(test: &str, part: &str, directory: &Path, shard: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", &format!("test_history::tests::writers::{test}")])
        .env(PART, part)
        .env(DIRECTORY, directory)
        .env(SHARD, shard)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Reads lines until one of them says this; how many did not.
fn await_line(output: &mut impl BufRead, wanted: &str) -> u64 {
    let mut others = 0;
    let mut line = String::new();
    loop {
        line.clear();
        let length = output.read_line(&mut line).unwrap();
        assert!(length > 0, "the process ended too early");
        if line.contains(wanted) {
            return others;
        }
        others += 1;
    }
}

#[test]
fn many_processes_write_at_once_and_each_is_killed_in_the_midst_of_an_attempt() {
    const NAME: &str = "many_processes_write_at_once_and_each_is_killed_in_the_midst_of_an_attempt";
    if let Some(directory) = variable(DIRECTORY) {
        let history = History::open(&directory, suite("writers")).unwrap();
        for _ in 0..300 {
            attempt(&history, TEST, 1, Verdict::Passed);
        }
        history.record_started(&started(TEST, 1)).unwrap();
        println!("written");
        std::thread::sleep(Duration::from_secs(60));
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut writers: Vec<_> =
        (0..6).map(|_| start(NAME, "write", directory.path(), Path::new(""))).collect();
    for writer in &mut writers {
        let mut output = BufReader::new(writer.stdout.take().unwrap());
        await_line(&mut output, "written");
        writer.kill().unwrap();
        writer.wait().unwrap();
    }
    let history = History::open(directory.path(), suite("reader")).unwrap();
    assert_eq!(counts(&history, TEST), (1_800, 0, 6));
    assert_eq!(history.take_problems(), Vec::<String>::new());
}

/// What the processes do that are killed at any time: one appends, and tells each attempt that it has
/// appended; one makes files compact; one merges a shard, again and again.
fn play(part: &str, directory: &Path, shard: &Path) {
    let history = History::open(directory, suite("killed")).unwrap();
    println!("begun");
    match part {
        "append" => {
            // More than 2,000 would not be looked at.
            for _ in 0..100 {
                attempt(&history, TEST, 1, Verdict::Passed);
                println!("appended");
            }
            std::thread::sleep(Duration::from_secs(60));
        }
        "compact" => loop {
            history.segments.compact(Memory::of_all(), merge::compact_lines).unwrap();
            std::thread::yield_now();
        },
        "merge" => loop {
            merge(directory, &[shard.to_owned()]).unwrap();
        },
        other => panic!("there is no part {other:?}"),
    }
}

#[test]
fn nothing_is_lost_when_those_who_append_compact_and_merge_are_killed_at_any_time() {
    const NAME: &str =
        "nothing_is_lost_when_those_who_append_compact_and_merge_are_killed_at_any_time";
    const SHARDS: u64 = 40;
    if let (Some(part), Some(directory), Some(shard)) =
        (variable(PART), variable(DIRECTORY), variable(SHARD))
    {
        return play(part.to_str().unwrap(), &directory, &shard);
    }
    let directory = tempfile::tempdir().unwrap();
    let shard = tempfile::tempdir().unwrap();
    let other = History::open(&shard.path().join("history"), suite("shard")).unwrap();
    for _ in 0..SHARDS {
        attempt(&other, "other", 1, Verdict::Passed);
    }
    let _made = History::open(directory.path(), suite("first")).unwrap();
    let mut told = 0;
    for round in 0..6 {
        // Full files, so that there is something to make compact while all this goes on.
        for _ in 0..9 {
            fill(&file(directory.path(), next_number(directory.path())));
        }
        let parts = ["append", "append", "append", "compact", "compact", "merge"];
        let mut children: Vec<Child> =
            parts.iter().map(|part| start(NAME, part, directory.path(), shard.path())).collect();
        let outputs = children.iter_mut().map(|child| child.stdout.take().unwrap());
        let mut outputs: Vec<_> = outputs.map(BufReader::new).collect();
        for output in &mut outputs {
            await_line(output, "begun");
        }
        // Each time at another place.
        for _ in 0..(5 + 11 * round) {
            await_line(&mut outputs[0], "appended");
            told += 1;
        }
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let rest = outputs.into_iter().flat_map(|output| output.lines().map_while(Result::ok));
        told += rest.filter(|line| line == "appended").count() as u64;
    }
    merge(directory.path(), &[shard.path().to_owned()]).unwrap();
    let history = History::open(directory.path(), suite("reader")).unwrap();
    let (n, failures, missing) = counts(&history, TEST);
    // Who is killed between the line and telling of it has appended one more, in each round.
    assert!((told..=told + 18).contains(&n), "{n} are known, and {told} were told");
    assert!(failures == 0 && missing <= 18, "{failures} failures, {missing} without an end");
    assert_eq!(counts(&history, "other"), (SHARDS, 0, 0));
    let again = merge(directory.path(), &[shard.path().to_owned()]).unwrap();
    assert_eq!(again[0].added, 0);
    let problems = history.take_problems();
    assert!(problems.is_empty() || problems[0].contains("cannot be read"), "{problems:?}");
}

/// A file of lines that is full.
fn fill(path: &Path) {
    let long = "x".repeat(usize::try_from(segments::FULL).unwrap());
    // An attempt whose outcome no version knows is read and not remembered.
    let line = format!(
        r#"{{"package":"ledger","binary":"chaos","test":"filler","version":1,"event":{{"ended":{{"id":1,"run":"filler","attempt":1,"seed":1,"unix_ms":1,"duration_ns":1,"outcome":"unheard-of","message":"{long}","counts":false}}}}}}"#
    );
    let mut raw = OpenOptions::new().create(true).append(true).open(path).unwrap();
    raw.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// The number after that of the newest file.
pub(super) fn next_number(directory: &Path) -> u64 {
    let names = std::fs::read_dir(directory.join("ledger.chaos")).unwrap();
    let numbers = names.filter_map(|entry| {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        name.split('.').next()?.parse::<u64>().ok()
    });
    numbers.max().unwrap_or(0) + 1
}
