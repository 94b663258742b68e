//! The table of the documentation: its list of cases is kept equal to ours, and its figures come from
//! here.

use std::fs;
use std::path::Path;

use chaos_core::journal::Journal;
use chaos_core::prelude::*;
use chaos_core::seed::Seed;

use crate::arena::Stage;
use crate::specimen::{Case, Specimen, find};

/// How often each case is looked for when the figures are measured.
const TIMES: usize = 20;

fn documentation() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/found.md");
    fs::read_to_string(path).unwrap()
}

/// The columns that do not depend on how often a bug is looked for.
fn columns(case: &Case) -> String {
    format!("| {} | {} | {} |", case.bug, case.found_by, case.within)
}

#[test]
fn the_documentation_lists_what_is_here() {
    let documentation = documentation();
    // The last column has the figures.
    let listed: Vec<_> = documentation
        .lines()
        .skip_while(|line| !line.starts_with("|---"))
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_end_matches('|').rsplit_once('|').unwrap().0.to_owned() + "|")
        .collect();
    let here: Vec<_> = crate::CASES.iter().map(columns).collect();
    assert_eq!(listed, here, "the table of docs/found.md has to be:\n{}", here.join("\n"));
    assert!(here.len() >= 12);
}

/// Prints the row of a case: in which run it was found, of so many times that it was looked for.
pub(crate) fn measure(specimen: &str, case: &Case) {
    let arena = crate::arena();
    let mut player = arena.start(&format!("measure {specimen}"));
    let mut runs: Vec<u32> = (0..TIMES)
        .map(|_| player.line())
        .map(|line| line.parse().unwrap_or_else(|_| panic!("{specimen}: {line}")))
        .collect();
    player.finish();
    runs.sort_unstable();
    let (median, most) = (runs[TIMES / 2], runs[TIMES - 1]);
    println!("{} {median}, at most {most} |", columns(case));
}

/// Looks for a case again and again, each time with another seed.
pub(crate) async fn look<S: Specimen>(stage: &Stage) -> TestResult {
    for seed in 0..TIMES as u64 {
        let cx = Chaos::new(Seed(seed), Journal::in_memory());
        stage.say(find::<S>(cx).await?);
    }
    Ok(())
}
