//! What every checker is, and how several are put together.

use std::fmt;

use super::evidence::Evidence;
use super::report::{KEPT, Report};
use crate::history::{History, HistoryError};

/// Judges what clients did and saw, or what is in a database, by a promise.
///
/// [`Chaos::judge`](crate::Chaos::judge) judges a history, and
/// [`Postgres::judge`](crate::postgres::Postgres::judge) also what is in the database. A checker is
/// plain data: it may be made before the run, and asked any number of times.
pub trait Checker: Send + Sync {
    /// What ought to hold, such as `money is conserved`.
    fn name(&self) -> String;

    /// The queries whose answers it needs, all of which are answered in one snapshot.
    fn questions(&self) -> Vec<String> {
        Vec::new()
    }

    /// Judges.
    ///
    /// # Errors
    ///
    /// When the evidence is not what the checker works with: the history is not well formed, a value
    /// has another form than is expected, or a query was not asked. What is wrong with the system is
    /// no error but a [violation](super::Violation).
    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError>;

    /// Judges a history alone.
    ///
    /// # Errors
    ///
    /// As [`check`](Checker::check).
    fn check_history(&self, history: &History) -> Result<Report, CheckError> {
        self.check(&Evidence::new(history))
    }

    /// Takes it for valid when nothing put it to the test, as when no operation had to be retried.
    /// The report still says so.
    fn may_be_vacuous(self) -> MayBeVacuous<Self>
    where
        Self: Sized,
    {
        MayBeVacuous(self)
    }
}

impl<C: Checker + ?Sized> Checker for &C {
    fn name(&self) -> String {
        (**self).name()
    }

    fn questions(&self) -> Vec<String> {
        (**self).questions()
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        (**self).check(evidence)
    }
}

impl<C: Checker + ?Sized> Checker for Box<C> {
    fn name(&self) -> String {
        (**self).name()
    }

    fn questions(&self) -> Vec<String> {
        (**self).questions()
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        (**self).check(evidence)
    }
}

/// A checker that may have had nothing to judge; see [`Checker::may_be_vacuous`].
#[derive(Debug, Clone)]
pub struct MayBeVacuous<C>(C);

impl<C: Checker> Checker for MayBeVacuous<C> {
    fn name(&self) -> String {
        self.0.name()
    }

    fn questions(&self) -> Vec<String> {
        self.0.questions()
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let mut report = self.0.check(evidence)?;
        report.allow_vacuous();
        Ok(report)
    }
}

/// Several checkers as one; made by [`all_of!`](crate::all_of).
///
/// It is violated if one of them is; else unknown if one of them is.
pub struct AllOf {
    checkers: Vec<Box<dyn Checker>>,
}

impl AllOf {
    /// These checkers as one.
    #[must_use]
    pub fn new(checkers: Vec<Box<dyn Checker>>) -> Self {
        Self { checkers }
    }
}

impl fmt::Debug for AllOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AllOf").field(&self.name()).finish()
    }
}

impl Checker for AllOf {
    fn name(&self) -> String {
        let names: Vec<_> = self.checkers.iter().map(Checker::name).collect();
        names.join("; ")
    }

    fn questions(&self) -> Vec<String> {
        self.checkers.iter().flat_map(Checker::questions).collect()
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let mut all = Report::of(self.name());
        if self.checkers.is_empty() {
            all.vacuous("there is no checker in it");
        }
        let reports = self.checkers.iter().map(|checker| checker.check(evidence));
        let mut reports = reports.collect::<Result<Vec<_>, _>>()?;
        // One that is violated often must not leave the others without a proof.
        let violated = reports.iter().filter(|report| report.violation_count > 0).count();
        for report in &mut reports {
            report.of_promise();
            report.keep_violations((KEPT / violated.max(1)).max(1));
        }
        for mut report in reports {
            let name = report.checker.clone();
            for reason in [&mut report.unknown, &mut report.vacuous].into_iter().flatten() {
                *reason = format!("{name}: {reason}");
            }
            all.absorb(report);
        }
        Ok(all)
    }
}

/// Several checkers as one.
///
/// ```
/// use chaos_core::check::{Checker, Validity, acked_durable, counter_bounds, unique};
/// use chaos_core::history::History;
///
/// let checker = chaos_core::all_of![acked_durable(), unique()];
/// let report = checker.check_history(&History::default())?;
/// assert_eq!(report.validity(), Validity::Unknown);
/// # Ok::<(), chaos_core::check::CheckError>(())
/// ```
#[macro_export]
macro_rules! all_of {
    ($($checker:expr),+ $(,)?) => {
        $crate::check::AllOf::new(vec![$(::std::boxed::Box::new($checker)),+])
    };
}

/// Why a checker cannot judge what it was given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The history is not well formed, or not what the checker works with.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The database was not asked.
    #[error(
        "the checker needs what the database answers to `{question}`: judge it with \
         `pg.judge(&checker, &history).await?`"
    )]
    NotAsked {
        /// The query.
        question: String,
    },
    /// The database answered something else than the checker works with.
    #[error("the answer to `{question}` is not what the checker works with: {what}")]
    Answer {
        /// The query.
        question: String,
        /// What is wrong, and what is expected.
        what: String,
    },
}

#[cfg(test)]
mod tests {
    use super::super::report::Violation;
    use super::*;

    /// Finds so many violations.
    struct Finds(&'static str, u32);

    impl Checker for Finds {
        fn name(&self) -> String {
            self.0.to_owned()
        }

        fn check(&self, _: &Evidence<'_>) -> Result<Report, CheckError> {
            let mut report = Report::of(self.name());
            (1..=self.1).for_each(|n| report.violated(Violation::new(format!("{} {n}", self.0))));
            Ok(report)
        }
    }

    fn told(checker: &AllOf) -> String {
        checker.check_history(&History::default()).unwrap().to_string()
    }

    #[test]
    fn of_several_promises_each_is_told_with_its_own_proofs() {
        let all = crate::all_of![Finds("lost", 40), Finds("kept", 0), Finds("doubled", 1)];
        let text = "2 promises are violated, 41 times in all\n  doubled: violated\n    doubled 1\n  \
                    lost: violated 40 times\n    lost 1\n    lost 2\n    lost 3\n    and 37 more";
        assert_eq!(told(&all), text);
        let one = crate::all_of![Finds("lost", 2), Finds("kept", 0)];
        assert_eq!(told(&one), "lost: violated 2 times\n  lost 1\n  lost 2");
        let inner = crate::all_of![Finds("lost", 1), Finds("doubled", 1)];
        let nested = crate::all_of![inner, Finds("kept", 0)];
        assert!(told(&nested).starts_with("2 promises are violated, 2 times in all"));
    }
}
