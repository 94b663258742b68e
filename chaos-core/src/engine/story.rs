//! What happens to a connection in virtual time, and what has to be so whatever happens.

use std::time::Duration;

use super::StreamEnd;
use super::virtual_link::{VirtualLink, What};
use crate::direction::Direction::{self, Downstream, Upstream};
use crate::fault::Fault;

/// What happens to a connection.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Begin(Fault),
    /// Ends the fault that was begun as number so-and-so, if there was one.
    End(usize),
    Push(Direction, usize),
    PushEnd(Direction, StreamEnd),
    Pass(Duration),
}

/// What was pushed, and when.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) bytes: Vec<u8>,
    /// For each byte.
    pub(super) times: Vec<Duration>,
    pub(super) end: Option<(Duration, StreamEnd)>,
}

#[derive(Debug, Default)]
pub(super) struct Story {
    pub(super) link: VirtualLink,
    upstream: Sent,
    downstream: Sent,
    pub(super) begun: usize,
}

impl Story {
    /// A connection on which nothing has happened; 0 for no limit of a single write.
    pub(super) fn new(write_limit: usize) -> Self {
        Self { link: VirtualLink { write_limit, ..VirtualLink::default() }, ..Self::default() }
    }

    pub(super) fn play(acts: &[Act], write_limit: usize) -> Self {
        let mut story = Self::new(write_limit);
        for act in acts {
            story.act(act);
        }
        story
    }

    pub(super) fn act(&mut self, act: &Act) {
        let now = self.link.now;
        match act {
            // The link of the tests counts the hits of eight faults.
            Act::Begin(fault) if self.begun < 7 => {
                self.begun += 1;
                self.link.begin(self.begun as u64, fault.clone());
            }
            Act::Begin(_) => {}
            Act::End(index) => self.link.end(*index as u64 + 1),
            Act::Push(direction, length) => {
                let sent = self.sent_mut(*direction);
                if sent.end.is_none() {
                    let from = sent.bytes.len();
                    sent.bytes.extend((from..from + length).map(|index| (index % 251) as u8));
                    sent.times.extend((0..*length).map(|_| now));
                    let bytes = sent.bytes[from..].to_vec();
                    self.link.push(*direction, &bytes);
                }
            }
            Act::PushEnd(direction, end) => {
                let sent = self.sent_mut(*direction);
                if sent.end.is_none() {
                    sent.end = Some((now, *end));
                    self.link.push_end(*direction, *end);
                }
            }
            Act::Pass(time) => self.link.run_until(now + *time),
        }
    }

    pub(super) fn heal(&mut self) {
        for fault in 1..=self.begun {
            self.link.end(fault as u64);
        }
    }

    pub(super) fn sent(&self, direction: Direction) -> &Sent {
        match direction {
            Upstream => &self.upstream,
            Downstream => &self.downstream,
        }
    }

    pub(super) fn sent_mut(&mut self, direction: Direction) -> &mut Sent {
        match direction {
            Upstream => &mut self.upstream,
            Downstream => &mut self.downstream,
        }
    }

    /// Checks that what was delivered is the beginning of what was sent, in order and not early,
    /// and says whether it is all of it.
    pub(super) fn is_complete(&self, direction: Direction) -> bool {
        let sent = self.sent(direction);
        let mut position = 0;
        let mut ended = None;
        let mut last = Duration::ZERO;
        for delivery in &self.link.delivered {
            if delivery.direction != direction {
                continue;
            }
            assert!(delivery.at >= last, "time went back");
            assert_eq!(ended, None, "something came after the end");
            last = delivery.at;
            match &delivery.what {
                What::Bytes(bytes) => {
                    let next = position + bytes.len();
                    assert_eq!(bytes[..], sent.bytes[position..next], "bytes were changed");
                    assert!(delivery.at >= sent.times[next - 1], "delivered before it was sent");
                    position = next;
                }
                What::End(end) => {
                    assert_eq!(position, sent.bytes.len(), "the end came before the last byte");
                    ended = Some(*end);
                }
            }
        }
        position == sent.bytes.len() && ended == sent.end.map(|(_, end)| end)
    }
}
