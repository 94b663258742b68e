//! Looking for bytes in a stream that comes in pieces.

use crate::direction::Direction;
use crate::trigger::Pattern;

/// Looks for a pattern in what passes, in each direction by itself (Knuth, Morris and Pratt 1977).
#[derive(Debug)]
pub(super) struct Watch {
    pattern: Pattern,
    /// For each length of a match that fails to go on: the length of the longest one within it.
    fallback: Vec<usize>,
    /// How much of the pattern the bytes that passed last are, upstream and downstream.
    matched: [usize; 2],
    seen: bool,
}

impl Watch {
    pub(super) fn new(pattern: &Pattern) -> Self {
        let bytes = pattern.bytes();
        let mut fallback = vec![0; bytes.len() + 1];
        let mut length = 0;
        for end in 1..bytes.len() {
            while length > 0 && bytes[length] != bytes[end] {
                length = fallback[length];
            }
            length += usize::from(bytes[length] == bytes[end]);
            fallback[end + 1] = length;
        }
        Self { pattern: pattern.clone(), fallback, matched: [0; 2], seen: false }
    }

    /// Whether the pattern has passed.
    pub(super) fn seen(&self) -> bool {
        self.seen
    }

    /// How many of these bytes are to pass next so that the pattern ends with them, if it does.
    pub(super) fn end_in(&self, direction: Direction, bytes: &[u8]) -> Option<usize> {
        if self.seen || !self.pattern.directions().contains(direction) {
            return None;
        }
        let mut matched = self.matched[index(direction)];
        bytes.iter().position(|byte| self.step(&mut matched, *byte)).map(|last| last + 1)
    }

    /// Notes that these bytes passed.
    pub(super) fn pass(&mut self, direction: Direction, bytes: &[u8]) {
        if self.seen || !self.pattern.directions().contains(direction) {
            return;
        }
        let mut matched = self.matched[index(direction)];
        self.seen = bytes.iter().any(|byte| self.step(&mut matched, *byte));
        self.matched[index(direction)] = matched;
    }

    /// Goes on by a byte, and says whether the pattern is complete with it.
    fn step(&self, matched: &mut usize, byte: u8) -> bool {
        let bytes = self.pattern.bytes();
        while *matched > 0 && bytes[*matched] != byte {
            *matched = self.fallback[*matched];
        }
        *matched += usize::from(bytes[*matched] == byte);
        // It is not gone on with after that, so nothing is read beyond the end of the pattern.
        *matched == bytes.len()
    }
}

fn index(direction: Direction) -> usize {
    match direction {
        Direction::Upstream => 0,
        Direction::Downstream => 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trigger::seen;

    proptest! {
        /// Over an alphabet of two letters, patterns overlap themselves in every way.
        #[test]
        fn a_pattern_is_found_where_it_first_ends_however_the_stream_is_torn(
            pattern in prop::collection::vec(0..2_u8, 1..7),
            stream in prop::collection::vec(0..2_u8, 0..60),
            piece in 1..9_usize,
        ) {
            let mut windows = stream.windows(pattern.len());
            let expected = windows.position(|window| window == pattern).map(|at| at + pattern.len());
            let mut watch = Watch::new(&seen(&pattern));
            let mut passed = 0;
            let mut found = None;
            for piece in stream.chunks(piece) {
                found = watch.end_in(Direction::Upstream, piece).map(|length| passed + length);
                watch.pass(Direction::Upstream, piece);
                prop_assert_eq!(watch.seen(), found.is_some());
                if found.is_some() {
                    break;
                }
                passed += piece.len();
            }
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn only_the_chosen_direction_is_looked_at() {
        let mut watch = Watch::new(&seen(b"ab").downstream());
        assert_eq!(watch.end_in(Direction::Upstream, b"ab"), None);
        watch.pass(Direction::Upstream, b"ab");
        watch.pass(Direction::Downstream, b"a");
        watch.pass(Direction::Upstream, b"b");
        assert!(!watch.seen());
        assert_eq!(watch.end_in(Direction::Downstream, b"bc"), Some(1));
    }
}
