//! Tests that are scenes: each is played by a process of its own, after which nothing may remain.

/// Declares the scenes of each module, and one test for each of them. A scene is a function that is
/// given a `Chaos`; the test calls `crate::play` with its name. Behind `others:` stands a function
/// that plays the roles that are no scenes.
macro_rules! scenes {
    (others: $others:path; $($module:ident: $($scene:ident),* $(,)?;)*) => {
        $(mod $module;)*

        #[test]
        fn entry() {
            crate::arena::enter(async |role, stage| {
                $($(if role == concat!(stringify!($module), "::", stringify!($scene)) {
                    return $module::$scene(stage.cx.clone()).await;
                })*)*
                $others(&role, &stage).await
            });
        }

        mod on_a_real_server {
            $(mod $module {$(
                #[test]
                fn $scene() {
                    crate::play(concat!(stringify!($module), "::", stringify!($scene)));
                }
            )*})*
        }
    };
    ($($scenes:tt)*) => {
        scenes! { others: crate::scenes::no_role; $($scenes)* }
    };
}

/// There is none but the scenes.
#[allow(dead_code, reason = "some tests have roles beside their scenes")]
pub(crate) async fn no_role(role: &str, _: &crate::arena::Stage) -> chaos_core::TestResult {
    panic!("unknown role {role}")
}
