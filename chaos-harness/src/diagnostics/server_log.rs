//! What the servers of an attempt wrote to their logs, as far as it is of this attempt.
//!
//! Every server of ours begins a line with `%m [%p %b] %e %d `: the time in UTC, the process and what it
//! does in the server, the SQLSTATE, and the database of its session. Lines of other databases belong to other
//! tests; those of no database are of the server as a whole, such as a crash and the recovery from it. What
//! begins with no time belongs to the line before.
//!
//! PostgreSQL says what follows in the language that it is set to (`lc_messages`), also the word `ERROR`. What
//! a line is about is therefore told by its beginning alone, which is the same in all languages.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use chaos_core::event::{Event, EventKind};

use super::excerpt::Line;
use super::since_began;
use crate::quarantine::Date;

/// So much of the end of a log is read, in bytes: a server that tests share may have written a lot.
const LOG_END: u64 = 8 * 1024 * 1024;

/// The SQLSTATE of `successful_completion`: the line reports no error.
const SUCCESS: &str = "00000";

/// The lines from `from` on, of all servers of the attempt. What a server wrote before the attempt is about
/// others.
pub(super) fn lines(events: &[Event], from: Duration) -> Vec<Line> {
    let mut servers: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for event in events {
        if let EventKind::DatabaseOpened { link, database, log: Some(log) } = &event.what {
            servers.entry(log).or_default().push((database, link));
        }
    }
    let mut lines = Vec::new();
    for (log, databases) in servers {
        // A log that is gone has nothing to tell.
        let text = end_of(Path::new(log)).unwrap_or_default();
        let all = lines_of(&text, &databases, |at| since_began(events, UNIX_EPOCH + at));
        lines.extend(all.into_iter().filter(|line| line.at >= from));
    }
    lines
}

fn end_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let start = file.metadata()?.len().saturating_sub(LOG_END);
    file.seek(SeekFrom::Start(start))?;
    let mut end = Vec::new();
    file.take(LOG_END).read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).into_owned())
}

/// The lines that are of these databases or of none; `time` tells when in the attempt a moment was,
/// given since 1970.
fn lines_of(
    text: &str,
    databases: &[(&str, &str)],
    time: impl Fn(Duration) -> Option<Duration>,
) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut is_ours = false;
    for raw in text.lines() {
        let Some(entry) = Entry::of(raw) else {
            if let Some(last) = lines.last_mut().filter(|_| is_ours) {
                last.text.push('\n');
                last.text.push_str(raw.trim_start());
            }
            continue;
        };
        let link = databases.iter().find(|(database, _)| *database == entry.database);
        is_ours = link.is_some() || entry.database.is_empty();
        let (Some(at), true) = (time(entry.at), is_ours) else {
            is_ours = false;
            continue;
        };
        let source = link.or(databases.first()).map_or("postgres", |(_, link)| link).to_owned();
        let text = format!("[{}] {}", entry.process, entry.text);
        lines.push(Line { at, source, text, is_routine: entry.is_routine() });
    }
    lines
}

/// The first line of an entry of the log.
struct Entry<'a> {
    /// Since 1970.
    at: Duration,
    process: &'a str,
    /// What the process does in the server, as `backend_type` of `pg_stat_activity` says it.
    part: &'a str,
    sqlstate: &'a str,
    /// Empty for processes that have none.
    database: &'a str,
    text: &'a str,
}

impl<'a> Entry<'a> {
    /// Reads `2026-11-21 00:05:40.123 UTC [4711 client backend] 42P01 chaos_1 ERROR:  …`.
    fn of(line: &'a str) -> Option<Self> {
        let (date, rest) = line.split_once(' ')?;
        let (time, rest) = rest.split_once(" UTC [")?;
        let (process, rest) = rest.split_once("] ")?;
        let (process, part) = process.split_once(' ')?;
        let (sqlstate, rest) = rest.split_once(' ')?;
        let (database, text) = rest.split_once(' ')?;
        let days = u64::try_from(Date::parse(date)?.days()).ok()?;
        let at = Duration::from_millis(days * 86_400_000 + milliseconds(time)?);
        Some(Self { at, process, part, sqlstate, database, text: text.trim_start() })
    }

    /// Whether a server writes it whatever happens: each database that is made for a test asks for
    /// checkpoints, and the log tells their beginning and their end. What goes wrong with one has an SQLSTATE
    /// of its own.
    fn is_routine(&self) -> bool {
        self.part == "checkpointer" && self.sqlstate == SUCCESS
    }
}

/// `00:05:40.123` in milliseconds.
fn milliseconds(time: &str) -> Option<u64> {
    let (whole, fraction) = time.split_once('.')?;
    let mut parts = whole.splitn(3, ':').map(|part| part.parse::<u64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let fraction = (fraction.len() == 3).then(|| fraction.parse::<u64>().ok())??;
    Some(((hours * 60 + minutes) * 60 + seconds) * 1_000 + fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
2026-11-21 00:05:39.000 UTC [10 postmaster] 00000  LOG:  database system is ready to accept connections
2026-11-21 00:05:40.123 UTC [4711 client backend] 23505 chaos_1 ERROR:  duplicate key value
2026-11-21 00:05:40.123 UTC [4711 client backend] 23505 chaos_1 STATEMENT:  INSERT INTO t
\tVALUES (1)
2026-11-21 00:05:40.200 UTC [4712 client backend] 42P01 chaos_12 ERROR:  another test's
\tand more of it
2026-11-21 00:05:41.000 UTC [4713 client backend] 57P01 chaos_1 FATAL:  terminating connection
torn 2026";

    #[test]
    fn the_lines_of_this_attempt_are_told_from_those_of_others() {
        // 2026-11-21 is day 20,778.
        let began = Duration::from_millis(20_778 * 86_400_000 + (5 * 60 + 39) * 1_000);
        let lines = lines_of(LOG, &[("chaos_1", "postgres-2")], |at| at.checked_sub(began));
        let texts: Vec<_> = lines.iter().map(|it| (it.at.as_millis(), it.text.as_str())).collect();
        assert_eq!(
            texts,
            [
                (0, "[10] LOG:  database system is ready to accept connections"),
                (1_123, "[4711] ERROR:  duplicate key value"),
                (1_123, "[4711] STATEMENT:  INSERT INTO t\nVALUES (1)"),
                (2_000, "[4713] FATAL:  terminating connection\ntorn 2026"),
            ]
        );
        assert!(lines.iter().all(|line| line.source == "postgres-2" && !line.is_routine));
    }

    #[test]
    fn a_checkpoint_is_routine_in_every_language_and_its_failure_is_not() {
        let is_routine = |rest: &str| {
            let line = format!("2026-11-21 00:05:39.000 UTC {rest}");
            let lines = lines_of(&line, &[("chaos_1", "postgres")], Some);
            let [line] = lines.as_slice() else { panic!("{lines:?}") };
            line.is_routine
        };
        assert!(is_routine("[7 checkpointer] 00000  LOG:  checkpoint starting: immediate"));
        assert!(is_routine("[7 checkpointer] 00000  LOG:  Checkpoint beginnt: immediate"));
        assert!(!is_routine("[7 checkpointer] 53100  PANIK:  konnte nicht schreiben"));
        let named = "[8 client backend] 00000 chaos_1 LOG:  checkpoint starting: not really";
        assert!(!is_routine(named));
    }

    #[test]
    fn what_is_no_time_begins_no_entry() {
        assert_eq!(milliseconds("23:59:59.999"), Some(86_399_999));
        assert_eq!(milliseconds("23:59:59"), None);
        assert!(Entry::of("2026-13-01 00:05:39.000 UTC [7 checkpointer] 00000  LOG:  x").is_none());
    }
}
