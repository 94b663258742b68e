//! What is done with baselines, and from when on they count as slower.

use super::{Setting, Settings, Source};
use crate::baselines::{Criteria, Mode};

impl Settings {
    /// What is done with the baselines that tests measure; nothing, if nobody says.
    pub(crate) fn baseline_mode(&self) -> Option<Setting<Mode>> {
        self.given("CHAOS_BASELINE", self.environment.baseline)
            .or_else(|| self.found_for_all(|sections| sections.baselines.mode.as_ref()))
    }

    /// From when on a baseline counts as slower.
    pub(crate) fn baseline_criteria(&self) -> Criteria {
        let effect = self.found_for_all(|sections| sections.baselines.effect.as_ref());
        let alpha = self.found_for_all(|sections| sections.baselines.alpha.as_ref());
        let overrides = self.config.of_suite().flat_map(|sections| &sections.baselines.overrides);
        Criteria::new(
            alpha.map(|alpha| alpha.value),
            effect.map(|effect| effect.value),
            overrides.map(|it| it.value.clone()).collect(),
        )
    }

    /// How many times as large a median has to be to count, and with which probability anything may be
    /// called slower although nothing is: for the listing.
    pub(super) fn baseline_bounds(&self) -> (Setting<f64>, Setting<f64>) {
        let default = |value| Setting { value, source: Source::Default };
        let effect = self.found_for_all(|sections| sections.baselines.effect.as_ref());
        let alpha = self.found_for_all(|sections| sections.baselines.alpha.as_ref());
        (
            effect.unwrap_or_else(|| default(chaos_core::baseline::LEAST_EFFECT)),
            alpha
                .map(|alpha| alpha.map(|alpha| alpha.get()))
                .unwrap_or_else(|| default(chaos_core::baseline::LEVEL)),
        )
    }
}
