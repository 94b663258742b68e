//! What a test may return.

use std::fmt::Display;

use chaos_core::TestError;

/// What a test may return: `()`, `TestResult`, or any `Result<(), E>` whose error can be shown.
#[diagnostic::on_unimplemented(
    message = "a chaos test cannot return `{Self}`",
    label = "not a test result",
    note = "return nothing, `TestResult`, or a `Result<(), E>` where `E: Display`"
)]
pub trait Termination {
    /// The verdict of the test function.
    ///
    /// # Errors
    ///
    /// What the test returned as its error.
    #[track_caller]
    fn into_result(self) -> Result<(), TestError>;
}

impl Termination for () {
    fn into_result(self) -> Result<(), TestError> {
        Ok(())
    }
}

impl<E: Display + 'static> Termination for Result<(), E> {
    fn into_result(self) -> Result<(), TestError> {
        let Err(error) = self else { return Ok(()) };
        // A boxed error keeps its chain of sources; any other one is only its text, and was returned by the
        // test, wherever in it.
        let mut error = Some(error);
        let any: &mut dyn std::any::Any = &mut error;
        Err(match any.downcast_mut::<Option<TestError>>() {
            Some(boxed) => boxed.take().expect("it was put there above"),
            None => error.expect("it was put there above").to_string().into(),
        })
    }
}
