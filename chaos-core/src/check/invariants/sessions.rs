//! What one client sees does not go back in time.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::check::{CheckError, Checker, Evidence, Report, Violation};
use crate::history::{HistoryError, Operation, Process};
use crate::outcome::Outcome;

/// Versions never go back: a client that saw one never sees an older one (monotonic reads), sees
/// at least what it wrote (read your writes), and what it writes is newer than what it had seen
/// (monotonic writes, writes follow reads).
///
/// In a history, an ok operation has the version that it read or made: an integer, or an object with
/// the field `version`. `read` reads, everything else writes. Several objects are judged by
/// [`per_key`](crate::check::per_key).
///
/// By default each process is held to what it did itself. [`in_real_time`](Monotonic::in_real_time)
/// holds everybody to what had completed before, which is what one server promises.
///
/// **Vacuous** when no client saw the version change.
///
/// ```
/// use chaos_core::check::{Checker, monotonic};
/// use chaos_core::history::History;
///
/// let lines = r#"
/// {"process": 0, "type": "invoke", "f": "write"}
/// {"process": 0, "type": "ok", "f": "write", "value": 3}
/// {"process": 0, "type": "invoke", "f": "read"}
/// {"process": 0, "type": "ok", "f": "read", "value": 2}
/// "#;
/// let report = monotonic().check_history(&History::from_jsonl(lines.as_bytes())?)?;
/// assert!(report.to_string().contains("process 0 read version 2 after it had written version 3"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn monotonic() -> Monotonic {
    Monotonic { promises: Promise::ALL.into(), real_time: false }
}

/// After a write, the same client reads that version or a newer one. Read as by [`monotonic`].
///
/// **Vacuous** when no client read after it had written.
pub fn read_your_writes() -> Monotonic {
    Monotonic { promises: [Promise::ReadYourWrites].into(), real_time: false }
}

/// What a client writes is newer than what it had read before. Read as by [`monotonic`].
///
/// **Vacuous** when no client wrote after it had read.
pub fn writes_follow_reads() -> Monotonic {
    Monotonic { promises: [Promise::WritesFollowReads].into(), real_time: false }
}

/// What a client writes is newer than what it had written before. Read as by [`monotonic`].
///
/// **Vacuous** when no client wrote twice.
pub fn monotonic_writes() -> Monotonic {
    Monotonic { promises: [Promise::MonotonicWrites].into(), real_time: false }
}

/// What one client sees does not go back in time; made by [`monotonic`], [`read_your_writes`],
/// [`writes_follow_reads`] and [`monotonic_writes`].
#[derive(Debug, Clone)]
pub struct Monotonic {
    promises: BTreeSet<Promise>,
    real_time: bool,
}

/// Terry and others, *Session Guarantees for Weakly Consistent Replicated Data* (1994).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Promise {
    MonotonicReads,
    ReadYourWrites,
    WritesFollowReads,
    MonotonicWrites,
}

impl Promise {
    const ALL: [Self; 4] = [
        Self::MonotonicReads,
        Self::ReadYourWrites,
        Self::WritesFollowReads,
        Self::MonotonicWrites,
    ];

    fn of(before: Kind, then: Kind) -> Self {
        match (before, then) {
            (Kind::Read, Kind::Read) => Self::MonotonicReads,
            (Kind::Write, Kind::Read) => Self::ReadYourWrites,
            (Kind::Read, Kind::Write) => Self::WritesFollowReads,
            (Kind::Write, Kind::Write) => Self::MonotonicWrites,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::MonotonicReads => "monotonic reads",
            Self::ReadYourWrites => "read your writes",
            Self::WritesFollowReads => "writes follow reads",
            Self::MonotonicWrites => "monotonic writes",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
}

/// The newest version that was read, or written.
#[derive(Debug, Clone, Copy)]
struct Seen {
    version: i64,
    entry: u64,
}

/// What a process, or everybody, has seen.
#[derive(Debug, Clone, Copy, Default)]
struct Session {
    read: Option<Seen>,
    written: Option<Seen>,
}

impl Session {
    fn note(&mut self, kind: Kind, seen: Seen) {
        let newest = match kind {
            Kind::Read => &mut self.read,
            Kind::Write => &mut self.written,
        };
        if newest.is_none_or(|newest| newest.version < seen.version) {
            *newest = Some(seen);
        }
    }
}

impl Monotonic {
    /// Holds everybody to what had completed before, and not only to what they did themselves.
    #[must_use]
    pub fn in_real_time(mut self) -> Self {
        self.real_time = true;
        self
    }

    fn judge(
        &self,
        session: Session,
        (operation, kind, seen): (&Operation<'_>, Kind, Seen),
        report: &mut Report,
    ) -> bool {
        let mut has_changed = false;
        for (before, newest) in [(Kind::Read, session.read), (Kind::Write, session.written)] {
            let promise = Promise::of(before, kind);
            let Some(newest) = newest.filter(|_| self.promises.contains(&promise)) else {
                continue;
            };
            has_changed |= newest.version != seen.version || self.promises.len() == 1;
            // A write makes a version of its own.
            let is_newer = match kind {
                Kind::Read => newest.version <= seen.version,
                Kind::Write => newest.version < seen.version,
            };
            if is_newer {
                continue;
            }
            let did = |kind| if kind == Kind::Read { "read" } else { "written" };
            let verb = if kind == Kind::Read { "read" } else { "wrote" };
            let who = if self.real_time { "somebody" } else { "it" };
            let what = format!(
                "{} {verb} version {} after {who} had {} version {} ({})",
                operation.process,
                seen.version,
                did(before),
                newest.version,
                promise.name()
            );
            report.violated(Violation::new(what).at([newest.entry, seen.entry]));
        }
        has_changed
    }
}

impl Checker for Monotonic {
    fn name(&self) -> String {
        let names: Vec<_> = self.promises.iter().map(|promise| promise.name()).collect();
        let when = if self.real_time { " in real time" } else { "" };
        if self.promises.len() == Promise::ALL.len() {
            format!("versions never go back{when}")
        } else {
            format!("{}{when}", names.join(", "))
        }
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let operations = evidence.operations()?;
        let mut report = Report::of(self.name());
        let mut sessions: HashMap<&Process, Session> = HashMap::new();
        let mut versions = Vec::new();
        for operation in operations.iter().filter(|one| one.outcome == Outcome::Ok) {
            let kind = if operation.f == "read" { Kind::Read } else { Kind::Write };
            versions.push((operation, kind, version(operation)?));
        }
        // In real time everybody is held to what had completed when an operation was invoked.
        let mut by_completion: Vec<_> = versions.iter().collect();
        by_completion.sort_by_key(|(operation, ..)| operation.completed);
        let mut completed = by_completion.into_iter().peekable();
        let mut everybody = Session::default();
        let mut has_changed = false;
        for (operation, kind, seen) in &versions {
            let session = if self.real_time {
                let is_before = |one: &&(&Operation<'_>, Kind, Seen)| one.0.is_before(operation);
                while let Some((_, kind, seen)) = completed.next_if(is_before) {
                    everybody.note(*kind, *seen);
                }
                &mut everybody
            } else {
                sessions.entry(operation.process).or_default()
            };
            has_changed |= self.judge(*session, (operation, *kind, *seen), &mut report);
            if !self.real_time {
                session.note(*kind, *seen);
            }
        }
        report.count("operations", versions.len() as u64);
        if !has_changed {
            report.vacuous(self.why_vacuous());
        }
        Ok(report)
    }
}

impl Monotonic {
    fn why_vacuous(&self) -> &'static str {
        if self.promises.len() > 1 {
            return "no client saw the version change";
        }
        match self.promises.first() {
            Some(Promise::ReadYourWrites) => "no client read after it had written",
            Some(Promise::WritesFollowReads) => "no client wrote after it had read",
            Some(Promise::MonotonicWrites) => "no client wrote twice",
            Some(Promise::MonotonicReads) | None => "no client read twice",
        }
    }
}

fn version(operation: &Operation<'_>) -> Result<Seen, HistoryError> {
    let entry = operation.completed.unwrap_or(operation.invoked);
    let value = operation.result.unwrap_or(&Value::Null);
    let version = value.get("version").unwrap_or(value).as_i64();
    let version = version.ok_or_else(|| HistoryError::Value {
        entry,
        what: format!(
            "an operation that succeeded has the version that it read or made, as an integer or \
             {{\"version\": 3}}, and not {value}"
        ),
    })?;
    Ok(Seen { version, entry })
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_says;
    use super::*;
    use crate::check::Validity::{Unknown, Valid, Violated};

    fn session(steps: &[(&str, i64)]) -> String {
        steps.iter().map(|(f, version)| format!("0 < {f}\n0 ok {version}\n")).collect()
    }

    #[test]
    fn each_way_to_go_back_is_found_and_named() {
        let cases = [
            (("read", 3), ("read", 2), "monotonic reads"),
            (("write", 3), ("read", 2), "read your writes"),
            (("read", 3), ("write", 3), "writes follow reads"),
            (("write", 3), ("write", 3), "monotonic writes"),
        ];
        for (before, then, name) in cases {
            let text = session(&[before, then]);
            assert_says(&monotonic(), &text, Violated, &[""]);
            let history = super::super::testing::history(&text);
            let report = monotonic().check_history(&history).unwrap();
            assert!(report.to_string().ends_with(&format!("({name})")), "{report}");
        }
        let forward = session(&[("read", 1), ("write", 2), ("read", 2), ("write", 3), ("read", 9)]);
        assert_says(&monotonic(), &forward, Valid, &[]);
        assert_says(&read_your_writes(), &session(&[("read", 3), ("read", 2)]), Unknown, &[]);
        assert_says(&read_your_writes(), &session(&[("write", 3), ("read", 2)]), Violated, &[""]);
        assert_says(
            &writes_follow_reads(),
            &session(&[("read", 2), ("write", 2)]),
            Violated,
            &[""],
        );
        assert_says(&monotonic_writes(), &session(&[("write", 2), ("write", 3)]), Valid, &[]);
    }

    #[test]
    fn another_process_is_held_to_it_in_real_time_only() {
        let text = "0 < write\n0 ok 3\n1 < read\n1 ok 2\n1 < read\n1 ok 3";
        assert_says(&monotonic(), text, Valid, &[]);
        assert_says(&monotonic().in_real_time(), text, Violated, &[""]);
        let concurrent = "0 < write\n1 < read\n0 ok 3\n1 ok 2\n1 < read\n1 ok 3";
        assert_says(&monotonic().in_real_time(), concurrent, Valid, &[]);
    }

    #[test]
    fn it_is_vacuous_when_nothing_changed() {
        assert_says(&monotonic(), &session(&[("read", 1), ("read", 1)]), Unknown, &[]);
        assert_says(&monotonic(), "", Unknown, &[]);
    }
}
