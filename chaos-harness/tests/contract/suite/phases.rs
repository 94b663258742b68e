//! A house that is built from the ground up, and whose parts break when the judge wants it.

use std::io::Write;

use chaos_harness::prelude::*;

use super::scratch;

/// Says that a part is begun, and fails if it is to.
fn build(part: &str) -> TestResult {
    let mut order = std::fs::File::options().create(true).append(true).open(scratch("built"))?;
    writeln!(order, "{part}")?;
    match scratch(&format!("{part}_breaks")).exists() {
        true => Err(format!("the {part} breaks").into()),
        false => Ok(()),
    }
}

#[chaos_test(domain = "roof")]
async fn a_roof() -> TestResult {
    build("roof")
}

#[chaos_test(domain = "walls")]
async fn b_walls() -> TestResult {
    build("walls")
}

#[chaos_test(domain = "ground")]
async fn c_ground() -> TestResult {
    build("ground")
}

/// Is dug until the garden is laid out, if the judge wants it.
#[chaos_test(domain = "ground", may_fail)]
async fn d_cellar() -> TestResult {
    let built = || std::fs::read_to_string(scratch("built")).unwrap_or_default();
    while scratch("cellar_waits").exists() && !built().contains("garden") {
        tokio::time::sleep(5.ms()).await;
    }
    build("cellar")
}

#[chaos_test]
async fn e_garden() -> TestResult {
    build("garden")
}

/// Takes longer than the shortest budget.
#[chaos_test(domain = "garden")]
async fn f_tree_grows() -> TestResult {
    tokio::time::sleep(1200.ms()).await;
    build("tree")
}
