//! A failed attempt in words, for where no reporter of ours shows it.
//!
//! libtest's formats for machines, and libtest itself where it is the harness, get one text for a
//! failed test. It ends with the command that repeats the failure.

use std::path::Path;

use chaos_core::verdict::Failure;

use crate::attempt::output::end_of;
use crate::identity::Identity;
use crate::run_event::AttemptEnded;

/// How much of the output of an attempt is repeated, in bytes of each of its two files.
const OUTPUT: u64 = 4 * 1024;

/// The text about a failed attempt.
pub(crate) fn of(
    attempt: &AttemptEnded,
    failure: &Failure,
    directory: &Path,
    identity: &Identity,
) -> String {
    let mut text = format!("attempt {} {}", attempt.attempt, failure.kind);
    let place = failure.location.as_ref();
    if let Some(location) = place.filter(|place| !failure.message.contains(place.as_str())) {
        text.push_str(&format!(" at {location}"));
    }
    text.push_str(&format!(": {}\n", failure.message));
    for (name, file) in [("stdout", &attempt.stdout), ("stderr", &attempt.stderr)] {
        let Some(file) = file else { continue };
        let path = directory.join(file);
        text.push_str(&format!("{name} ({}):\n", path.display()));
        for line in end_of(&path, OUTPUT).lines() {
            text.push_str(&format!("    {line}\n"));
        }
    }
    let command = identity.reproduce(&attempt.test, attempt.seed, failure.replay.as_deref());
    text.push_str(&format!("reproduce: {command}"));
    text
}
