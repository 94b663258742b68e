//! What the operations of a property have to be.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// An operation that cases are made of: an enum of your own, most often.
///
/// It is printed, kept in files and read back, so it derives `Debug`, `Clone`, `Serialize` and
/// `Deserialize`; everything that does is one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an operation of a property",
    note = "derive `Debug`, `Clone`, `serde::Serialize` and `serde::Deserialize` for it"
)]
pub trait Operation: Debug + Clone + Serialize + DeserializeOwned + 'static {}

impl<T: Debug + Clone + Serialize + DeserializeOwned + 'static> Operation for T {}
