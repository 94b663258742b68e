//! The lines around a failure, in order and within bounds: all of them for a file, a few for a
//! terminal.

use std::time::Duration;

use crate::report::redact::redact;

/// A file has at most so many lines; of more the latest are kept.
const MOST_LINES: usize = 20_000;

/// A line is cut here, in characters.
const LINE_LENGTH: usize = 2_000;

/// So many lines are there although they are older, if there are so many: what hangs says nothing for
/// a long time.
const LEAST_LINES: usize = 10;

/// So many lines are shown on a terminal,
const SHOWN: usize = 8;

/// so many of each source at least,
const SHOWN_OF_EACH: usize = 2;

/// and so much of each, in characters.
const SHOWN_LENGTH: usize = 160;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// When, since the attempt began.
    pub(crate) at: Duration,
    /// Who tells it: `journal`, `trace`, or the name of the link to a server.
    pub(crate) source: String,
    pub(crate) text: String,
    /// Whether it is written whatever happens, and tells nothing: it is in the file, and is not shown.
    pub(crate) is_routine: bool,
}

impl Line {
    fn render(&self, length: usize) -> String {
        let Self { at, source, text, .. } = self;
        // Each line of the file is one of these.
        let text = text.replace(['\n', '\r'], " ⏎ ");
        let text = crate::report::words::shortened(&redact(&text), length);
        format!("{:>12.6}  {source:<10}{text}", at.as_secs_f64())
    }
}

/// The lines around a failure.
#[derive(Debug)]
pub(super) struct Excerpt {
    lines: Vec<Line>,
    /// When the test failed.
    failed: Duration,
    left_out: usize,
}

impl Excerpt {
    /// Those of `lines` from `from` on.
    pub(super) fn of(mut lines: Vec<Line>, from: Duration, failed: Duration) -> Self {
        // Lines of one source are in their order already, also where their times are the same.
        lines.sort_by_key(|line| line.at);
        let in_window = lines.partition_point(|line| line.at < from);
        let first = in_window.min(lines.len().saturating_sub(LEAST_LINES));
        lines.drain(..first);
        let left_out = lines.len().saturating_sub(MOST_LINES);
        lines.drain(..left_out);
        Self { lines, failed, left_out }
    }

    pub(super) fn len(&self) -> u64 {
        self.lines.len() as u64
    }

    /// All lines, below a heading.
    pub(super) fn text(&self, heading: &[String]) -> String {
        let mut text = String::new();
        for line in heading {
            text.push_str(&format!("# {}\n", redact(line)));
        }
        if self.left_out > 0 {
            text.push_str(&format!("# {} older lines are left out\n", self.left_out));
        }
        for line in &self.lines {
            text.push_str(&line.render(LINE_LENGTH));
            text.push('\n');
        }
        text
    }

    /// The last lines before the failure, with some of each source.
    pub(super) fn shown(&self) -> Vec<String> {
        let before = self.lines.partition_point(|line| line.at <= self.failed);
        let telling = self.lines[..before].iter().filter(|line| !line.is_routine);
        let before: Vec<&Line> = telling.collect();
        let mut chosen: Vec<usize> = Vec::new();
        for (place, line) in before.iter().enumerate().rev() {
            let is_same = |other: &&usize| before[**other].source == line.source;
            if chosen.iter().filter(is_same).count() < SHOWN_OF_EACH {
                chosen.push(place);
            }
        }
        let others: Vec<usize> =
            (0..before.len()).rev().filter(|place| !chosen.contains(place)).take(SHOWN).collect();
        chosen.extend(others);
        chosen.truncate(SHOWN);
        chosen.sort_unstable();
        chosen.into_iter().map(|place| before[place].render(SHOWN_LENGTH)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(ms: u64, source: &str, text: &str) -> Line {
        let at = Duration::from_millis(ms);
        Line { at, source: source.to_owned(), text: text.to_owned(), is_routine: false }
    }

    fn many(source: &str, from: u64, until: u64) -> Vec<Line> {
        (from..until).map(|ms| line(ms, source, &format!("{source} {ms}"))).collect()
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn what_lies_in_the_window_is_there_in_order_and_nothing_before_it() {
        let mut lines = many("journal", 0, 100);
        lines.extend(many("trace", 40, 60));
        let excerpt = Excerpt::of(lines, ms(50), ms(90));
        let text = excerpt.text(&["why".to_owned()]);
        let expected_first = "# why\n    0.050000  journal   journal 50\n    0.050000  trace     ";
        assert!(text.starts_with(expected_first), "{text}");
        assert_eq!(excerpt.len(), 60);
        assert!(text.ends_with("    0.099000  journal   journal 99\n"), "what followed is there");
    }

    #[test]
    fn of_what_hung_for_longer_than_the_window_the_last_lines_are_there() {
        let excerpt = Excerpt::of(many("trace", 0, 30), ms(5_000), ms(10_000));
        assert_eq!(excerpt.len(), 10);
        assert_eq!(excerpt.lines[0].text, "trace 20");
    }

    #[test]
    fn a_flood_is_bounded_and_says_so() {
        let lines = many("journal", 0, 20_005);
        let excerpt = Excerpt::of(lines, ms(0), ms(20_005));
        assert_eq!(excerpt.len(), 20_000);
        assert!(excerpt.text(&[]).starts_with("# 5 older lines are left out\n    0.005000  "));
        let long = Excerpt::of(vec![line(1, "trace", &"é".repeat(5_000))], ms(0), ms(1));
        assert!(long.text(&[]).chars().count() < 2_100);
    }

    #[test]
    fn the_few_that_are_shown_are_the_last_before_the_failure_and_some_of_each_source() {
        let mut lines = many("journal", 0, 100);
        lines.extend([line(3, "trace", "retried\nonce"), line(5, "postgres", "FATAL: gone")]);
        lines.push(line(95, "trace", "postgres://u:secret@host/db"));
        let excerpt = Excerpt::of(lines, ms(0), ms(90));
        let shown = excerpt.shown();
        assert_eq!(shown.len(), 8, "{shown:#?}");
        assert!(shown[0].contains("retried ⏎ once") && shown[1].contains("FATAL: gone"));
        assert!(shown[2].contains("journal 85") && shown[7].contains("journal 90"), "{shown:#?}");
        assert!(!excerpt.text(&[]).contains("secret"));
    }

    #[test]
    fn what_is_written_whatever_happens_is_in_the_file_and_is_not_shown() {
        let mut lines = many("journal", 0, 3);
        let checkpoint = line(4, "postgres", "[7] LOG:  checkpoint starting: immediate force wait");
        lines.push(Line { is_routine: true, ..checkpoint });
        lines.push(line(4, "postgres", "[8] FATAL:  terminating connection"));
        let excerpt = Excerpt::of(lines, ms(0), ms(9));
        assert!(excerpt.text(&[]).contains("checkpoint starting"));
        let shown = excerpt.shown();
        assert!(shown.len() == 4 && shown[3].contains("FATAL"), "{shown:#?}");
    }
}
