//! The categories of flakiness and their bands.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// How often the first attempt at a test fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Category {
    /// There is not enough evidence for any other category.
    Undetermined,
    /// 0 to 5 %.
    Stable,
    /// 5 to 20 %.
    Flaky,
    /// 20 to 50 %.
    VeryFlaky,
    /// Above 50 %.
    Broken,
}

impl Category {
    /// The categories that evidence can establish, from the best to the worst.
    pub const DETERMINED: [Self; 4] = [Self::Stable, Self::Flaky, Self::VeryFlaky, Self::Broken];

    /// The category whose band holds a failure rate, which is between 0 and 1.
    ///
    /// ```
    /// use chaos_core::stats::Category;
    ///
    /// assert_eq!(Category::of_rate(0.03), Category::Stable);
    /// assert_eq!(Category::of_rate(0.2), Category::VeryFlaky);
    /// assert_eq!(Category::of_rate(1.0), Category::Broken);
    /// ```
    #[must_use]
    pub fn of_rate(rate: f64) -> Self {
        let holds = |category: &Self| category.band().is_some_and(|band| band.contains(&rate));
        // The last band alone ends with a rate that belongs to it.
        Self::DETERMINED.into_iter().find(holds).unwrap_or(Self::Broken)
    }

    /// The failure rates that belong to the category, between 0 and 1; none for
    /// [`Undetermined`](Category::Undetermined).
    #[must_use]
    pub const fn band(self) -> Option<Range<f64>> {
        match self {
            Self::Undetermined => None,
            Self::Stable => Some(0.0..0.05),
            Self::Flaky => Some(0.05..0.20),
            Self::VeryFlaky => Some(0.20..0.50),
            Self::Broken => Some(0.50..1.0),
        }
    }
}

/// `very flaky`: the category in words.
impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Undetermined => "undetermined",
            Self::Stable => "stable",
            Self::Flaky => "flaky",
            Self::VeryFlaky => "very flaky",
            Self::Broken => "broken",
        })
    }
}
