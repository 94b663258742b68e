//! Tests that measure how long something takes.

use std::time::Duration;

use chaos_harness::prelude::*;

const LONG: Duration = Duration::from_millis(50);

/// Sleeps long enough for a busy machine to change little; so many times as long as the judge says.
async fn operation() -> TestResult {
    let factor = std::env::var("CHAOS_CONTRACT_SLOWER").map_or(1, |text| text.parse().unwrap());
    tokio::time::sleep(LONG * factor).await;
    Ok(())
}

fn sampling() -> Sampling {
    Sampling::new().warm_up(0).at_least(12).at_most(12)
}

#[chaos_test(domain = "storage")]
async fn measures(cx: Chaos) -> TestResult {
    cx.baseline_with("operation", sampling(), operation).await?;
    Ok(())
}

#[chaos_test]
async fn measures_more(cx: Chaos) -> TestResult {
    let name = std::env::var("CHAOS_CONTRACT_NAME").unwrap_or_else(|_| "waiting".to_owned());
    cx.baseline_with(&name, sampling(), async || -> TestResult {
        tokio::time::sleep(LONG).await;
        Ok(())
    })
    .await?;
    Ok(())
}

#[chaos_test]
async fn measures_too_little(cx: Chaos) -> TestResult {
    cx.baseline_of("recovery", vec![1.secs(); 9])?;
    Ok(())
}

/// Measures, and then finds that the machine cannot carry it.
#[chaos_test]
async fn measures_on_a_machine_that_is_too_small(cx: Chaos) -> TestResult {
    cx.baseline_with("operation", sampling(), operation).await?;
    cx.contention(50.percent())
        .from(2)
        .up_to(2)
        .until(async |_| Ok(Observed::of(0_usize, 100_usize)))
        .await?;
    Ok(())
}
