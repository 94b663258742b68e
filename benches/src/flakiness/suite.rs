//! Simulated tests, and suites of them.

use chaos_core::seed::{Draws, Seed};
use chaos_core::stats::Category;

/// The rates for which the published tables say how often a category is right.
pub const RATES: [f64; 5] = [0.01, 0.03, 0.10, 0.35, 0.60];

/// How the rates of a suite are spread over a band.
#[derive(Debug, Clone, Copy)]
pub enum Spread {
    /// Of 100 tests 70 fail in 0.1 % of runs, 12.5 in 1 %, 5 in 3 %, 7.5 in 10 %, 4 in 35 %, 1 in 60 %.
    Typical,
    /// Of stable tests as Chromium's are, by the prior of LUCI Analysis, Beta(0.05, 0.5): nine in
    /// ten of them fail in less than 1 % of runs. Of others evenly.
    Chromium,
    /// Evenly, but for the stable ones: four in five of them fail in 0 to 1 % of runs.
    Even,
    /// As many tests of each of [`RATES`].
    Five,
}

impl Spread {
    /// What it is called in the tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Typical => "typical",
            Self::Chromium => "as Chromium's",
            Self::Even => "even",
            Self::Five => "five rates",
        }
    }
}

/// Draws of one simulated test.
#[derive(Debug)]
pub struct Test {
    draws: Draws,
}

impl Test {
    /// The test of this number in a table.
    #[must_use]
    pub fn new(table: &str, number: u64) -> Self {
        Self { draws: Seed(0).named(table).numbered(number).draws() }
    }

    /// Whether the next run fails.
    pub fn fails(&mut self, rate: f64) -> bool {
        self.draws.unit() < rate
    }

    /// Whether each of the next runs fails.
    pub fn runs(&mut self, rate: f64, runs: usize) -> Vec<bool> {
        (0..runs).map(|_| self.fails(rate)).collect()
    }

    /// The rate of a test of the suite.
    pub fn rate(&mut self, spread: Spread) -> f64 {
        let kind = self.draws.unit();
        let category = match kind {
            kind if kind < 0.875 => Category::Stable,
            kind if kind < 0.95 => Category::Flaky,
            kind if kind < 0.99 => Category::VeryFlaky,
            _ => Category::Broken,
        };
        let band = category.band().unwrap_or(0.0..1.0);
        match spread {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 5")]
            Spread::Five => RATES[(kind * 5.0) as usize],
            Spread::Typical => match category {
                Category::Stable if kind < 0.70 => 0.001,
                Category::Stable if kind < 0.825 => 0.01,
                Category::Stable => 0.03,
                Category::Flaky => 0.10,
                Category::VeryFlaky => 0.35,
                _ => 0.60,
            },
            _ if category != Category::Stable => {
                band.start + (band.end - band.start) * self.draws.unit()
            }
            Spread::Even if kind < 0.70 => 0.01 * self.draws.unit(),
            Spread::Even => 0.01 + 0.04 * self.draws.unit(),
            Spread::Chromium => loop {
                // By the method of Jöhnk (1964).
                let x = self.draws.unit().powf(1.0 / 0.05);
                let y = self.draws.unit().powf(1.0 / 0.5);
                let rate = x / (x + y);
                if x + y <= 1.0 && band.contains(&rate) {
                    break rate;
                }
            },
        }
    }
}
