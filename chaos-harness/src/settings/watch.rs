//! The settings of the resource watch, with their defaults.

use std::time::Duration;

use chaos_core::probability::Probability;

use super::{Setting, Settings, Source};
use crate::config::Located;
use crate::config::watch::Watch;
use crate::registry::TestCase;
use crate::watch::Bounds;

/// What is done about attempts that the machine could not carry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct WatchSettings {
    /// From when on the machine is to blame; absent if it never is.
    pub(crate) bounds: Option<Bounds>,
    /// How many more attempts are made for it.
    pub(crate) retries: u32,
    /// How long the machine is given to become quiet before each of them.
    pub(crate) quiet_within: Duration,
}

/// A bound that is a share: its name, where the file says it, and the default.
type ShareBound = (&'static str, fn(&Watch) -> Option<&Located<Probability>>, f64);

const STARVED: ShareBound = ("watch.starved", |it| it.starved.as_ref(), Bounds::DEFAULT.starved);
const STEAL: ShareBound = ("watch.steal", |it| it.steal.as_ref(), Bounds::DEFAULT.steal);
const THROTTLED: ShareBound =
    ("watch.throttled", |it| it.throttled.as_ref(), Bounds::DEFAULT.throttled);
const STALLED: ShareBound =
    ("watch.memory-stalled", |it| it.memory_stalled.as_ref(), Bounds::DEFAULT.memory_stalled);
const AVAILABLE: ShareBound =
    ("watch.memory-available", |it| it.memory_available.as_ref(), Bounds::DEFAULT.memory_available);
const DESCRIPTORS: ShareBound =
    ("watch.descriptors", |it| it.descriptors.as_ref(), Bounds::DEFAULT.descriptors);

impl Settings {
    /// The settings of the watch over attempts at a test.
    pub(crate) fn watch(&self, case: &TestCase) -> WatchSettings {
        let share = |bound| self.share_bound(case, bound).value;
        let bounds = Bounds {
            scheduling_delay: self.scheduling_delay(case).value,
            starved: share(STARVED),
            steal: share(STEAL),
            throttled: share(THROTTLED),
            memory_stalled: share(STALLED),
            memory_available: share(AVAILABLE),
            descriptors: share(DESCRIPTORS),
        };
        WatchSettings {
            bounds: self.watch_enabled(case).value.then_some(bounds),
            retries: self.watch_retries(case).value,
            quiet_within: self.quiet_within(case).value,
        }
    }

    /// The bounds that are shares, with their names.
    pub(super) fn share_bounds(&self, case: &TestCase) -> Vec<(&'static str, Setting<f64>)> {
        let all = [STARVED, STEAL, THROTTLED, STALLED, AVAILABLE, DESCRIPTORS];
        all.into_iter().map(|bound| (bound.0, self.share_bound(case, bound))).collect()
    }

    fn share_bound(&self, case: &TestCase, (_, pick, default): ShareBound) -> Setting<f64> {
        let found = self.found(case, |sections| pick(&sections.watch));
        found
            .map(|found| found.map(Probability::get))
            .unwrap_or(Setting { value: default, source: Source::Default })
    }

    /// How late a waiting task may be woken.
    pub(super) fn scheduling_delay(&self, case: &TestCase) -> Setting<Duration> {
        let default = Bounds::DEFAULT.scheduling_delay;
        self.found(case, |sections| sections.watch.scheduling_delay.as_ref())
            .unwrap_or(Setting { value: default, source: Source::Default })
    }

    /// Whether the machine may be to blame for a failure.
    pub(super) fn watch_enabled(&self, case: &TestCase) -> Setting<bool> {
        self.found(case, |sections| sections.watch.enabled.as_ref())
            .unwrap_or(Setting { value: true, source: Source::Default })
    }

    /// How many more attempts are made of a test that the machine could not carry.
    pub(super) fn watch_retries(&self, case: &TestCase) -> Setting<u32> {
        let found = self.found(case, |sections| sections.watch.retries.as_ref());
        found
            .map(|found| found.map(|retries| u32::try_from(retries).unwrap_or(u32::MAX)))
            .unwrap_or(Setting { value: 2, source: Source::Default })
    }

    /// How long the machine is given to become quiet before each of them.
    pub(super) fn quiet_within(&self, case: &TestCase) -> Setting<Duration> {
        self.found(case, |sections| sections.watch.quiet_within.as_ref())
            .unwrap_or(Setting { value: Duration::from_secs(30), source: Source::Default })
    }
}
