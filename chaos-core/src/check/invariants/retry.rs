//! Retries are bounded and take their time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::check::label::label;
use crate::check::{CheckError, Checker, Evidence, Report, Violation};
use crate::duration::{Display, rounded};
use crate::history::Operation;
use crate::outcome::Outcome;

/// Nothing is tried more than `most` times.
///
/// In a history, attempts are the operations `attempt` with the name of what is tried: record each
/// attempt at the place where it is made, such as at the database, and not each call of the service.
/// [`backing_off`](BoundedRetry::backing_off) wants a pause between two attempts, and
/// [`in_all`](BoundedRetry::in_all) bounds all attempts together: a retry storm.
///
/// **Vacuous** when no attempt went wrong, so that nothing had to be tried again.
///
/// ```
/// use chaos_core::check::{Checker, bounded_retry};
/// use chaos_core::history::History;
///
/// let text = "{:process 0 :type :invoke :f :attempt :value 7} {:process 0 :type :fail}
///             {:process 0 :type :invoke :f :attempt :value 7} {:process 0 :type :fail}
///             {:process 0 :type :invoke :f :attempt :value 7} {:process 0 :type :ok}";
/// let report = bounded_retry(2).check_history(&History::from_edn(text.as_bytes())?)?;
/// assert!(report.to_string().ends_with("7: attempts: expected at most 2, found 3"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn bounded_retry(most: u64) -> BoundedRetry {
    BoundedRetry { most, in_all: None, pause: Duration::ZERO, operation: "attempt".to_owned() }
}

/// Retries are bounded; made by [`bounded_retry`].
#[derive(Debug, Clone)]
pub struct BoundedRetry {
    most: u64,
    in_all: Option<u64>,
    pause: Duration,
    operation: String,
}

impl BoundedRetry {
    /// What an attempt is called in the history. Default: `attempt`.
    #[must_use]
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.operation = operation.into();
        self
    }

    /// Bounds the attempts at everything together.
    #[must_use]
    pub fn in_all(mut self, most: u64) -> Self {
        self.in_all = Some(most);
        self
    }

    /// Wants at least this pause between the end of an attempt that went wrong and the next attempt
    /// at the same. Default: none.
    #[must_use]
    pub fn backing_off(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    fn pauses(&self, name: &str, attempts: &[&Operation<'_>], report: &mut Report) {
        for pair in attempts.windows(2) {
            let (Some(ended), false) = (pair[0].ended, pair[0].outcome == Outcome::Ok) else {
                continue;
            };
            let pause = Duration::from_nanos(
                u64::try_from(pair[1].began.saturating_sub(ended)).unwrap_or(0),
            );
            if pause < self.pause {
                let (least, found) = (Display(self.pause), Display(rounded(pause)));
                let violation = Violation::new("the pause before the next attempt")
                    .instead(format!("at least {least}"), found);
                let entries = pair[0].completed.into_iter().chain([pair[1].invoked]);
                report.violated(violation.of_key(name).at(entries));
            }
        }
    }
}

impl Checker for BoundedRetry {
    fn name(&self) -> String {
        format!("nothing is tried more than {} times", self.most)
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let operations = evidence.operations()?;
        let mut report = Report::of(self.name());
        let mut attempts: BTreeMap<String, Vec<&Operation<'_>>> = BTreeMap::new();
        let mut went_wrong = false;
        let mut all = 0;
        for attempt in operations.iter().filter(|one| one.f == self.operation) {
            went_wrong |= attempt.outcome != Outcome::Ok;
            all += 1;
            attempts.entry(label(attempt.argument)).or_default().push(attempt);
        }
        report.count("attempts", all);
        for (name, attempts) in &attempts {
            let found = attempts.len() as u64;
            if found > self.most {
                let entries = attempts.iter().map(|attempt| attempt.invoked);
                let violation = Violation::new("attempts")
                    .instead(format!("at most {}", self.most), found)
                    .of_key(name);
                report.violated(violation.at(entries));
            }
            self.pauses(name, attempts, &mut report);
        }
        if let Some(most) = self.in_all.filter(|most| all > *most) {
            let violation = Violation::new("attempts in all");
            report.violated(violation.instead(format!("at most {most}"), all));
        }
        if !went_wrong {
            report.vacuous("no attempt went wrong");
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
    fn attempts_are_counted_and_pauses_measured() {
        assert_says(&bounded_retry(2), TWICE, Valid, &[]);
        assert_says(&bounded_retry(1), TWICE, Violated, &["7"]);
        assert_says(&bounded_retry(2).in_all(1), TWICE, Violated, &[""]);
        assert_says(&bounded_retry(2).backing_off(Duration::from_millis(1)), TWICE, Valid, &[]);
        assert_says(
            &bounded_retry(2).backing_off(Duration::from_millis(2)),
            TWICE,
            Violated,
            &["7"],
        );
        assert_says(&bounded_retry(1), "0 < attempt 7\n0 ok", Unknown, &[]);
    }
}
