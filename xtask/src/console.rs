//! What a task says, on the standard error stream: the standard output belongs to the tests.

use std::error::Error;
use std::time::Duration;

/// Says what is done next.
pub(crate) fn step(text: &str) {
    eprintln!("==> {text}");
}

/// Says something about the step that was named last.
pub(crate) fn note(text: &str) {
    eprintln!("    {text}");
}

/// Says what went wrong, with all its causes.
pub(crate) fn error(error: &dyn Error) {
    eprintln!("error: {}", with_causes(error));
}

/// An error and its causes on one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// A duration as a person says it.
pub(crate) fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{} min {:02} s", duration.as_secs() / 60, duration.as_secs() % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_readable() {
        assert_eq!(seconds(Duration::from_millis(40)), "0.0 s");
        assert_eq!(seconds(Duration::from_millis(12_340)), "12.3 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 05 s");
    }
}
