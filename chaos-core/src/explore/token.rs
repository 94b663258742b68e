//! Where a fault strikes, and the token that names it.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use super::mode::{InvalidMode, Mode};
use crate::direction::Direction;

/// Where something happens. Ordinals count from 1, anew in every run of the scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Place {
    /// At a message: which connection of the run, and which message of a direction of it.
    Message { connection: NonZeroU64, direction: Direction, nth: NonZeroU64 },
    /// Once the operation was polled so often.
    Poll(NonZeroU64),
}

/// What happens where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Strike {
    pub(crate) place: Place,
    pub(crate) mode: Mode,
}

/// Names one run of an exploration, so that it can be repeated: `CHAOS_REPLAY=c1.b29.reset`.
///
/// `c1.b29.reset` is the reset of connection 1 at message 29 of the server (`b` for backend, `f` for
/// frontend), `poll.3` the end of the operation after its third poll. A second fault follows behind
/// a `+`, and the number of the exploration stands before a `:` unless it is the first of its test.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReplayToken {
    /// Which exploration of the test, counted from 1.
    pub(crate) exploration: u64,
    /// At least one.
    pub(crate) strikes: Vec<Strike>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message { connection, direction, nth } => {
                let side = direction.pick('f', 'b');
                write!(f, "c{connection}.{side}{nth}")
            }
            Self::Poll(nth) => write!(f, "poll.{nth}"),
        }
    }
}

impl fmt::Display for ReplayToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.exploration > 1 {
            write!(f, "{}:", self.exploration)?;
        }
        for (index, Strike { place, mode }) in self.strikes.iter().enumerate() {
            if index > 0 {
                f.write_str("+")?;
            }
            match place {
                Place::Poll(_) => write!(f, "{place}")?,
                Place::Message { .. } => write!(f, "{place}.{mode}")?,
            }
        }
        Ok(())
    }
}

/// A text that is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidToken {
    /// It is not built like one.
    #[error(
        "`{0}` names no point of an exploration; write what the failure says, such as \
         `c1.b29.reset` or `poll.3`"
    )]
    Form(String),
    /// It names a mode that does not exist.
    #[error(transparent)]
    Mode(#[from] InvalidMode),
}

impl FromStr for ReplayToken {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let invalid = || InvalidToken::Form(text.to_owned());
        let (exploration, rest) = match text.split_once(':') {
            Some((number, rest)) => (number.parse().map_err(|_| invalid())?, rest),
            None => (1, text),
        };
        let strikes = rest.split('+').map(|part| strike(part).ok_or_else(invalid)?);
        let strikes: Vec<_> = strikes.collect::<Result<_, InvalidToken>>()?;
        if exploration == 0 { Err(invalid()) } else { Ok(Self { exploration, strikes }) }
    }
}

/// `None` when it is not built like one.
fn strike(text: &str) -> Option<Result<Strike, InvalidToken>> {
    if let Some(nth) = text.strip_prefix("poll.") {
        let place = Place::Poll(nth.parse().ok()?);
        return Some(Ok(Strike { place, mode: Mode::Cancel }));
    }
    let mut parts = text.splitn(3, '.');
    let connection = parts.next()?.strip_prefix('c')?.parse().ok()?;
    let message = parts.next()?;
    let direction = match message.as_bytes().first()? {
        b'f' => Direction::Upstream,
        b'b' => Direction::Downstream,
        _ => return None,
    };
    let place = Place::Message { connection, direction, nth: message.get(1..)?.parse().ok()? };
    let mode = parts.next()?.parse::<Mode>();
    Some(mode.map(|mode| Strike { place, mode }).map_err(InvalidToken::Mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_being_written_down() {
        for text in [
            "c1.b29.reset",
            "c12.f3.error-40001",
            "poll.3",
            "2:c1.b29.torn+c2.f3.server-killed",
            "c1.f1.cut+c2.b18.cancel",
        ] {
            assert_eq!(text.parse::<ReplayToken>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_token_is_refused_with_what_to_write() {
        for text in ["", "c1", "c0.b1.reset", "c1.x2.reset", "poll.0", "poll.", "0:poll.1", "c1.b2"]
        {
            let error = text.parse::<ReplayToken>().unwrap_err().to_string();
            assert!(error.contains("c1.b29.reset"), "{text}: {error}");
        }
        let error = "c1.b2.explode".parse::<ReplayToken>().unwrap_err().to_string();
        assert!(error.contains("`explode`") && error.contains("`cut`"), "{error}");
    }
}
