//! What happens at a point.

use std::fmt;
use std::str::FromStr;

use crate::fault::SqlCode;

/// What happens at a cut point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// The connection ends (FIN) before the message is delivered.
    Cut,
    /// The connection is reset (RST) before the message is delivered.
    Reset,
    /// The connection is reset in the middle of the message.
    Torn,
    /// The message is held, the caller drops the future of the operation, and then it is delivered:
    /// what a timeout, a `select!` or a client of an HTTP server that has gone does.
    Cancel,
    /// The request is answered with this error of the database, which the server agrees with: its
    /// transaction is aborted. Answers of the server have no such point.
    Error(SqlCode),
    /// The message is held until the operation gives up by itself, and then delivered.
    Delay,
    /// The message is held, the server is killed (SIGKILL) and started again.
    ///
    /// It takes a server for each worker, and some tenths of a second for each point.
    ServerKilled,
}

impl Mode {
    /// What happens unless something else is chosen: [`Cut`](Self::Cut), [`Reset`](Self::Reset),
    /// [`Torn`](Self::Torn), [`Cancel`](Self::Cancel), and a serialization failure (40001) as
    /// [`Error`](Self::Error).
    #[must_use]
    pub fn usual() -> Vec<Self> {
        let conflict = tokio_postgres::error::SqlState::T_R_SERIALIZATION_FAILURE;
        vec![Self::Cut, Self::Reset, Self::Torn, Self::Cancel, Self::error(conflict)]
    }

    /// How much it does away with, to compare: what tells most about a bug does least.
    pub(super) const fn harm(self) -> u8 {
        match self {
            Self::Error(_) => 0,
            Self::Cancel => 1,
            Self::Delay => 2,
            Self::Cut => 3,
            Self::Reset => 4,
            Self::Torn => 5,
            Self::ServerKilled => 6,
        }
    }

    /// An error of the database: `Mode::error(SqlState::T_R_DEADLOCK_DETECTED)`.
    ///
    /// # Panics
    ///
    /// When a `SqlState` was made from a text that is no SQLSTATE of an error.
    #[must_use]
    #[track_caller]
    pub fn error(code: impl Into<SqlCode>) -> Self {
        Self::Error(code.into())
    }
}

/// As it stands in a token: `reset`, `error-40001`.
impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut => f.write_str("cut"),
            Self::Reset => f.write_str("reset"),
            Self::Torn => f.write_str("torn"),
            Self::Cancel => f.write_str("cancel"),
            Self::Error(code) => write!(f, "error-{code}"),
            Self::Delay => f.write_str("delay"),
            Self::ServerKilled => f.write_str("server-killed"),
        }
    }
}

/// A text that names no mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no mode; write `cut`, `reset`, `torn`, `cancel`, `delay`, `server-killed`, or \
     `error-` and a SQLSTATE"
)]
pub struct InvalidMode(String);

impl FromStr for Mode {
    type Err = InvalidMode;

    fn from_str(text: &str) -> Result<Self, InvalidMode> {
        let invalid = || InvalidMode(text.to_owned());
        Ok(match text {
            "cut" => Self::Cut,
            "reset" => Self::Reset,
            "torn" => Self::Torn,
            "cancel" => Self::Cancel,
            "delay" => Self::Delay,
            "server-killed" => Self::ServerKilled,
            _ => {
                let code = text.strip_prefix("error-").ok_or_else(invalid)?;
                Self::Error(code.parse().map_err(|_| invalid())?)
            }
        })
    }
}
