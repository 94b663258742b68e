//! The two directions of a connection.
//!
//! ```text
//!   client  ──── upstream ↑ ────>  server
//!   client  <─── downstream ↓ ───  server
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

/// One direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the client to the server.
    Upstream,
    /// From the server to the client.
    Downstream,
}

impl Direction {
    /// The other one.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Upstream => Self::Downstream,
            Self::Downstream => Self::Upstream,
        }
    }

    /// What there is of this direction, of what there is of each.
    pub(crate) fn pick<T>(self, upstream: T, downstream: T) -> T {
        match self {
            Self::Upstream => upstream,
            Self::Downstream => downstream,
        }
    }
}

/// The directions that a fault affects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Directions {
    /// From the client to the server only.
    Upstream,
    /// From the server to the client only.
    Downstream,
    /// Both.
    #[default]
    Both,
}

impl Directions {
    /// Whether `direction` is among them.
    #[must_use]
    pub const fn contains(self, direction: Direction) -> bool {
        matches!(
            (self, direction),
            (Self::Both, _)
                | (Self::Upstream, Direction::Upstream)
                | (Self::Downstream, Direction::Downstream)
        )
    }
}

impl From<Direction> for Directions {
    fn from(direction: Direction) -> Self {
        direction.pick(Self::Upstream, Self::Downstream)
    }
}

impl fmt::Display for Directions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Upstream => "↑",
            Self::Downstream => "↓",
            Self::Both => "↕",
        })
    }
}
