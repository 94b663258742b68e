//! Which operations were placed.

/// Which operations were placed, as bits.
///
/// Operations are placed about in the order in which they were invoked, so all of the first ones
/// are: only from the first gap on are bits compared and kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Placed {
    /// How many words before the first one here are full.
    full: u32,
    words: Box<[u64]>,
}

/// The bits that change while a search goes on.
#[derive(Debug)]
pub(super) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    pub(super) fn none(length: usize) -> Self {
        Self { words: vec![0; length.div_ceil(64)] }
    }

    pub(super) fn set(&mut self, bit: usize) {
        self.words[bit / 64] |= 1 << (bit % 64);
    }

    pub(super) fn clear(&mut self, bit: usize) {
        self.words[bit / 64] &= !(1 << (bit % 64));
    }

    /// A copy to be remembered.
    pub(super) fn placed(&self) -> Placed {
        let full = self.words.iter().take_while(|word| **word == u64::MAX).count();
        let empty = self.words[full..].iter().rev().take_while(|word| **word == 0).count();
        let words = self.words[full..self.words.len() - empty].into();
        Placed { full: u32::try_from(full).unwrap_or(u32::MAX), words }
    }
}

impl Placed {
    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_bits_are_different_and_the_same_are_the_same() {
        let mut bits = Bits::none(300);
        let mut seen = std::collections::HashSet::new();
        assert!(seen.insert(bits.placed()));
        for bit in 0..300 {
            bits.set(bit);
            assert!(seen.insert(bits.placed()));
        }
        for bit in (1..300).rev() {
            bits.clear(bit);
            assert!(!seen.insert(bits.placed()));
        }
        bits.set(299);
        assert!(seen.insert(bits.placed()));
    }
}
