//! What the servers of an attempt wrote to their logs, as far as it is of this attempt.
//!
//! Every server of ours begins a line with `%m [%p] %d `: the time in UTC, the process, and the
//! database of its session. Lines of other databases belong to other tests; those of no database are
//! of the server as a whole, such as a crash and the recovery from it. What begins with no time
//! belongs to the line before.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use chaos_core::event::{Event, EventKind};

use super::excerpt::Line;
use super::since_began;

/// So much of the end of a log is read, in bytes: a server that tests share may have written a lot.
const LOG_END: u64 = 8 * 1024 * 1024;

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
        lines.push(Line { at, source, text: format!("[{}] {}", entry.process, entry.text) });
    }
    lines
}

/// The first line of an entry of the log.
struct Entry<'a> {
    /// Since 1970.
    at: Duration,
    process: &'a str,
    /// Empty for processes that have none.
    database: &'a str,
    text: &'a str,
}

impl<'a> Entry<'a> {
    /// Reads `2026-11-21 00:05:40.123 UTC [4711] chaos_1 LOG:  …`.
    fn of(line: &'a str) -> Option<Self> {
        let (date, rest) = line.split_once(' ')?;
        let (time, rest) = rest.split_once(" UTC [")?;
        let (process, rest) = rest.split_once("] ")?;
        let (database, text) = rest.split_once(' ')?;
        let at = days(date)? * 86_400_000 + milliseconds(time)?;
        let at = Duration::from_millis(at);
        Some(Self { at, process, database, text: text.trim_start() })
    }
}

/// How many days a date is after 1970-01-01, by Howard Hinnant's `days_from_civil` ("chrono-Compatible
/// Low-Level Date Algorithms").
fn days(date: &str) -> Option<u64> {
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
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
2026-11-21 00:05:39.000 UTC [10]  LOG:  database system is ready to accept connections
2026-11-21 00:05:40.123 UTC [4711] chaos_1 ERROR:  duplicate key value
2026-11-21 00:05:40.123 UTC [4711] chaos_1 STATEMENT:  INSERT INTO t
\tVALUES (1)
2026-11-21 00:05:40.200 UTC [4712] chaos_12 ERROR:  another test's
\tand more of it
2026-11-21 00:05:41.000 UTC [4713] chaos_1 FATAL:  terminating connection
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
        assert!(lines.iter().all(|line| line.source == "postgres-2"));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        // `date -ud 2000-03-01 +%s` and the like.
        for (date, seconds) in [
            ("1970-01-01", 0),
            ("2000-02-29", 951_782_400),
            ("2000-03-01", 951_868_800),
            ("2026-11-21", 1_795_219_200),
            ("2100-12-31", 4_133_894_400),
        ] {
            assert_eq!(days(date).map(|days| days * 86_400), Some(seconds), "{date}");
        }
        assert_eq!(days("2026-13-01"), None);
        assert_eq!(milliseconds("23:59:59.999"), Some(86_399_999));
        assert_eq!(milliseconds("23:59:59"), None);
    }
}
