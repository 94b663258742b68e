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

mod category;
mod posterior;
mod quantile;

pub use self::category::Category;
pub use self::posterior::{
    CONFIRMED, Classification, FlakinessPosterior, Interval, LEAST_ATTEMPTS, LIKELY,
};
pub use self::quantile::quantile;
