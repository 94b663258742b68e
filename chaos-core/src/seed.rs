//! Reproducible draws.
//!
//! Every random decision is a hash of the attempt's seed and of *what is being decided*: the link,
//! the ordinal of the connection, the fault. There is no generator whose state depends on the order
//! in which concurrent connections happen to be served, so the same seed makes the same decisions
//! for the same connection in every run.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::probability::Probability;

/// What all draws of an attempt derive from. Printed in decimal, read from `CHAOS_SEED`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// A seed that differs from call to call and from process to process.
    #[must_use]
    pub fn random() -> Self {
        use std::hash::{BuildHasher, RandomState};
        // The keys of `RandomState` come from the operating system.
        Self(RandomState::new().hash_one(std::process::id()) >> 16)
    }

    /// A seed of its own for a named part, such as a link.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        let hash = name
            .bytes()
            .fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
        self.numbered(hash)
    }

    /// A seed of its own for a numbered part, such as a connection.
    #[must_use]
    pub fn numbered(self, number: u64) -> Self {
        Self(mix(self.0 ^ mix(number.wrapping_add(GOLDEN_GAMMA))))
    }

    /// Starts a sequence of draws. Two sequences from equal seeds are equal.
    #[must_use]
    pub fn draws(self) -> Draws {
        Draws { state: self.0 }
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is no seed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no seed; write a whole number from 0 to 18446744073709551615")]
pub struct InvalidSeed(String);

impl FromStr for Seed {
    type Err = InvalidSeed;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.trim().parse().map(Self).map_err(|_| InvalidSeed(text.to_owned()))
    }
}

/// A sequence of draws from one seed (SplitMix64, Steele, Lea and Flood 2014).
#[derive(Debug, Clone)]
pub struct Draws {
    state: u64,
}

impl Draws {
    /// A number between 0 and `u64::MAX`, all equally likely.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        mix(self.state)
    }

    /// A number from 0 (included) to 1 (excluded), all multiples of 2^-53 equally likely.
    pub fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let bits = (self.next_u64() >> 11) as f64;
        bits / (1_u64 << 53) as f64
    }

    /// A number from 0 (included) to `bound` (excluded); 0 when the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The bias of the multiplication is below 2^-32 for every bound that a test would name.
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// True with the given probability.
    pub fn hits(&mut self, probability: Probability) -> bool {
        self.unit() < probability.get()
    }

    /// A number from the standard normal distribution (Box and Muller 1958).
    pub fn standard_normal(&mut self) -> f64 {
        // 1 - u lies in (0, 1], which keeps the logarithm finite.
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_one_link_draw_independently_and_reproducibly() {
        let link = Seed(42).named("postgres");
        let hits = |link: Seed| -> Vec<bool> {
            (0..10_000)
                .map(|connection| {
                    link.numbered(connection).draws().hits(Probability::new(0.1).unwrap())
                })
                .collect()
        };
        assert_eq!(hits(link), hits(Seed(42).named("postgres")));
        // 10 % of 10 000 has a standard deviation of 30: five of them are never exceeded by chance.
        let count = hits(link).into_iter().filter(|hit| *hit).count();
        assert!((850..=1150).contains(&count), "{count} hits of 10 000 at 10 %");
        assert_ne!(hits(link), hits(Seed(42).named("redis")));
        assert_ne!(hits(link), hits(Seed(43).named("postgres")));
    }

    #[test]
    fn draws_below_a_bound_reach_all_of_it_and_nothing_else() {
        let mut draws = Seed(1).draws();
        let mut seen = [0_u32; 7];
        for _ in 0..7_000 {
            seen[usize::try_from(draws.below(7)).unwrap()] += 1;
        }
        assert!(seen.iter().all(|count| (800..1200).contains(count)), "{seen:?}");
        assert_eq!(draws.below(0), 0);
    }
}
