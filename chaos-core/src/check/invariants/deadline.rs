//! Every operation completes in time.

use std::time::Duration;

use crate::check::{CheckError, Checker, Evidence, Report, Violation};
use crate::duration::{Display, rounded};

/// Every operation completes within `bound`, whatever it comes to.
///
/// Times are those of the entries. An operation that never completed is a violation if the history
/// goes on for longer than `bound` after its invocation. Bound it generously: this is what catches a
/// client that waits for ever, and not a measurement.
///
/// **Vacuous** when there was no operation. That a fault was active is checked where faults are: one
/// that touched nothing fails the test.
///
/// ```
/// use std::time::Duration;
///
/// use chaos_core::check::{Checker, deadline};
/// use chaos_core::history::History;
///
/// let text = "{:process 0 :type :invoke :f :read :time 0}
///             {:process 0 :type :info :f :read :time 31000000000}";
/// let report = deadline(Duration::from_secs(30)).check_history(&History::from_edn(text.as_bytes())?)?;
/// assert!(report.to_string().contains("`read` by process 0: expected at most 30s, found 31s"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn deadline(bound: Duration) -> Deadline {
    Deadline { bound }
}

/// Every operation completes in time; made by [`deadline`].
#[derive(Debug, Clone)]
pub struct Deadline {
    bound: Duration,
}

impl Checker for Deadline {
    fn name(&self) -> String {
        format!("every operation completes within {}", Display(self.bound))
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let operations = evidence.operations()?;
        let mut report = Report::of(self.name());
        let end = evidence.history().entries().iter().map(|entry| entry.time).max();
        let mut longest = Duration::ZERO;
        for operation in &operations {
            let ended = operation.ended.or(end).unwrap_or(operation.began);
            let nanos = u64::try_from(ended.saturating_sub(operation.began)).unwrap_or(0);
            let took = Duration::from_nanos(nanos);
            longest = longest.max(took);
            if took > self.bound {
                let what = format!("`{}` by {}", operation.f, operation.process);
                let found = Display(rounded(took));
                let violation =
                    Violation::new(what).instead(format!("at most {}", Display(self.bound)), found);
                report.violated(violation.at(operation.entries()));
            }
        }
        report.count("operations", operations.len() as u64);
        report.count("longest_ms", u64::try_from(longest.as_millis()).unwrap_or(u64::MAX));
        if operations.is_empty() {
            report.vacuous("there was no operation");
        }
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_says;
    use super::*;
    use crate::check::Validity::{Unknown, Valid, Violated};

    /// Entries are a millisecond apart.
    const TWICE: &str = "0 < attempt 7\n0 fail\n0 < attempt 7\n0 ok";

    #[test]
    fn what_takes_too_long_or_never_ends_is_found() {
        let milliseconds = |number| deadline(Duration::from_millis(number));
        assert_says(&milliseconds(1), TWICE, Valid, &[]);
        let late = "0 < read\n1 < read\n1 ok\n0 fail";
        assert_says(&milliseconds(3), late, Valid, &[]);
        assert_says(&milliseconds(2), late, Violated, &[""]);
        assert_says(&milliseconds(2), "0 < read\n1 < read\n1 ok\n1 < read", Violated, &[""]);
        assert_says(&milliseconds(2), "", Unknown, &[]);
    }
}
