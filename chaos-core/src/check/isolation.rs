//! The isolation of transactions and the linearizability of operations, as checkers like any other.

use super::linearizability::{self, Linearizability};
use super::transactions::{Anomaly, Model, TransactionReport, Transactions};
use super::{CheckError, Checker, CycleStep, Evidence, Report, Validity, Violation};

/// Transactions are isolated as the model says: see [`transactions`](super::transactions) for the
/// histories that it takes.
///
/// **Vacuous** when no transaction comes before another one.
///
/// ```
/// use chaos_core::check::transactions::Model;
/// use chaos_core::check::{Checker, isolation};
/// use chaos_core::history::History;
///
/// // Write skew: each of the two did not see what the other one wrote.
/// let lines = r#"
/// {"process": 0, "type": "invoke", "f": "txn"}
/// {"process": 1, "type": "invoke", "f": "txn"}
/// {"process": 0, "type": "ok", "f": "txn", "value": [["r", "x", []], ["append", "y", 1]]}
/// {"process": 1, "type": "ok", "f": "txn", "value": [["r", "y", []], ["append", "x", 2]]}
/// "#;
/// let history = History::from_jsonl(lines.as_bytes())?;
/// let report = isolation(Model::Serializable).check_history(&history)?;
/// assert_eq!(report.violations[0].cycle[0].dependency, "rw");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn isolation(model: Model) -> Isolation {
    Isolation { model }
}

/// Transactions are isolated as the model says; made by [`isolation`].
#[derive(Debug, Clone)]
pub struct Isolation {
    model: Model,
}

impl Checker for Isolation {
    fn name(&self) -> String {
        format!("transactions are {}", self.model)
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let transactions = Transactions::from_history(evidence.history())?;
        let found = transactions.check(self.model);
        let mut report = Report::of(self.name());
        report.count("committed", found.committed as u64);
        for anomaly in found.violations() {
            report.violated(violation(anomaly));
        }
        if found.validity == Validity::Unknown {
            undecided(&found, &mut report);
        }
        Ok(report)
    }
}

fn undecided(found: &TransactionReport, report: &mut Report) {
    let why = found.unknown.unwrap_or("nothing is known of them");
    if found.is_vacuous() { report.vacuous(why) } else { report.unknown(why) }
}

fn violation(anomaly: &Anomaly) -> Violation {
    let kind = anomaly.kind;
    if anomaly.dependencies.is_empty() {
        let explanation = format!("{kind}: {}", anomaly.because.join("; "));
        return Violation::new(explanation).at(anomaly.transactions.iter().copied());
    }
    let mut violation = Violation::new(kind.name()).at(anomaly.transactions.iter().copied());
    let steps = anomaly.transactions.iter().zip(&anomaly.dependencies).zip(&anomaly.because);
    violation.cycle = steps
        .map(|((entry, dependency), because)| CycleStep {
            entry: *entry,
            dependency: (*dependency).to_owned(),
            because: because.clone(),
        })
        .collect();
    violation
}

/// Operations could have been made one after another.
///
/// **Vacuous** when no two operations overlapped. Unknown when it takes more steps or memory than it
/// may.
impl<M: linearizability::Model + Send + Sync> Checker for Linearizability<M> {
    fn name(&self) -> String {
        "operations are linearizable".to_owned()
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let found = Self::check(self, evidence.history())?;
        let mut report = Report::of(Checker::name(self));
        report.count("operations", found.operations as u64);
        report.count("keys", found.keys as u64);
        if let Some(why) = found.unknown {
            report.unknown(why);
        }
        if let Some(broken) = &found.violation {
            let mut violation = Violation::new(broken.without_key()).at(broken.entries.clone());
            violation.key.clone_from(&broken.key);
            report.violated(violation);
        }
        if !found.is_concurrent {
            report.vacuous("no two operations overlapped");
        }
        Ok(report)
    }
}
