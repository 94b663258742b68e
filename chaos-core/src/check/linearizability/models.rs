//! What common objects do, one operation after another.

mod counter;
mod fenced_lease;
mod lock;
mod map;
mod once;
mod queue;
mod register;
mod set;
mod text;

pub use self::counter::Counter;
pub use self::fenced_lease::FencedLease;
pub use self::lock::Lock;
pub use self::map::Map;
pub use self::once::Once;
pub use self::queue::FifoQueue;
pub use self::register::Register;
#[cfg(test)]
pub(super) use self::register::RegisterCall as RegisterTestCall;
pub use self::set::Set;
pub use self::text::Text;

use super::Asked;

/// The error for an operation that a model does not know.
fn unknown_operation(asked: Asked<'_>, known: &str) -> String {
    format!("there is no operation `{}`; known are {known}", asked.f)
}
