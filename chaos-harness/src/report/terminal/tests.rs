//! Tests of the terminal as a whole: what is written for the events of a run.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::*;
use crate::report::sample;

/// What was written so far.
#[derive(Clone, Default)]
pub(in crate::report) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub(in crate::report) fn output(&self) -> SharedOutput {
        SharedOutput::new(self.clone())
    }

    pub(in crate::report) fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn options(directory: &Path) -> TerminalOptions {
    TerminalOptions {
        terse: false,
        color: Color::Never,
        no_capture: false,
        show_output: false,
        run_directory: directory.to_owned(),
        report: Some(directory.join("report.json").display().to_string()),
        explores_only: None,
        replays_case: None,
    }
}

/// What the sample run looks like, with `RUN` for its directory.
fn shown(change: impl FnOnce(&mut TerminalOptions), colour: bool) -> String {
    let directory = tempfile::tempdir().unwrap();
    sample::write_files(directory.path());
    let mut options = options(directory.path());
    change(&mut options);
    let written = Written::default();
    let mut terminal = Terminal::with(options, Style { colour }, written.output(), None);
    for event in sample::events() {
        terminal.event(&event);
    }
    written.text().replace(&directory.path().display().to_string(), "RUN")
}

/// Set to rewrite the file with what is shown now, to be read before it is committed.
const UPDATE: &str = "CHAOS_UPDATE_EXPECTED";

#[test]
fn a_run_looks_as_it_was_agreed() {
    let shown = shown(|_| {}, false);
    if std::env::var_os(UPDATE).is_some() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/terminal/expected.txt");
        std::fs::write(file, &shown).unwrap();
        return;
    }
    let expected = include_str!("expected.txt").replace('\r', "");
    assert!(shown == expected, "set {UPDATE}=1 if this is better:\n{shown}");
}

#[test]
fn tools_that_know_libtest_understand_every_line_of_a_test_and_the_last_one() {
    let shown = shown(|_| {}, false);
    let mut verdicts = Vec::new();
    for line in shown.lines().filter(|line| line.starts_with("test ") && line.contains(" ... ")) {
        let (name, rest) = line["test ".len()..].split_once(" ... ").unwrap();
        let verdict = rest.split([' ', ',']).next().unwrap();
        verdicts.push((name.trim_end(), verdict));
    }
    assert_eq!(
        verdicts,
        [
            ("network::packets_are_lost", "ignored"),
            ("slow_one", "ignored"),
            ("refused", "ok"),
            ("latency_is_survived", "ok"),
            ("bank::money_is_conserved", "FAILED"),
            ("may_hang", "ignored"),
            ("old_version", "ignored"),
            ("under_load", "ignored"),
        ]
    );
    assert!(shown.starts_with("\nrunning 8 tests\n"));
    assert!(shown.ends_with(
        "\ntest result: FAILED. 2 passed; 1 failed; 5 ignored; 0 measured; 4 filtered out; finished in 71.23s\n\n"
    ));
}

#[test]
fn what_only_explorations_obey_is_told_with_the_tests_that_explore() {
    let only = |options: &mut TerminalOptions| {
        options.explores_only = Some("CHAOS_REPLAY=c1.b2.cut".into())
    };
    let shown = shown(only, false);
    let told = "explored    CHAOS_REPLAY=c1.b2.cut concerns 1 of 8 tests, the others ran as usual: \
                bank::money_is_conserved; name these to run them alone\n";
    assert!(shown.contains(told), "{shown}");
}

#[test]
fn a_pipe_gets_no_control_characters_and_no_passwords() {
    let shown = shown(|options| options.show_output = true, false);
    assert!(!shown.contains("hunter2"));
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
}

#[test]
fn what_passed_tests_wrote_is_shown_when_it_is_asked_for() {
    let hint = "connected after 3 attempts";
    assert!(!shown(|_| {}, false).contains(hint));
    let shown = shown(|options| options.show_output = true, false);
    let (_, rest) = shown.split_once("\nsuccesses:\n\n---- refused ----\n").unwrap();
    assert!(rest.starts_with("  stdout   RUN/refused/attempt-1.stdout\n    │ connected"), "{rest}");
}

#[test]
fn colours_change_nothing_but_colours() {
    let coloured = shown(|_| {}, true);
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    plain.push_str(rest);
    assert_ne!(plain, coloured);
    assert_eq!(plain, shown(|_| {}, false));
}

#[test]
fn the_terse_form_has_a_character_for_each_test() {
    let shown = shown(|options| options.terse = true, false);
    assert!(shown.starts_with("\nrunning 8 tests\nii..Fiii\n"), "{shown}");
}

#[test]
fn a_run_without_tests_says_so_and_no_more() {
    let written = Written::default();
    let directory = Path::new("nowhere");
    let mut terminal =
        Terminal::with(options(directory), Style { colour: false }, written.output(), None);
    for event in sample::events() {
        match event {
            RunEvent::RunStarted(started) => terminal.event(&RunEvent::RunStarted(RunStarted {
                selected: Vec::new(),
                tests: Vec::new(),
                selection: None,
                ..started
            })),
            RunEvent::RunEnded(_) => terminal.event(&RunEvent::RunEnded(RunEnded {
                passed: 0,
                failed: 0,
                ignored: 0,
                duration_ns: 0,
                exit_code: 0,
                systemic: None,
            })),
            _ => {}
        }
    }
    assert_eq!(
        written.text(),
        "\nrunning 0 tests\n\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 2 filtered out; finished in 0.00s\n\n"
    );
}

/// Not a test: shows a run on the terminal, live lines included.
/// `cargo test -p chaos-harness play -- --ignored --nocapture`.
#[test]
#[ignore = "is to be looked at"]
fn play() {
    use std::collections::BTreeMap;

    let directory = tempfile::tempdir().unwrap();
    sample::write_files(directory.path());
    let options = TerminalOptions { color: Color::Auto, ..options(directory.path()) };
    let fan_out = crate::report::FanOut::new(vec![Box::new(Terminal::new(options))]);
    let mut tests: BTreeMap<String, Vec<RunEvent>> = BTreeMap::new();
    let events = sample::events();
    for event in &events {
        match event {
            RunEvent::AttemptStarted(started) => tests.entry(started.test.clone()),
            RunEvent::AttemptEnded(ended) => tests.entry(ended.test.clone()),
            RunEvent::TestEnded(ended) => tests.entry(ended.test.clone()),
            RunEvent::RunStarted(_) | RunEvent::TestSkipped { .. } => {
                fan_out.event(event);
                continue;
            }
            _ => continue,
        }
        .or_default()
        .push(event.clone());
    }
    let tests = Mutex::new(tests);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some((_, events)) = tests.lock().pop_last() else { return };
                    for event in events {
                        if let RunEvent::AttemptEnded(ended) = &event {
                            play_attempt(&fan_out, &ended.test);
                        }
                        fan_out.event(&event);
                    }
                }
            });
        }
    });
    fan_out.event(events.last().unwrap());
}

fn play_attempt(fan_out: &crate::report::FanOut, test: &str) {
    for step in 0..25_u64 {
        let phase = ["setup", "calm 1s", "hold 3s", "hold 1s", "checks"][step as usize / 5];
        let faults: &[&str] = match step / 5 {
            2 => &["postgres: latency 80ms–120ms ↓"],
            3 => &["postgres: cut", "redis: refuse"],
            _ => &[],
        };
        fan_out.event(&RunEvent::AttemptProgress(crate::run_event::AttemptProgress {
            test: test.to_owned(),
            phase: Some(phase.to_owned()),
            faults: faults.iter().map(|fault| (*fault).to_owned()).collect(),
            ok: step * 61,
            not_ok: step.saturating_sub(12),
        }));
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}
