#[chaos_test(requires)]
async fn without_a_list(cx: Chaos) {}

#[chaos_test(requires())]
async fn with_an_empty_list(cx: Chaos) {}

#[chaos_test(requires = "root")]
async fn with_a_value(cx: Chaos) {}

#[chaos_test(requires(rot, docker))]
async fn unknown(cx: Chaos) {}

#[chaos_test(requires(root, redis, root))]
async fn repeated(cx: Chaos) {}

#[chaos_test(requires("root", redis = 7, not(root)))]
async fn not_names(cx: Chaos) {}
