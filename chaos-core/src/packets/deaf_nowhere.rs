//! Sockets can be made deaf on Linux only.

use std::convert::Infallible;

use super::Unavailable;

/// How a socket was made deaf, which does not happen here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deafness(Infallible);

/// Says whether sockets can be made deaf here.
pub(crate) fn probe() -> Result<(), Unavailable> {
    Err(Unavailable::new("a dead peer is", "this system is not Linux"))
}
