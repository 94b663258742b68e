//! An attempt in a few rows of characters: its faults, and how many operations succeeded meanwhile.

use std::time::Duration;

use chaos_core::event::{Event, EventKind};
use chaos_core::outcome::Outcome;

use crate::report::{fault_kind, words};
use crate::run_event::FaultSummary;

/// How many characters stand for the whole attempt.
pub(super) const WIDTH: usize = 60;

/// Faults that are active at the same time stand below each other, in at most so many rows.
const LANES: usize = 4;

/// At most so many faults are listed below the strip.
const LISTED: usize = 10;

const GLYPHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The rows of the strip of an attempt that took `duration_ns`, each with a name in front; none
/// when there is nothing to see.
pub(super) fn render(faults: &[FaultSummary], events: &[Event], duration_ns: u64) -> Vec<String> {
    let ends = faults.iter().map(|fault| fault.ended_ns.unwrap_or(fault.began_ns));
    let times = events.iter().map(|event| event.at).chain(ends);
    let scale = Scale { length: times.chain([duration_ns, 1]).max().unwrap_or(1) };
    let mut rows = fault_rows(faults, scale);
    rows.extend(operation_rows(events, scale));
    if !rows.is_empty() {
        let end = words::time(Duration::from_nanos(scale.length));
        rows.push(row("", &format!("0 s{end:>width$}", width = WIDTH - 3)));
    }
    rows.extend(list(faults));
    rows
}

/// Where in the strip a moment lies.
#[derive(Clone, Copy)]
struct Scale {
    length: u64,
}

impl Scale {
    fn column(self, at: u64) -> usize {
        let column = u128::from(at) * WIDTH as u128 / u128::from(self.length);
        usize::try_from(column).unwrap_or(WIDTH).min(WIDTH - 1)
    }

    /// The column before which something ends.
    fn end_column(self, at: u64) -> usize {
        let column = (u128::from(at) * WIDTH as u128).div_ceil(u128::from(self.length));
        usize::try_from(column).unwrap_or(WIDTH).min(WIDTH)
    }

    fn seconds_a_column(self) -> f64 {
        Duration::from_nanos(self.length).as_secs_f64() / WIDTH as f64
    }
}

fn row(name: &str, content: &str) -> String {
    format!("  {name:<9}{content}").trim_end().to_owned()
}

fn fault_rows(faults: &[FaultSummary], scale: Scale) -> Vec<String> {
    let mut lanes: Vec<Vec<char>> = Vec::new();
    for (number, fault) in faults.iter().enumerate() {
        let begin = scale.column(fault.began_ns);
        // A fault that nobody cleared lasted to the end.
        let end = scale.end_column(fault.ended_ns.unwrap_or(scale.length)).max(begin + 1);
        let free = |lane: &Vec<char>| lane[begin..end].iter().all(|c| *c == '·');
        let lane = match lanes.iter().position(free) {
            Some(lane) => lane,
            None if lanes.len() < LANES => {
                lanes.push(vec!['·'; WIDTH]);
                lanes.len() - 1
            }
            None => continue,
        };
        for (place, c) in band(fault, number + 1, end - begin).chars().enumerate() {
            lanes[lane][begin + place] = c;
        }
    }
    let name = |place: usize| if place == 0 { "faults" } else { "" };
    let content = |lane: Vec<char>| lane.into_iter().collect::<String>();
    lanes.into_iter().enumerate().map(|(place, lane)| row(name(place), &content(lane))).collect()
}

/// A fault as `[cut ···]`, exactly `width` characters: with its label where that fits, else with
/// its number in the list.
fn band(fault: &FaultSummary, number: usize, width: usize) -> String {
    let inner = match width {
        1 => return "│".to_owned(),
        2 => return "[]".to_owned(),
        _ => width - 2,
    };
    let number = number.to_string();
    let fits = |text: &str| text.chars().count() <= inner;
    let text = [fault.label.as_str(), fault_kind(&fault.label), &number, ""]
        .into_iter()
        .find(|text| fits(text))
        .unwrap_or_default();
    format!("[{text:·<inner$}]")
}

fn operation_rows(events: &[Event], scale: Scale) -> Vec<String> {
    let mut ok = [0_u64; WIDTH];
    let mut wrong = [' '; WIDTH];
    let mut any_wrong = false;
    for event in events {
        let EventKind::Operation { outcome, .. } = event.what else { continue };
        let column = scale.column(event.at);
        match outcome {
            Outcome::Ok => ok[column] += 1,
            Outcome::Failed => wrong[column] = '×',
            // What certainly failed is seen better than what may have succeeded.
            Outcome::Unknown if wrong[column] == ' ' => wrong[column] = '?',
            Outcome::Unknown => {}
        }
        any_wrong |= outcome != Outcome::Ok;
    }
    let most = ok.into_iter().max().unwrap_or(0);
    let mut rows = Vec::new();
    if most > 0 || any_wrong {
        let glyph = |count: u64| match count {
            0 => ' ',
            // Rounded up, so that one operation of thousands is still seen.
            _ => GLYPHS[usize::try_from((count * 8).div_ceil(most) - 1).unwrap_or(7)],
        };
        #[expect(clippy::cast_precision_loss, reason = "it is rounded to a whole number anyway")]
        let peak = most as f64 / scale.seconds_a_column();
        let content: String = ok.into_iter().map(glyph).collect();
        rows.push(row("ok/s", &format!("{content}   peak {peak:.0}")));
    }
    if any_wrong {
        let content: String = wrong.into_iter().collect();
        rows.push(row("not ok", &format!("{content}   × failed, ? unknown")));
    }
    rows
}

fn list(faults: &[FaultSummary]) -> Vec<String> {
    // Whatever failed did so under one of the last of them.
    let earlier = faults.len().saturating_sub(LISTED);
    let mut lines = Vec::new();
    if earlier > 0 {
        lines.push(format!("{} before these", words::counted(earlier as u64, "fault")));
    }
    let listed = faults.iter().enumerate().skip(earlier);
    lines.extend(listed.map(|(place, fault)| format!("{} {}", place + 1, in_words(fault))));
    let name = |place: usize| if place == 0 { "list" } else { "" };
    lines.iter().enumerate().map(|(place, line)| row(name(place), line)).collect()
}

/// `cut on postgres, 4.0 s to 5.0 s, 12 hits on 8 connections, recovered in 0.21 s`.
fn in_words(fault: &FaultSummary) -> String {
    let at = |nanos: u64| words::time(Duration::from_nanos(nanos));
    let end = fault.ended_ns.map_or_else(|| "the end".to_owned(), at);
    let touched = match fault.hits {
        0 => "touched nothing".to_owned(),
        hits => format!(
            "{} on {}",
            words::counted(hits, "hit"),
            words::counted(fault.connections, "connection")
        ),
    };
    let recovery = match (fault.recovery_ns, fault.first_success_ns) {
        (Some(recovery), _) => format!(", recovered in {}", at(recovery)),
        (None, Some(first)) => format!(", first success after {}, not recovered", at(first)),
        (None, None) => String::new(),
    };
    format!(
        "{} on {}, {} to {end}, {touched}{recovery}",
        fault.label,
        fault.target,
        at(fault.began_ns)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(label: &str, began: u64, ended: Option<u64>) -> FaultSummary {
        FaultSummary {
            label: label.to_owned(),
            target: "postgres".to_owned(),
            began_ns: began * 1_000_000,
            ended_ns: ended.map(|ended| ended * 1_000_000),
            hits: 1,
            connections: 1,
            first_success_ns: None,
            recovery_ns: None,
            effect: None,
            unobservable: false,
            impact: None,
        }
    }

    fn operation(at_ms: u64, outcome: Outcome) -> Event {
        let what =
            EventKind::Operation { client: 0, began: 0, outcome, error: None, sqlstate: None };
        Event::new(Duration::from_millis(at_ms), what)
    }

    #[test]
    fn nothing_that_happened_makes_no_strip() {
        assert_eq!(render(&[], &[], 5_000_000_000), Vec::<String>::new());
        assert_eq!(render(&[], &[], 0), Vec::<String>::new());
    }

    #[test]
    fn faults_that_overlap_stand_below_each_other_and_each_is_a_closed_band() {
        let faults = [
            fault("latency 80ms–120ms ↓", 0, Some(3_000)),
            fault("cut", 1_000, Some(1_001)),
            fault("stall ↕", 3_500, None),
            fault("reset", 1_100, Some(1_300)),
            fault("refuse", 9_999, Some(10_000)),
            fault("cut", 9_990, Some(9_999)),
        ];
        let rows = render(&faults, &[], 10_000_000_000);
        let bands: Vec<String> =
            rows[..3].iter().map(|row| row.chars().skip(11).collect()).collect();
        assert_eq!(
            bands,
            [
                "[latency·········]···[stall ↕······························]",
                "······│····················································│",
                "······[]···················································│",
            ]
        );
        assert_eq!(rows[3].trim_start().split("  ").next(), Some("0 s"));
        assert!(
            rows[4].contains("1 latency 80ms–120ms ↓ on postgres, 0.0 ms to 3.0 s, 1 hit on 1")
        );
    }

    #[test]
    fn a_storm_of_faults_stays_within_its_rows_and_its_last_are_listed() {
        let faults: Vec<_> = (0..200).map(|_| fault("cut", 0, None)).collect();
        let rows = render(&faults, &[], 10_000_000_000);
        assert_eq!(rows.len(), LANES + 1 + 1 + LISTED);
        assert!(rows[LANES + 1].ends_with("190 faults before these"), "{rows:#?}");
        assert!(rows.last().unwrap().trim_start().starts_with("200 cut on postgres"));
    }

    #[test]
    fn operations_show_their_rate_and_what_went_wrong() {
        let mut events: Vec<Event> = (0..600).map(|n| operation(n * 10, Outcome::Ok)).collect();
        events.extend((600..900).map(|n| operation(n * 10, Outcome::Failed)));
        events.push(operation(9_050, Outcome::Unknown));
        events.push(operation(11_990, Outcome::Ok));
        let rows = render(&[], &events, 12_000_000_000);
        assert_eq!(
            rows,
            [
                "  ok/s     ██████████████████████████████                             ▁   peak 100",
                "  not ok                                 ×××××××××××××××?                 × failed, ? unknown",
                "           0 s                                                   12.0 s",
            ]
        );
    }
}
