//! Arbitrary bytes as faults at the messages of a conversation: what a fuzzer runs, and plain tests
//! too.
//!
//! What is sent is a conversation with PostgreSQL, now and then with a damaged byte. The bytes say how
//! it is torn, how the clock advances, and which faults come, go and change. Nothing of it may panic or
//! go on for ever, the same bytes always come to the same, and what only delays loses nothing.

use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::fuzzing::{FAR, Input};
use super::virtual_link::VirtualLink;
use crate::direction::Direction::{Downstream, Upstream};
use crate::fault::{
    Fault, FaultKind, corrupt_message, cut, delay_message, drop_message, duplicate_message, error,
    reset, stall,
};
use crate::trigger::message::{
    Backend, Frontend, backend, backend_message, command_complete, commit, commit_complete,
    frontend, frontend_message, query,
};
use crate::wire::postgres::sample::conversation;
use crate::wire::postgres::{Session, Trace};

/// How much happens at most, so that every conversation comes to an end soon.
const ACTS: usize = 200;

/// How many faults come at most: as many as the link of the tests counts.
const FAULTS: u64 = 7;

/// Plays the conversation that these bytes tell, twice.
///
/// # Panics
///
/// When the engine does what it must not.
pub(crate) fn run(data: &[u8]) {
    let (first, second) = (play(data), play(data));
    assert_eq!(first.delivered, second.delivered, "it cannot be repeated");
    assert_eq!(first.hits, second.hits, "it cannot be repeated");
    assert_eq!(first.ended, second.ended, "it cannot be repeated");
}

fn play(data: &[u8]) -> VirtualLink {
    let mut input = Input(data);
    let write_limit = usize::from(input.byte());
    let mut link = VirtualLink { write_limit, ..VirtualLink::default() };
    link.engine.read_messages(Box::new(Session::new(1, Trace::default())));
    let mut pieces = conversation().into_iter();
    let (mut begun, mut harmed) = (0, false);
    let mut sent = [Vec::new(), Vec::new()];
    for _ in 0..ACTS {
        if input.0.is_empty() {
            break;
        }
        match input.byte() % 10 {
            0 | 1 if begun < FAULTS => {
                begun += 1;
                let fault = input.fault_at_messages();
                harmed |= !delays_only(&fault.kind);
                link.begin(begun, fault);
            }
            2 => link.end(u64::from(input.byte()) % FAULTS + 1),
            3 => link.run_until(link.now.saturating_add(input.time().min(FAR))),
            #[cfg(feature = "toxiproxy")]
            4 if begun > 0 => {
                let id = u64::from(input.byte()) % begun + 1;
                let does = input.toxic();
                harmed = true;
                link.change(id, &Fault::new(FaultKind::Toxic { does }));
            }
            choice => {
                let Some((direction, mut bytes)) = pieces.next() else { continue };
                if choice == 9 {
                    let at = usize::from(input.byte()) % bytes.len();
                    bytes[at] ^= input.byte();
                    harmed = true;
                }
                let size = usize::from(input.byte() % 32) + 1;
                bytes.chunks(size).for_each(|part| link.push(direction, part));
                sent[usize::from(direction == Downstream)].extend(bytes);
            }
        }
    }
    (1..=begun).for_each(|fault| link.end(fault));
    link.run_until(link.now.saturating_add(FAR));
    if !harmed {
        assert_eq!(link.ended, None, "a fault that only delays ended the connection");
        assert_eq!(link.bytes(Upstream), sent[0], "bytes are lost or changed");
        assert_eq!(link.bytes(Downstream), sent[1], "bytes are lost or changed");
    }
    link
}

fn delays_only(kind: &FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::DelayMessage { .. } | FaultKind::PacketDelay { .. } | FaultKind::Stall
    )
}

impl Input<'_> {
    fn delay_in_use(&mut self) -> Duration {
        self.time().min(FAR)
    }

    fn fault_at_messages(&mut self) -> Fault {
        let nth = u64::from(self.byte() % 16) + 1;
        match self.byte() % 14 {
            0 => delay_message(backend(Backend::DataRow), self.delay_in_use()).into(),
            1 => delay_message(frontend_message(nth), self.delay_in_use()).into(),
            2 => drop_message(frontend_message(nth)).into(),
            3 => drop_message(backend(Backend::ReadyForQuery)).into(),
            4 => duplicate_message(frontend(Frontend::Parse)).into(),
            5 => duplicate_message(command_complete("INSERT")).into(),
            6 => corrupt_message(backend_message(nth)).into(),
            7 => error(SqlState::T_R_SERIALIZATION_FAILURE).on(commit()).into(),
            8 => error(SqlState::T_R_SERIALIZATION_FAILURE).on(query("INSERT")).into(),
            9 => cut().on(commit_complete().torn()).into(),
            10 => reset().on(backend_message(nth).after()).into(),
            11 => stall().on(frontend_message(nth)).into(),
            12 => Fault::new(FaultKind::PacketDelay { delay: self.delay() }),
            _ => self.other_fault(),
        }
    }

    #[cfg(not(feature = "toxiproxy"))]
    fn other_fault(&mut self) -> Fault {
        self.fault()
    }

    #[cfg(feature = "toxiproxy")]
    fn other_fault(&mut self) -> Fault {
        if self.bit() { Fault::new(FaultKind::Toxic { does: self.toxic() }) } else { self.fault() }
    }

    #[cfg(feature = "toxiproxy")]
    fn toxic(&mut self) -> crate::fault::Toxic {
        use crate::fault::Toxic;
        let kind = self.byte() % 8;
        // As odd as a client may send it.
        let [first, second, third] =
            [(); 3].map(|()| i64::from_ne_bytes(self.number().to_ne_bytes()));
        match kind {
            0 => Toxic::Noop,
            1 => Toxic::Latency { latency: first, jitter: second },
            2 => Toxic::Bandwidth { rate: first },
            3 => Toxic::SlowClose { delay: first },
            4 => Toxic::Timeout { timeout: first },
            5 => Toxic::ResetPeer { timeout: first },
            6 => Toxic::Slicer { average_size: first, size_variation: second, delay: third },
            _ => Toxic::LimitData { bytes: first },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// What the fuzzer does for hours, for a moment.
        #[test]
        fn nothing_panics_hangs_or_is_lost_at_messages(data in prop::collection::vec(any::<u8>(), 0..300)) {
            run(&data);
        }
    }
}
