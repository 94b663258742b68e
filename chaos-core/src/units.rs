//! Numbers with units: `80.ms()`, `64.kib()`, `100.kib_per_sec()`, `5.percent()`.
//!
//! A fault never takes a bare number, because the unit of a bare number has to be guessed. The
//! traits here are implemented for exactly one integer type each, so that a literal needs no suffix.

use std::time::Duration;

use crate::probability::Probability;
use crate::rate::Rate;

/// Durations from integers.
///
/// ```
/// use chaos_core::prelude::*;
/// use std::time::Duration;
///
/// assert_eq!(80.ms(), Duration::from_millis(80));
/// assert_eq!(5.secs(), Duration::from_secs(5));
/// ```
pub trait DurationUnits {
    /// This many microseconds.
    fn us(self) -> Duration;
    /// This many milliseconds.
    fn ms(self) -> Duration;
    /// This many seconds.
    fn secs(self) -> Duration;
    /// This many minutes.
    fn minutes(self) -> Duration;
}

impl DurationUnits for u64 {
    fn us(self) -> Duration {
        Duration::from_micros(self)
    }

    fn ms(self) -> Duration {
        Duration::from_millis(self)
    }

    fn secs(self) -> Duration {
        Duration::from_secs(self)
    }

    fn minutes(self) -> Duration {
        Duration::from_secs(self.saturating_mul(60))
    }
}

/// Sizes in bytes, and transfer rates, from integers. Prefixes are binary: 1 KiB is 1024 bytes.
///
/// ```
/// use chaos_core::prelude::*;
///
/// assert_eq!(64.kib(), 65_536);
/// assert_eq!(100.kib_per_sec().bytes_per_sec(), 102_400);
/// ```
pub trait ByteUnits {
    /// This many KiB, in bytes.
    fn kib(self) -> u64;
    /// This many MiB, in bytes.
    fn mib(self) -> u64;
    /// A rate of this many bytes a second.
    ///
    /// # Panics
    ///
    /// When the number is 0: see [`Rate::new`].
    fn bytes_per_sec(self) -> Rate;
    /// A rate of this many KiB a second.
    ///
    /// # Panics
    ///
    /// When the number is 0: see [`Rate::new`].
    fn kib_per_sec(self) -> Rate;
    /// A rate of this many MiB a second.
    ///
    /// # Panics
    ///
    /// When the number is 0: see [`Rate::new`].
    fn mib_per_sec(self) -> Rate;
}

impl ByteUnits for u64 {
    fn kib(self) -> u64 {
        self.saturating_mul(1 << 10)
    }

    fn mib(self) -> u64 {
        self.saturating_mul(1 << 20)
    }

    #[track_caller]
    fn bytes_per_sec(self) -> Rate {
        match Rate::new(self) {
            Ok(rate) => rate,
            Err(error) => panic!("{error}"),
        }
    }

    #[track_caller]
    fn kib_per_sec(self) -> Rate {
        self.kib().bytes_per_sec()
    }

    #[track_caller]
    fn mib_per_sec(self) -> Rate {
        self.mib().bytes_per_sec()
    }
}

/// Probabilities from numbers of percent, whole or fractional.
///
/// ```
/// use chaos_core::prelude::*;
///
/// assert_eq!(5.percent().get(), 0.05);
/// assert_eq!(0.5.percent().get(), 0.005);
/// ```
pub trait PercentUnits {
    /// This many percent.
    ///
    /// # Panics
    ///
    /// When the number lies outside 0 to 100: see [`Probability::new`].
    fn percent(self) -> Probability;
}

impl PercentUnits for u64 {
    #[track_caller]
    fn percent(self) -> Probability {
        // Beyond 2^53 the conversion rounds, which cannot bring a number back below 100.
        #[expect(clippy::cast_precision_loss)]
        let percent = self as f64;
        percent.percent()
    }
}

impl PercentUnits for f64 {
    #[track_caller]
    fn percent(self) -> Probability {
        match Probability::new(self / 100.0) {
            Ok(probability) => probability,
            Err(error) => panic!("{error}"),
        }
    }
}
