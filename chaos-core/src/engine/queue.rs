//! The bytes of one direction that are under way.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf, Bytes};

use super::StreamEnd;

/// How much waits at most before the sender feels it: enough to carry 300 MB/s under 50 ms of
/// latency.
const CAPACITY: usize = 16 << 20;

/// What a chunk costs beside its bytes, so that a flood of single bytes is bounded too.
const COST_OF_A_CHUNK: usize = 128;

/// Chunks in the order in which they arrived, and perhaps the end of the stream after them.
#[derive(Debug, Default)]
pub(super) struct Queue {
    chunks: VecDeque<Chunk>,
    end: Option<(StreamEnd, Duration)>,
    cost: usize,
    /// How many chunks were ever pushed.
    pushed: u64,
    /// When the head may leave, by the last plan that was made.
    pub(super) planned: Duration,
}

#[derive(Debug)]
struct Chunk {
    /// What is left of it; never empty.
    bytes: Bytes,
    cost: usize,
    arrived: Duration,
}

impl Queue {
    pub(super) fn push(&mut self, now: Duration, bytes: Bytes) {
        debug_assert!(self.end.is_none(), "bytes after the end of the stream");
        if bytes.is_empty() {
            return;
        }
        let cost = bytes.len().saturating_add(COST_OF_A_CHUNK);
        self.cost = self.cost.saturating_add(cost);
        self.pushed += 1;
        self.chunks.push_back(Chunk { bytes, cost, arrived: now });
    }

    pub(super) fn push_end(&mut self, now: Duration, end: StreamEnd) {
        self.end = Some((end, now));
    }

    pub(super) fn has_room(&self) -> bool {
        self.cost < CAPACITY
    }

    pub(super) fn has_bytes(&self) -> bool {
        !self.chunks.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.end.is_none()
    }

    /// What is left of the first chunk; empty if there is none.
    pub(super) fn head(&self) -> Bytes {
        self.chunks.front().map_or_else(Bytes::new, |chunk| chunk.bytes.clone())
    }

    pub(super) fn head_len(&self) -> usize {
        self.chunks.front().map_or(0, |chunk| chunk.bytes.len())
    }

    pub(super) fn head_arrived(&self) -> Duration {
        self.chunks.front().map_or(Duration::ZERO, |chunk| chunk.arrived)
    }

    /// The end of the stream, once all bytes before it are gone, and when it arrived.
    pub(super) fn end(&self) -> Option<(StreamEnd, Duration)> {
        if self.chunks.is_empty() { self.end } else { None }
    }

    /// How many chunks were ever pushed: the number of the last one.
    pub(super) fn pushed(&self) -> u64 {
        self.pushed
    }

    /// How many chunks wait.
    pub(super) fn waiting(&self) -> u64 {
        self.chunks.len() as u64
    }

    /// Removes bytes from the head, and says whether that was the last of the chunk.
    pub(super) fn consume(&mut self, count: usize) -> bool {
        let Some(head) = self.chunks.front_mut() else { return false };
        head.bytes.advance(count);
        if !head.bytes.is_empty() {
            return false;
        }
        self.cost -= head.cost;
        self.chunks.pop_front();
        if self.chunks.is_empty() {
            // After a burst the room for thousands of chunks would stay with an idle connection.
            self.chunks = VecDeque::new();
        }
        true
    }

    pub(super) fn consume_end(&mut self) {
        self.end = None;
    }
}
