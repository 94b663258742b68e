//! The bytes of one direction that are under way.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};

use super::StreamEnd;
use super::segments::{self, Lags};

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
pub(super) struct Chunk {
    /// What is left of it; never empty while it waits.
    bytes: Bytes,
    /// All of it.
    whole: Bytes,
    /// Whether it was delivered before.
    pub(super) is_copy: bool,
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
        let whole = bytes.clone();
        self.chunks.push_back(Chunk { bytes, whole, is_copy: false, cost, arrived: now });
    }

    pub(super) fn push_end(&mut self, now: Duration, end: StreamEnd) {
        self.end = Some((end, now));
    }

    /// Puts a chunk that is done back to the head, to be delivered once more.
    pub(super) fn push_copy(&mut self, chunk: Chunk) {
        self.cost = self.cost.saturating_add(chunk.cost);
        self.chunks.push_front(Chunk { bytes: chunk.whole.clone(), is_copy: true, ..chunk });
    }

    /// Puts bytes that nobody sent to the front.
    pub(super) fn push_front(&mut self, now: Duration, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        let arrived = self.chunks.front().map_or(now, |chunk| chunk.arrived);
        let cost = bytes.len().saturating_add(COST_OF_A_CHUNK);
        self.cost = self.cost.saturating_add(cost);
        self.pushed += 1;
        let whole = bytes.clone();
        self.chunks.push_front(Chunk { bytes, whole, is_copy: true, cost, arrived });
    }

    /// Drops up to so many bytes at the front, and says how many there were.
    pub(super) fn drop_front(&mut self, count: u64) -> u64 {
        let mut left = usize::try_from(count).unwrap_or(usize::MAX);
        let mut dropped = 0;
        while left > 0 && self.has_bytes() {
            let length = self.head().len().min(left);
            drop(self.consume(length));
            left -= length;
            dropped += length as u64;
        }
        dropped
    }

    /// The next bytes behind the first `skipped` ones; empty if there are none.
    pub(super) fn behind(&self, skipped: usize) -> Bytes {
        let mut skipped = skipped;
        for chunk in &self.chunks {
            if skipped < chunk.bytes.len() {
                return chunk.bytes.slice(skipped..);
            }
            skipped -= chunk.bytes.len();
        }
        Bytes::new()
    }

    /// A copy of so many bytes at the front, if there are as many.
    pub(super) fn front(&self, count: usize) -> Option<BytesMut> {
        let mut front = BytesMut::with_capacity(count);
        for chunk in &self.chunks {
            let missing = count - front.len();
            front.extend_from_slice(&chunk.bytes[..missing.min(chunk.bytes.len())]);
            if front.len() == count {
                return Some(front);
            }
        }
        None
    }

    /// Whether the end of the stream has come, whatever still waits before it.
    pub(super) fn is_ended(&self) -> bool {
        self.end.is_some()
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

    /// The number of the first chunk, counted from 1. A copy has that of its original.
    pub(super) fn head_number(&self) -> u64 {
        self.pushed.saturating_sub(self.waiting()).saturating_add(1)
    }

    /// How long the first chunk was, and how much of that is gone.
    pub(super) fn head_extent(&self) -> (usize, usize) {
        self.chunks
            .front()
            .map_or((0, 0), |chunk| (chunk.whole.len(), chunk.whole.len() - chunk.bytes.len()))
    }

    /// How much later than the head the segments behind its first one came.
    pub(super) fn lags(&self) -> Lags {
        let mut lags = Lags::default();
        let mut unknown = lags.iter_mut();
        // The first segment of the head is the one that is asked for.
        let mut skipped = segments::SIZE;
        for chunk in &self.chunks {
            let later = chunk.bytes.len().saturating_sub(skipped).div_ceil(segments::SIZE);
            skipped = 0;
            let came = chunk.arrived.saturating_sub(self.head_arrived());
            unknown.by_ref().take(later).for_each(|lag| *lag = Some(came));
            if unknown.len() == 0 {
                break;
            }
        }
        lags
    }

    /// Removes bytes from the head, and returns the chunk if that was the last of it.
    pub(super) fn consume(&mut self, count: usize) -> Option<Chunk> {
        let head = self.chunks.front_mut()?;
        head.bytes.advance(count);
        if !head.bytes.is_empty() {
            return None;
        }
        self.cost -= head.cost;
        let done = self.chunks.pop_front();
        self.forget_capacity();
        done
    }

    /// Drops all that waits, the end of the stream as well, and says how many chunks there were;
    /// `None` if there was nothing.
    pub(super) fn swallow(&mut self) -> Option<u64> {
        if self.is_empty() {
            return None;
        }
        let chunks = self.waiting();
        self.chunks.clear();
        self.forget_capacity();
        self.cost = 0;
        self.end = None;
        Some(chunks)
    }

    /// After a burst the room for thousands of chunks would stay with an idle connection.
    fn forget_capacity(&mut self) {
        if self.chunks.is_empty() {
            self.chunks = VecDeque::new();
        }
    }

    pub(super) fn consume_end(&mut self) {
        self.end = None;
    }
}
