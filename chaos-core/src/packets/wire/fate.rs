//! What becomes of each packet. It depends on the seed of the fault, the direction and the number of
//! the packet, and on nothing else.

use std::time::Duration;

use super::message::{WireEffect, WireFault};
use crate::direction::Direction;
use crate::event::FaultId;
use crate::seed::Draws;

/// How many later packets may overtake one.
const MOST_OVERTAKING: u64 = 3;

/// The faults of one pair, and how many packets each has seen.
#[derive(Debug, Default)]
pub(super) struct Fates {
    faults: Vec<Counting>,
}

#[derive(Debug)]
struct Counting {
    fault: WireFault,
    /// How many packets it has seen upstream, and downstream.
    seen: [u64; 2],
}

/// What becomes of a packet.
#[derive(Debug, Default)]
pub(super) struct Fate {
    pub(super) is_lost: bool,
    pub(super) is_doubled: bool,
    /// What draws the bit that is flipped, if one is.
    pub(super) damage: Option<Draws>,
    /// How many later packets are to overtake it.
    pub(super) overtaken_by: u64,
    pub(super) delay: Duration,
    /// The faults that acted on it.
    pub(super) hits: Vec<FaultId>,
}

impl Fates {
    pub(super) fn new(faults: Vec<WireFault>) -> Self {
        let mut fates = Self::default();
        fates.set(faults);
        fates
    }

    /// Replaces the faults. Those that are still there go on counting.
    pub(super) fn set(&mut self, faults: Vec<WireFault>) {
        let known = std::mem::take(&mut self.faults);
        let seen = |id: FaultId| {
            known.iter().find(|known| known.fault.id == id).map_or([0; 2], |known| known.seen)
        };
        let count = |fault: WireFault| Counting { seen: seen(fault.id), fault };
        self.faults = faults.into_iter().map(count).collect();
    }

    /// Decides about the next packet in this direction.
    pub(super) fn next(&mut self, direction: Direction) -> Fate {
        let mut fate = Fate::default();
        let lane = usize::from(direction == Direction::Downstream);
        for Counting { fault, seen } in &mut self.faults {
            if !fault.directions.contains(direction) {
                continue;
            }
            let number = seen[lane];
            seen[lane] += 1;
            let mut draws = fault.seed.numbered(lane as u64).numbered(number).draws();
            let acts = match &fault.effect {
                WireEffect::Loss(probability) => {
                    let lost = draws.hits(*probability);
                    fate.is_lost |= lost;
                    lost
                }
                WireEffect::Duplication(probability) => {
                    let doubled = draws.hits(*probability);
                    fate.is_doubled |= doubled;
                    doubled
                }
                WireEffect::Corruption(probability) => {
                    let damaged = draws.hits(*probability);
                    if damaged {
                        fate.damage = Some(draws);
                    }
                    damaged
                }
                WireEffect::Reordering(probability) => {
                    let overtaken = draws.hits(*probability);
                    if overtaken {
                        fate.overtaken_by = 1 + draws.below(MOST_OVERTAKING);
                    }
                    overtaken
                }
                WireEffect::Delay(delay) => {
                    let delay = delay.draw(&mut draws);
                    fate.delay += delay;
                    !delay.is_zero()
                }
            };
            if acts {
                fate.hits.push(fault.id);
            }
        }
        fate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::direction::Directions;
    use crate::seed::Seed;
    use crate::units::{DurationUnits, PercentUnits};

    fn fault(id: u64, effect: WireEffect, seed: u64) -> WireFault {
        WireFault { id: FaultId(id), effect, directions: Directions::Both, seed: Seed(seed) }
    }

    fn lost(fates: &mut Fates, direction: Direction, count: usize) -> Vec<bool> {
        (0..count).map(|_| fates.next(direction).is_lost).collect()
    }

    #[test]
    fn a_packet_is_lost_by_its_number_and_not_by_what_else_is_under_way() {
        let loss = || Fates::new(vec![fault(1, WireEffect::Loss(10.percent()), 7)]);
        let alone = lost(&mut loss(), Direction::Upstream, 5_000);
        let mut mixed = loss();
        let beside: Vec<bool> = (0..5_000)
            .map(|number| {
                if number % 3 == 0 {
                    mixed.next(Direction::Downstream);
                }
                mixed.next(Direction::Upstream).is_lost
            })
            .collect();
        assert_eq!(alone, beside);
        // A standard deviation of 21.
        let count = alone.iter().filter(|lost| **lost).count();
        assert!((400..=600).contains(&count), "{count}");
        assert_ne!(alone, lost(&mut loss(), Direction::Downstream, 5_000));
    }

    #[test]
    fn a_fault_that_comes_or_goes_changes_nothing_for_the_others() {
        let loss = fault(1, WireEffect::Loss(10.percent()), 7);
        let alone = lost(&mut Fates::new(vec![loss.clone()]), Direction::Upstream, 300);
        let mut fates = Fates::new(vec![loss.clone()]);
        let mut changed = lost(&mut fates, Direction::Upstream, 100);
        fates.set(vec![fault(2, WireEffect::Duplication(50.percent()), 8), loss.clone()]);
        changed.extend(lost(&mut fates, Direction::Upstream, 100));
        fates.set(vec![loss]);
        changed.extend(lost(&mut fates, Direction::Upstream, 100));
        assert_eq!(alone, changed);
    }

    #[test]
    fn every_effect_is_counted_for_its_fault_and_only_in_its_directions() {
        let effects = [
            WireEffect::Loss(100.percent()),
            WireEffect::Duplication(100.percent()),
            WireEffect::Reordering(100.percent()),
            WireEffect::Corruption(100.percent()),
            WireEffect::Delay(crate::delay::IntoDelay::into_delay(5.ms())),
        ];
        let mut faults: Vec<_> = (1..).zip(effects).map(|(id, it)| fault(id, it, id)).collect();
        for fault in &mut faults {
            fault.directions = Directions::Upstream;
        }
        let mut fates = Fates::new(faults);
        let fate = fates.next(Direction::Upstream);
        assert_eq!(fate.hits, [1, 2, 3, 4, 5].map(FaultId));
        assert!(fate.is_lost && fate.is_doubled && fate.damage.is_some());
        assert!((1..=MOST_OVERTAKING).contains(&fate.overtaken_by));
        assert_eq!(fate.delay, 5.ms());
        assert_eq!(fates.next(Direction::Downstream).hits, []);
    }
}
