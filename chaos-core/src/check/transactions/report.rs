//! What the checker says of a history of transactions.

use std::fmt;

use super::anomaly::Anomaly;
use super::model::Model;
use crate::check::Validity;

/// What the checker says of a history of transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransactionReport {
    /// The model that was asked for.
    pub model: Model,
    /// Whether the history is possible under it.
    pub validity: Validity,
    /// Why nothing can be said, where the validity is unknown.
    pub unknown: Option<&'static str>,
    /// What is wrong, the gravest first, also what the model allows.
    pub anomalies: Vec<Anomaly>,
    /// How many transactions committed.
    pub committed: usize,
}

/// Why nothing is known where nothing was put to the test.
pub(super) const VACUOUS: &str = "no transaction comes before another one";

impl TransactionReport {
    /// Whether nothing put the model to the test: no transaction comes before another one.
    #[must_use]
    pub fn is_vacuous(&self) -> bool {
        self.unknown == Some(VACUOUS)
    }

    /// The anomalies that the model rules out.
    pub fn violations(&self) -> impl Iterator<Item = &Anomaly> {
        self.anomalies.iter().filter(|anomaly| self.model.rules_out(anomaly.kind))
    }

    /// The weakest models that the history does not satisfy: it satisfies none either that implies
    /// one of them.
    #[must_use]
    pub fn ruled_out(&self) -> Vec<Model> {
        let is_out =
            |model: &Model| self.anomalies.iter().any(|anomaly| model.rules_out(anomaly.kind));
        let out: Vec<_> = Model::ALL.into_iter().filter(is_out).collect();
        let is_weakest =
            |model: &Model| !out.iter().any(|other| other != model && model.is_at_least(*other));
        out.iter().copied().filter(is_weakest).collect()
    }

    /// Makes an error of anything but a valid history.
    ///
    /// # Errors
    ///
    /// The report itself, when the history is not valid.
    pub fn into_result(self) -> Result<(), Self> {
        if self.validity == Validity::Valid { Ok(()) } else { Err(self) }
    }
}

impl std::error::Error for TransactionReport {}

impl fmt::Display for TransactionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, committed, .. } = self;
        match (self.validity, self.unknown) {
            (Validity::Valid, _) => write!(f, "{committed} transactions are {model}"),
            (Validity::Unknown, reason) => {
                let reason = reason.unwrap_or("nothing is known of them");
                write!(f, "whether {committed} transactions are {model} is unknown: {reason}")
            }
            (Validity::Violated, _) => {
                write!(f, "{committed} transactions are not {model}")?;
                let mut last = None;
                for anomaly in self.violations() {
                    // One proof of each kind says enough.
                    if last.replace(anomaly.kind) != Some(anomaly.kind) {
                        write!(f, "\n{anomaly}")?;
                    }
                }
                Ok(())
            }
        }
    }
}
