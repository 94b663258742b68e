#[chaos_test]
#[test]
fn a_plain_test(cx: Chaos) {}

#[chaos_test]
#[::core::prelude::v1::test]
fn what_other_attributes_leave_behind(cx: Chaos) {}

#[chaos_test]
#[tokio::test(flavor = "multi_thread")]
async fn tokio(cx: Chaos) {}

#[chaos_test]
#[test_log::test(tokio::test)]
async fn test_log(cx: Chaos) {}

#[chaos_test]
#[cfg_attr(unix, tokio::test)]
async fn under_a_condition(cx: Chaos) {}

#[chaos_test]
#[rstest]
#[case(1)]
async fn rstest(cx: Chaos) {}

#[chaos_test]
#[bench]
fn bench(cx: Chaos) {}

#[chaos_test(flaky)]
#[chaos_test(retries = 3)]
async fn twice(cx: Chaos) {}

#[chaos_test]
#[ignore(slow)]
async fn ignored_with_a_list(cx: Chaos) {}

#[chaos_test]
#[ignore = 7]
async fn ignored_with_a_number(cx: Chaos) {}

#[chaos_test]
#[ignore]
#[ignore = "slow"]
async fn ignored_twice(cx: Chaos) {}

#[chaos_test]
#[should_panic("out of money")]
async fn panic_without_expected(cx: Chaos) {}

#[chaos_test]
#[should_panic(expect = "out of money")]
async fn panic_misspelt(cx: Chaos) {}

#[chaos_test]
#[should_panic(expected = 7)]
async fn panic_with_a_number(cx: Chaos) {}

#[chaos_test]
#[should_panic]
#[should_panic]
async fn panic_twice(cx: Chaos) {}
