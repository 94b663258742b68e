//! How long a delay takes: a fixed time, or a draw from a named distribution.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration;
use crate::seed::Draws;

/// A delay, fixed or drawn anew for every chunk of data.
///
/// Most callers write a [`Duration`] or a range of them where an `impl` [`IntoDelay`] is asked for:
///
/// ```
/// use chaos_core::prelude::*;
///
/// let constant = latency(50.ms());
/// let jittered = latency(80.ms()..=120.ms());
/// let heavy_tailed = latency(Delay::pareto(20.ms(), 1.5));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "distribution")]
#[non_exhaustive]
pub enum Delay {
    /// Always the same.
    Fixed {
        /// The delay.
        #[serde(with = "duration::text")]
        delay: Duration,
    },
    /// Every duration of the range equally likely.
    Uniform {
        /// The shortest delay.
        #[serde(with = "duration::text")]
        min: Duration,
        /// The longest delay.
        #[serde(with = "duration::text")]
        max: Duration,
    },
    /// The normal distribution, cut off at zero.
    Normal {
        /// The mean, before the cut.
        #[serde(with = "duration::text")]
        mean: Duration,
        /// The standard deviation, before the cut.
        #[serde(with = "duration::text")]
        standard_deviation: Duration,
    },
    /// The log-normal distribution: the usual shape of service times.
    LogNormal {
        /// Half of the delays are shorter than this.
        #[serde(with = "duration::text")]
        median: Duration,
        /// The standard deviation of the logarithm; 0.5 puts one delay in 40 above 2.7 medians.
        sigma: f64,
    },
    /// The Pareto distribution: mostly short, now and then very long.
    Pareto {
        /// The shortest delay.
        #[serde(with = "duration::text")]
        min: Duration,
        /// The tail index; the smaller, the heavier the tail. At 1 and below there is no mean.
        shape: f64,
    },
}

impl Delay {
    /// The longest delay that is ever drawn, so that no draw from a heavy tail outlives a test run.
    pub const MAX: Duration = Duration::from_secs(3600);

    /// A normal distribution with this mean and standard deviation; what falls below zero becomes zero.
    #[must_use]
    pub const fn normal(mean: Duration, standard_deviation: Duration) -> Self {
        Self::Normal { mean, standard_deviation }
    }

    /// A log-normal distribution with this median, and `sigma` as standard deviation of the logarithm.
    ///
    /// # Panics
    ///
    /// When `sigma` is negative or not finite.
    #[must_use]
    #[track_caller]
    pub fn log_normal(median: Duration, sigma: f64) -> Self {
        assert!(
            sigma.is_finite() && sigma >= 0.0,
            "the sigma of a log-normal delay is a finite number from 0 upwards, not {sigma}"
        );
        Self::LogNormal { median, sigma }
    }

    /// A Pareto distribution that starts at `min`, with this tail index (1.5 is heavy, 3 is light).
    ///
    /// # Panics
    ///
    /// When `shape` is not above 0, or not finite.
    #[must_use]
    #[track_caller]
    pub fn pareto(min: Duration, shape: f64) -> Self {
        assert!(
            shape.is_finite() && shape > 0.0,
            "the shape of a Pareto delay is a finite number above 0, not {shape}"
        );
        Self::Pareto { min, shape }
    }

    /// Draws one delay, at most [`Delay::MAX`].
    #[must_use]
    pub fn draw(&self, draws: &mut Draws) -> Duration {
        let seconds = match *self {
            Self::Fixed { delay } => return delay.min(Self::MAX),
            Self::Uniform { min, max } => {
                let width = max.saturating_sub(min).as_secs_f64();
                min.as_secs_f64() + width * draws.unit()
            }
            Self::Normal { mean, standard_deviation } => {
                mean.as_secs_f64() + standard_deviation.as_secs_f64() * draws.standard_normal()
            }
            Self::LogNormal { median, sigma } => {
                median.as_secs_f64() * (sigma * draws.standard_normal()).exp()
            }
            // The inverse of the distribution function; 1 - u lies in (0, 1].
            Self::Pareto { min, shape } => {
                min.as_secs_f64() / (1.0 - draws.unit()).powf(1.0 / shape)
            }
        };
        Duration::try_from_secs_f64(seconds.clamp(0.0, Self::MAX.as_secs_f64()))
            .unwrap_or(Duration::ZERO)
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use duration::Display as D;
        match *self {
            Self::Fixed { delay } => D(delay).fmt(f),
            Self::Uniform { min, max } => write!(f, "{}–{}", D(min), D(max)),
            Self::Normal { mean, standard_deviation } => {
                write!(f, "normal({}, {})", D(mean), D(standard_deviation))
            }
            Self::LogNormal { median, sigma } => write!(f, "log-normal({}, {sigma})", D(median)),
            Self::Pareto { min, shape } => write!(f, "pareto({}, {shape})", D(min)),
        }
    }
}

/// What can stand for a [`Delay`]: a `Duration`, a range of them, or a `Delay`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a delay",
    label = "a delay needs a unit",
    note = "give the unit: `100.ms()`, or a range to draw from: `80.ms()..=120.ms()`"
)]
pub trait IntoDelay {
    /// The delay.
    fn into_delay(self) -> Delay;
}

impl IntoDelay for Delay {
    fn into_delay(self) -> Delay {
        self
    }
}

impl IntoDelay for Duration {
    fn into_delay(self) -> Delay {
        Delay::Fixed { delay: self }
    }
}

impl IntoDelay for RangeInclusive<Duration> {
    /// # Panics
    ///
    /// When the range is empty, as `120.ms()..=80.ms()` is.
    #[track_caller]
    fn into_delay(self) -> Delay {
        let (min, max) = self.into_inner();
        assert!(
            min <= max,
            "a range of delays goes from the shortest to the longest: write {}..={}",
            duration::Display(max),
            duration::Display(min)
        );
        Delay::Uniform { min, max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use crate::units::DurationUnits;

    fn sorted_draws(delay: Delay) -> Vec<Duration> {
        let mut draws = Seed(7).draws();
        let mut all: Vec<_> = (0..20_000).map(|_| delay.draw(&mut draws)).collect();
        all.sort();
        all
    }

    #[test]
    fn a_range_is_kept_and_filled() {
        let all = sorted_draws((80.ms()..=120.ms()).into_delay());
        assert!(all[0] >= 80.ms() && all[0] < 81.ms());
        assert!(*all.last().unwrap() <= 120.ms() && *all.last().unwrap() > 119.ms());
        assert!(all[10_000].abs_diff(100.ms()) < 1.ms());
    }

    #[test]
    fn the_named_distributions_have_their_quantiles() {
        let normal = sorted_draws(Delay::normal(100.ms(), 10.ms()));
        // The 97.7 % quantile of a normal distribution lies two standard deviations up.
        assert!(normal[19_545].abs_diff(120.ms()) < 1.ms(), "{:?}", normal[19_545]);
        let log_normal = sorted_draws(Delay::log_normal(100.ms(), 0.5));
        assert!(log_normal[10_000].abs_diff(100.ms()) < 2.ms());
        assert!(log_normal[19_545].abs_diff(271_828.us()) < 10.ms(), "{:?}", log_normal[19_545]);
        let pareto = sorted_draws(Delay::pareto(20.ms(), 1.5));
        assert!(pareto[0] >= 20.ms());
        // The median of a Pareto distribution is min * 2^(1/shape).
        assert!(pareto[10_000].abs_diff(31_748.us()) < 1.ms(), "{:?}", pareto[10_000]);
    }

    #[test]
    fn nothing_below_zero_and_nothing_above_the_maximum_is_drawn() {
        assert_eq!(sorted_draws(Delay::normal(1.ms(), 100.ms()))[0], Duration::ZERO);
        let last = sorted_draws(Delay::pareto(1.secs(), 0.1)).pop().unwrap();
        assert_eq!(last, Delay::MAX);
    }
}
