//! What `--chaos-selection` prints: which tests a selection chooses and which it leaves out, each with the
//! reason.
//!
//! ```text
//! smoke: 2 of 3 tests, expected to take 14.0 s of 15.0 s on 1 thread; 1 left out, which would take 1 min 30 s
//!
//!   pool::drains              10.0 s   13.2 points  never ran, covers N1
//!   pool::fills                4.0 s    3.4 points  only likely stable, not run for 8 days
//!
//! no time for 1 test:
//!   ledger::is_flooded    1 min 30 s    8.2 points  failed last time
//! ```

use super::choice::Choice;
use super::named::Named;
use crate::report::words;

/// The listing of a selection.
pub(crate) fn render(named: &Named) -> String {
    let Named { chosen, no_room, others, .. } = named;
    let mut text = format!("{}\n", words::selection(&named.summary(), named.threads));
    let rows = || chosen.iter().chain(no_room).chain(others);
    let width = rows().map(|choice| choice.name.chars().count()).max().unwrap_or(0);
    let row = |choice: &Choice| {
        let Choice { name, expected, points, why } = choice;
        let time = words::time(*expected);
        let points = format!("{points:.1} points");
        format!("  {name:<width$}  {time:>12}  {points:>12}  {why}\n")
    };
    if !chosen.is_empty() {
        text.push_str(&format!("\n{}", chosen.iter().map(row).collect::<String>()));
    }
    if !no_room.is_empty() {
        let count = words::counted(no_room.len() as u64, "test");
        text.push_str(&format!("\nno time for {count}:\n"));
        text.extend(no_room.iter().map(row));
    }
    if !others.is_empty() {
        let count = words::counted(others.len() as u64, "test");
        text.push_str(&format!("\n{count} of another kind:\n"));
        let row = |Choice { name, expected, why, .. }: &Choice| {
            format!("  {name:<width$}  {:>12}  {:12}  {why}\n", words::time(*expected), "")
        };
        text.extend(others.iter().map(row));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_list_is_the_one_that_the_documentation_shows() {
        let choice = |name: &str, seconds, points, why: &str| Choice {
            name: name.to_owned(),
            expected: Duration::from_secs(seconds),
            points,
            why: why.to_owned(),
        };
        let named = Named {
            name: "smoke".to_owned(),
            budget: Some(Duration::from_secs(15)),
            threads: 1,
            expected: Duration::from_secs(14),
            chosen: vec![
                choice("pool::drains", 10, 13.2, "never ran, covers N1"),
                choice("pool::fills", 4, 3.39, "only likely stable, not run for 8 days"),
            ],
            no_room: vec![choice("ledger::is_flooded", 90, 8.2, "failed last time")],
            others: Vec::new(),
            left_out_takes: Duration::from_secs(90),
            left_out: Vec::new(),
        };
        let text = render(&named);
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/selections.md");
        // A published crate is without it.
        let Ok(documentation) = std::fs::read_to_string(path) else { return };
        assert!(documentation.contains(&text), "{path} shows something else than\n{text}");
    }
}
