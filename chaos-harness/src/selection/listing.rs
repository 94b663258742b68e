//! What `--chaos-selection` prints: which tests a selection chooses and which it leaves out, each with the
//! reason.
//!
//! ```text
//! smoke: 2 of 3 tests, expected to take 14.0 s of 5m on 2 threads
//!
//!      pool::drains      10.0 s   14.0 points  never ran, covers N1
//!      pool::fills        4.0 s    1.0 points  nothing new is expected
//!
//! left out: 1 test, which would take 9 min 00 s
//!      pool::is_flooded  9 min 00 s  2.0 points  only likely stable
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
