//! Running a program that may hang or print anything.

use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::postgres::error::PostgresError;

/// How much of what a program prints is of interest in an error.
const WORDS: usize = 2_000;

/// Runs a program to its end and returns what it printed to stdout.
///
/// # Errors
///
/// When it cannot be started, does not end within `limit`, or ends with another status than 0: with
/// its own words.
pub(super) fn output_of(command: &mut Command, limit: Duration) -> Result<String, PostgresError> {
    let program = described(command);
    let started = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = loop {
        match command.spawn() {
            // A program that was just installed is open for writing in every process that was
            // forked meanwhile, until that process has become what it is to be.
            Err(error)
                if error.kind() == io::ErrorKind::ExecutableFileBusy
                    && started.elapsed() < limit =>
            {
                std::thread::sleep(Duration::from_millis(1));
            }
            spawned => {
                break spawned.map_err(PostgresError::io(format!("run `{program}`")))?;
            }
        }
    };
    let outputs = (collected(child.stdout.take()), collected(child.stderr.take()));
    let status = loop {
        match child.try_wait().map_err(PostgresError::io(format!("wait for `{program}`")))? {
            Some(status) => break status,
            None if started.elapsed() > limit => {
                end(&mut child);
                return Err(PostgresError::TimedOut { action: format!("run `{program}`"), limit });
            }
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    // A grandchild may keep the pipes open for ever.
    let patience = Duration::from_secs(1);
    let stdout = outputs.0.recv_timeout(patience).unwrap_or_default();
    if status.success() {
        return Ok(stdout);
    }
    let stderr = outputs.1.recv_timeout(patience).unwrap_or_default();
    let words = tail(format!("{stdout}{stderr}").trim(), WORDS).to_owned();
    Err(PostgresError::Program { program, problem: format!("failed ({status}): {words}") })
}

/// Kills a child and reaps it.
fn end(child: &mut Child) {
    // It may have ended by itself in the meantime.
    child.kill().ok();
    child.wait().ok();
}

fn collected(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes).ok();
        }
        sender.send(String::from_utf8_lossy(&bytes).into_owned()).ok();
    });
    receiver
}

/// A program and its arguments, as a person would type them.
pub(super) fn described(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// The last `length` bytes of a text or a little less, from the beginning of a character.
pub(super) fn tail(text: &str, length: usize) -> &str {
    let mut start = text.len().saturating_sub(length);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_that_fails_is_quoted() {
        let minute = Duration::from_secs(60);
        assert_eq!(output_of(&mut shell("echo 1"), minute).unwrap(), "1\n");
        let error = output_of(&mut shell("echo one; echo two >&2; exit 3"), minute).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("one\ntwo") && error.contains("exit status: 3"), "{error}");
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let limit = Duration::from_millis(50);
        let error = output_of(&mut shell("exec sleep 1000"), limit).unwrap_err();
        assert!(matches!(error, PostgresError::TimedOut { .. }), "{error}");
    }

    #[test]
    fn the_tail_of_a_text_begins_with_a_whole_character() {
        assert_eq!(tail("aé", 1), "");
        assert_eq!(tail("aé", 2), "é");
        assert_eq!(tail("aé", 9), "aé");
    }
}
