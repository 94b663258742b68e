//! Programs that a task runs.

use std::ffi::OsStr;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

use crate::console;
use crate::error::Error;

/// How many lines are worth showing of the beginning of a program's errors, where some programs say
/// what happened, and of the end, where others do.
const LINES_SHOWN: usize = 4;

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let settings = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.to_string_lossy(), quoted(value?))));
    let words = std::iter::once(command.get_program()).chain(command.get_args()).map(quoted);
    settings.chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |character: char| character.is_alphanumeric() || "-_=./:@+,%".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Shows a command, runs it with its output as it comes, and says how long it took.
///
/// Its exit code becomes that of the task.
pub(crate) fn hand_over(command: &mut Command) -> Result<(), Error> {
    let shown = shown(command);
    let status = stream(command, &shown)?;
    match failure(status) {
        None => Ok(()),
        Some(how) => Err(Error::Exit { command: shown, how, code: exit_code(status) }),
    }
}

/// Shows a command, runs it with its output as it comes, says how long it took, and fails when it
/// fails.
pub(crate) fn succeed(command: &mut Command) -> Result<(), Error> {
    let shown = shown(command);
    succeed_as(command, &shown)
}

/// Like [`succeed`], for a command that is better shown in other words than its own.
pub(crate) fn succeed_as(command: &mut Command, shown: &str) -> Result<(), Error> {
    match failure(stream(command, shown)?) {
        None => Ok(()),
        Some(how) => Err(Error::Program { command: shown.to_owned(), how, output: String::new() }),
    }
}

fn stream(command: &mut Command, shown: &str) -> Result<ExitStatus, Error> {
    console::note(&format!("$ {shown}"));
    let start = Instant::now();
    let status = command.status().map_err(|source| not_started(command, source))?;
    console::note(&format!("(took {})", console::seconds(start.elapsed())));
    Ok(status)
}

/// Shows a command and runs it without its output, which becomes part of the error if it fails.
pub(crate) fn succeed_quietly(command: &mut Command) -> Result<(), Error> {
    console::note(&format!("$ {}", shown(command)));
    output(command).map(drop)
}

/// Runs a command without showing it, and returns what it wrote on its standard output.
///
/// It reads nothing from the terminal: a program that asks a question fails instead of waiting.
pub(crate) fn output(command: &mut Command) -> Result<String, Error> {
    command.stdin(Stdio::null());
    let output = command.output().map_err(|source| not_started(command, source))?;
    match failure(output.status) {
        None => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Some(how) => Err(Error::Program {
            command: shown(command),
            how,
            output: beginning_and_end(&String::from_utf8_lossy(&output.stderr)),
        }),
    }
}

/// The standard output of a command whose failure is what is wanted.
///
/// # Errors
///
/// When it cannot be started, or succeeds.
pub(crate) fn output_of_failure(command: &mut Command) -> Result<String, Error> {
    command.stdin(Stdio::null());
    let output = command.output().map_err(|source| not_started(command, source))?;
    if output.status.success() {
        return Err(Error::other(format!("`{}` was to fail and did not", shown(command))));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn beginning_and_end(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.len() <= 2 * LINES_SHOWN {
        return lines.join("\n");
    }
    let (beginning, end) = (&lines[..LINES_SHOWN], &lines[lines.len() - LINES_SHOWN..]);
    [beginning, &["..."], end].concat().join("\n")
}

fn not_started(command: &Command, source: std::io::Error) -> Error {
    Error::Start { program: command.get_program().to_string_lossy().into_owned(), source }
}

fn failure(status: ExitStatus) -> Option<String> {
    (!status.success()).then(|| status.to_string())
}

fn exit_code(status: ExitStatus) -> u8 {
    if let Some(code) = status.code() {
        return u8::try_from(code).unwrap_or(1);
    }
    killed_by(status).map_or(1, |signal| 128_u8.saturating_add(signal))
}

#[cfg(unix)]
fn killed_by(status: ExitStatus) -> Option<u8> {
    use std::os::unix::process::ExitStatusExt;
    status.signal().and_then(|signal| u8::try_from(signal).ok())
}

#[cfg(not(unix))]
fn killed_by(_status: ExitStatus) -> Option<u8> {
    None
}

/// Whether a program of this name is on the `PATH`.
pub(crate) fn is_on_path(name: &str) -> bool {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(&file).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("cargo");
        command
            .args(["test", "-p", "quickstart", "--", "it's slow", ""])
            .env("RUSTDOCFLAGS", "-D w");
        assert_eq!(
            shown(&command),
            r"RUSTDOCFLAGS='-D w' cargo test -p quickstart -- 'it'\''s slow' ''"
        );
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = output(&mut Command::new("no-such-program-anywhere")).unwrap_err();
        assert_eq!(error.to_string(), "`no-such-program-anywhere` cannot be run");
    }

    #[cfg(unix)]
    #[test]
    fn the_errors_of_a_program_are_part_of_the_error() {
        let mut command = Command::new("sh");
        command.args(["-c", "for line in 1 2 3 4 5 6 7 8 9; do echo line $line >&2; done; exit 7"]);
        let text = output(&mut command).unwrap_err().to_string();
        assert!(text.contains("exit status: 7"), "{text}");
        assert!(text.contains("\n      line 1\n") && text.ends_with("\n      line 9"), "{text}");
        assert!(!text.contains("line 5"), "a long text is shortened: {text}");
    }

    #[cfg(unix)]
    #[test]
    fn the_exit_code_is_handed_on_as_a_shell_would() {
        let code_of = |script: &str| {
            let error = hand_over(Command::new("sh").args(["-c", script])).unwrap_err();
            match error {
                Error::Exit { code, .. } => code,
                other => panic!("{other}"),
            }
        };
        assert_eq!(code_of("exit 101"), 101);
        assert_eq!(code_of("kill -TERM $$"), 143);
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_asks_a_question_does_not_hang() {
        let mut command = Command::new("sh");
        command.args(["-c", "read answer || echo no answer"]);
        assert_eq!(output(&mut command).unwrap(), "no answer\n");
    }
}
