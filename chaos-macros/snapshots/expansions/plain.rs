#[chaos_test]
async fn with_the_context(cx: Chaos) -> TestResult {
    cx.postgres().await?;
    Ok(())
}

#[chaos_test]
fn without_anything() {}

#[chaos_test]
async fn with_fixtures(mut cx: Chaos, Pair(a, b): Pair<Vec<u8>>, _: Ledger) -> Result<(), String> {
    Ok(())
}

#[chaos_test]
pub(crate) async fn r#try(#[cfg(unix)] cx: Chaos) {}
