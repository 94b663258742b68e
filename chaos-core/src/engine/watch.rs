//! Looking for bytes in a stream that comes in pieces.

use crate::direction::Direction;
use crate::trigger::Pattern;

/// Looks for a pattern in what passes, in each direction by itself (Knuth, Morris and Pratt 1977). How
/// often it was found already is kept elsewhere.
#[derive(Debug)]
pub(super) struct Watch {
    pattern: Pattern,
    /// For each length of a match that fails to go on: the length of the longest one within it.
    fallback: Vec<usize>,
    /// How much of the pattern the bytes that passed last are, upstream and downstream.
    matched: [usize; 2],
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
        Self { pattern: pattern.clone(), fallback, matched: [0; 2] }
    }

    /// How many of these bytes are to pass next so that the pattern ends with them for the
    /// `missing`-th time from now, if it does.
    pub(super) fn end_in(&self, direction: Direction, bytes: &[u8], missing: u64) -> Option<usize> {
        if !self.pattern.directions().contains(direction) {
            return None;
        }
        let last = usize::try_from(missing).ok()?.checked_sub(1)?;
        let mut matched = self.matched[index(direction)];
        let found = bytes.iter().enumerate().filter(|(_, byte)| self.step(&mut matched, **byte));
        found.map(|(at, _)| at + 1).nth(last)
    }

    /// Notes that these bytes passed, and says how often the pattern ended among them.
    pub(super) fn pass(&mut self, direction: Direction, bytes: &[u8]) -> u64 {
        if !self.pattern.directions().contains(direction) {
            return 0;
        }
        let mut matched = self.matched[index(direction)];
        let found = bytes.iter().filter(|byte| self.step(&mut matched, **byte)).count();
        self.matched[index(direction)] = matched;
        found as u64
    }

    /// Goes on by a byte, and says whether the pattern is complete with it.
    fn step(&self, matched: &mut usize, byte: u8) -> bool {
        let bytes = self.pattern.bytes();
        while *matched > 0 && bytes[*matched] != byte {
            *matched = self.fallback[*matched];
        }
        *matched += usize::from(bytes[*matched] == byte);
        let is_complete = *matched == bytes.len();
        if is_complete {
            // What overlaps itself does not count twice.
            *matched = 0;
        }
        is_complete
    }
}

fn index(direction: Direction) -> usize {
    direction.pick(0, 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trigger::seen;

    proptest! {
        /// Over an alphabet of two letters, patterns overlap themselves in every way.
        #[test]
        fn a_pattern_is_found_where_it_ends_however_the_stream_is_torn(
            pattern in prop::collection::vec(0..2_u8, 1..7),
            stream in prop::collection::vec(0..2_u8, 0..60),
            piece in 1..9_usize,
            nth in 1..5_u64,
        ) {
            let text = |bytes: &[u8]| bytes.iter().map(|bit| char::from(b'0' + bit)).collect::<String>();
            let (pattern_text, stream_text) = (text(&pattern), text(&stream));
            // Matches of the standard library do not overlap either.
            let mut matches = stream_text.match_indices(&pattern_text);
            let expected = matches.nth(nth as usize - 1).map(|(at, _)| at + pattern.len());
            let mut watch = Watch::new(&seen(&pattern));
            let mut missing = nth;
            let mut passed = 0;
            let mut found = None;
            for piece in stream.chunks(piece) {
                found = watch.end_in(Direction::Upstream, piece, missing).map(|length| passed + length);
                missing = missing.saturating_sub(watch.pass(Direction::Upstream, piece));
                prop_assert_eq!(missing == 0, found.is_some());
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
        assert_eq!(watch.end_in(Direction::Upstream, b"ab", 1), None);
        assert_eq!(watch.pass(Direction::Upstream, b"ab"), 0);
        assert_eq!(watch.pass(Direction::Downstream, b"a"), 0);
        assert_eq!(watch.pass(Direction::Upstream, b"b"), 0);
        assert_eq!(watch.end_in(Direction::Downstream, b"bc", 1), Some(1));
        assert_eq!(watch.end_in(Direction::Downstream, b"bc", 0), None);
    }
}
