//! How long tests take together: on so many threads, with tests that run alone, and with phases that wait
//! for one another.

use std::time::Duration;

/// A test, as far as that matters here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot<'a> {
    /// How long it is expected to take.
    pub(super) takes: Duration,
    /// Whether no other runs beside it.
    pub(super) exclusive: bool,
    /// Its phase.
    pub(super) phase: Option<usize>,
    /// The phases that end before it begins.
    pub(super) before: &'a [usize],
}

/// When the last of these tests ends, if the first begins now and each thread takes the next one as soon
/// as it is free. A test that waits keeps its thread, as it does when they are run.
pub(super) fn length<'a>(slots: impl IntoIterator<Item = Slot<'a>>, threads: usize) -> Duration {
    let mut free = vec![Duration::ZERO; threads.max(1)];
    let mut ends: Vec<Duration> = Vec::new();
    // Behind a test that runs alone.
    let mut gate = Duration::ZERO;
    for slot in slots {
        let (thread, since) = free
            .iter()
            .copied()
            .enumerate()
            .min_by_key(|(_, since)| *since)
            .expect("there is at least one thread");
        let phases = slot.before.iter().filter_map(|phase| ends.get(*phase)).max();
        let mut begins = since.max(gate).max(phases.copied().unwrap_or_default());
        if slot.exclusive {
            begins = free.iter().copied().max().unwrap_or_default().max(begins);
        }
        let end = begins + slot.takes;
        if slot.exclusive {
            gate = end;
        }
        free[thread] = end;
        if let Some(phase) = slot.phase {
            if ends.len() <= phase {
                ends.resize(phase + 1, Duration::ZERO);
            }
            ends[phase] = ends[phase].max(end);
        }
    }
    free.into_iter().max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(seconds: u64) -> Slot<'static> {
        Slot { takes: Duration::from_secs(seconds), exclusive: false, phase: None, before: &[] }
    }

    fn seconds(slots: &[Slot<'_>], threads: usize) -> u64 {
        length(slots.iter().copied(), threads).as_secs()
    }

    #[test]
    fn threads_take_the_next_test_when_they_are_free() {
        let slots = [slot(3), slot(2), slot(2), slot(1)];
        assert_eq!(seconds(&slots, 1), 8);
        assert_eq!(seconds(&slots, 2), 4);
        assert_eq!(seconds(&slots, 9), 3);
        assert_eq!(seconds(&[], 2), 0);
    }

    #[test]
    fn a_test_that_runs_alone_waits_for_all_and_all_wait_for_it() {
        let alone = Slot { exclusive: true, ..slot(2) };
        assert_eq!(seconds(&[slot(3), alone, slot(1), slot(1)], 2), 6);
        assert_eq!(seconds(&[alone, alone], 2), 4);
    }

    #[test]
    fn a_phase_waits_for_the_one_before_it() {
        let first = |takes| Slot { phase: Some(0), ..slot(takes) };
        let second = |takes| Slot { phase: Some(1), before: &[0], ..slot(takes) };
        assert_eq!(seconds(&[first(5), first(1), second(1)], 2), 6);
        // Of the phase before it nothing runs.
        assert_eq!(seconds(&[second(1)], 2), 1);
    }
}
