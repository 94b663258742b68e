//! Statistics: flakiness categories with their evidence.

use serde::{Deserialize, Serialize};

/// How often the first attempt at a test fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
