//! Statistics: flakiness categories with their evidence, and quantiles.
//!
//! A category is never a ratio of a few attempts: three attempts cannot tell 3 % from 10 %. It is a
//! statement about a posterior, and `undetermined` while the evidence does not carry one.
//!
//! ```
//! use chaos_core::stats::{Category, FlakinessPosterior};
//!
//! // Nothing failed, and nothing is known yet.
//! assert_eq!(FlakinessPosterior::new(3, 0).classify().category, Category::Undetermined);
//! // 10 of 100 first attempts failed.
//! assert_eq!(FlakinessPosterior::new(100, 10).classify().category, Category::Flaky);
//! ```
//!
//! [`Assessor`] judges a whole history: by what came after the last change of its rate, and whether
//! that is worse than what was before. The model, its formulae and its error rates are described in
//! `docs/flakiness.md`.

mod assessment;
mod bootstrap;
mod category;
mod change_point;
#[cfg(test)]
mod error_rates;
mod holm;
mod interval;
mod mann_whitney;
mod posterior;
mod quantile;
mod rate_change;
mod retry_posterior;
mod sample;
mod serial_dependence;

pub use self::assessment::{Assessment, Assessor, LOOKED_AT, NEWS, Segment, is_decided};
pub use self::bootstrap::RESAMPLES;
pub(crate) use self::bootstrap::median_ratio_95;
pub use self::category::Category;
pub use self::holm::holm;
pub use self::interval::Interval;
pub use self::mann_whitney::MannWhitney;
pub use self::posterior::{CONFIRMED, Classification, FlakinessPosterior, LEAST_ATTEMPTS, LIKELY};
pub use self::quantile::quantile;
pub use self::rate_change::{ALARM, RateChange, WINDOW};
pub use self::retry_posterior::RetryPosterior;
pub(crate) use self::sample::relative_width;
pub use self::sample::{SampleSummary, median};
pub use self::serial_dependence::SerialDependence;
