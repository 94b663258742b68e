//! Days of the calendar, in UTC.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date {
    year: i64,
    month: u32,
    day: u32,
}

const SECONDS_A_DAY: u64 = 86_400;

impl Date {
    /// Today.
    pub(crate) fn today() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::of_day(i64::try_from(now.as_secs() / SECONDS_A_DAY).unwrap_or(i64::MAX / 400))
    }

    /// The day of a time in milliseconds since 1970-01-01 UTC.
    pub(crate) fn of_unix_ms(unix_ms: u64) -> Self {
        // No time in milliseconds has more days.
        Self::of_day(i64::try_from(unix_ms / (1_000 * SECONDS_A_DAY)).unwrap_or_default())
    }

    /// So many days after 1970-01-01, by Howard Hinnant's `civil_from_days` ("chrono-Compatible
    /// Low-Level Date Algorithms"): years begin in March there, so that a leap day is the last one.
    fn of_day(days: i64) -> Self {
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = (month_from_march + 2) % 12 + 1;
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let small = |number: i64| u32::try_from(number).unwrap_or_default();
        Self { year, month: small(month), day: small(day) }
    }

    /// How many days it is after 1970-01-01, by Hinnant's `days_from_civil`: the inverse of
    /// [`of_day`](Self::of_day).
    pub(crate) fn days(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let month_from_march = (i64::from(self.month) + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(self.day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468
    }

    /// Reads `2026-11-30`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().splitn(3, '-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if (year.len(), month.len(), day.len()) != (4, 2, 2) {
            return None;
        }
        let date =
            Self { year: year.parse().ok()?, month: month.parse().ok()?, day: day.parse().ok()? };
        let is_leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
        let days = match date.month {
            4 | 6 | 9 | 11 => 30,
            2 if is_leap => 29,
            2 => 28,
            1..=12 => 31,
            _ => return None,
        };
        (1..=days).contains(&date.day).then_some(date)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        // `date -ud 2000-03-01 +%s`, divided by 86,400, and the like.
        for (days, text) in [
            (-135_140, "1600-01-01"),
            (-1, "1969-12-31"),
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (789, "1972-02-29"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_777, "2026-11-20"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
            (47_846, "2100-12-31"),
        ] {
            let date = Date::of_day(days);
            assert_eq!((date.to_string().as_str(), date.days()), (text, days));
            assert_eq!(Date::parse(text), Some(date));
        }
        let all = (-200_000..200_000).map(Date::of_day);
        assert!(all.clone().zip(-200_000..).all(|(date, days)| date.days() == days));
        assert!(all.is_sorted());
        assert!(Date::today() >= Date::parse("2026-01-01").unwrap());
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in ["2026-02-29", "2026-13-01", "2026-00-10", "2026-1-1", "tomorrow", "2026-11-31"]
        {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }
}
