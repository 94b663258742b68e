#[chaos_test(retires = 3, seed = 42)]
#[tokio::test]
async fn wrong_options_leave_the_test(cx: Chaos) {}

#[chaos_test]
#[ignore]
async fn a_wrong_shape_leaves_the_function<T>(cx: Chaos) {}
