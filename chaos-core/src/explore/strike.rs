//! Faults of a point, as a link has them.

use std::num::NonZeroU64;

use super::mode::Mode;
use super::token::{Place, Strike};
use crate::direction::Direction;
use crate::fault::{Fault, cut, error, reset, stall};
use crate::trigger::message::{At, MessageTrigger, Moment, Which, frontend_message};
use crate::trigger::{Trigger, connection};

/// The fault that does this on a link that has had `before` connections; none where nothing is done
/// to a link.
pub(super) fn fault(strike: &Strike, before: u64) -> Option<Fault> {
    let Place::Message { connection: number, direction, nth } = strike.place else { return None };
    let on: Trigger = connection(before.checked_add(number.get())?);
    let at = |at| moment(direction, nth, at);
    Some(match strike.mode {
        Mode::Cut => cut().on(on).on(at(At::Before)).may_be_idle().into(),
        Mode::Reset => reset().on(on).on(at(At::Before)).may_be_idle().into(),
        Mode::Torn => reset().on(on).on(at(At::Half)).may_be_idle().into(),
        Mode::Cancel | Mode::Delay | Mode::ServerKilled => {
            stall().on(on).on(at(At::Before)).may_be_idle().into()
        }
        Mode::Error(code) => {
            error(code).on(frontend_message(nth.get())).on_connections(on).may_be_idle().into()
        }
    })
}

fn moment(direction: Direction, nth: NonZeroU64, at: At) -> Moment {
    Moment { message: MessageTrigger::new(Which::Ordinal(direction, nth)), at }
}
