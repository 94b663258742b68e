//! Hashes of small numbers, of which a long history needs millions.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Builds [`NumberHasher`]s with a key of the process's own, so that no history can be made whose
/// numbers all fall together.
#[derive(Debug, Clone)]
pub(super) struct NumberHashing {
    key: u64,
}

impl Default for NumberHashing {
    fn default() -> Self {
        Self { key: RandomState::new().hash_one(0) | 1 }
    }
}

impl BuildHasher for NumberHashing {
    type Hasher = NumberHasher;

    fn build_hasher(&self) -> NumberHasher {
        NumberHasher { key: self.key, state: self.key }
    }
}

/// Multiplies into 128 bits and folds them, as wyhash does: a tenth of what SipHash takes.
#[derive(Debug)]
pub(super) struct NumberHasher {
    key: u64,
    state: u64,
}

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.state
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let product =
            u128::from(self.state ^ number ^ ODD) * u128::from(self.key ^ ODD.rotate_left(32));
        let [low, high] = [product, product >> 64].map(|half| (half & u128::from(u64::MAX)) as u64);
        self.state = low ^ high;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_fall_apart() {
        let hashing = NumberHashing::default();
        for shift in [0, 7, 57] {
            let low: std::collections::HashSet<_> = (0..10_000_u32)
                .map(|n| hashing.hash_one((n % 100, u64::from(n))) >> shift & 0xffff)
                .collect();
            // 10,000 draws of 65,536 (128 at the top, which hashbrown looks at) leave about 9,270.
            let least = if shift == 57 { 127 } else { 9_000 };
            assert!(low.len() >= least, "{shift}: {}", low.len());
        }
    }
}
