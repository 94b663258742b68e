/// Money is neither made nor lost.
///
/// Whatever happens.
#[chaos_test]
#[ignore = "slow"]
#[should_panic(expected = "out of money")]
#[cfg(unix)]
#[allow(dead_code)]
#[expect(unused_variables)]
#[tracing::instrument(skip(cx))]
async fn sorted(cx: Chaos) {}

#[chaos_test]
#[cfg_attr(windows, ignore = "needs signals", should_panic, cfg(feature = "windows"))]
#[cfg_attr(unix, cfg_attr(feature = "slow", ignore), inline)]
async fn conditional(cx: Chaos) {}

#[chaos_test]
#[doc = include_str!("risk.md")]
#[should_panic]
#[ignore]
fn documented_elsewhere() {}
