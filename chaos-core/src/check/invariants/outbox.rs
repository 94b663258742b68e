//! What is committed to the outbox is delivered.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::label::label;
use crate::check::{CheckError, Checker, Evidence, Report, Violation};

/// Every message that was committed to the outbox is delivered at least once, and no other one is.
///
/// The query answers with the name of a committed message in each row. In a history, an ok `deliver`
/// has the name of the message that its receiver got.
///
/// **Vacuous** when there is no message in the outbox.
///
/// ```
/// use chaos_core::check::{Checker, Evidence, Rows, outbox_delivered};
/// use chaos_core::history::History;
///
/// let text = "{:process 0 :type :invoke :f :deliver} {:process 0 :type :ok :f :deliver :value 1}";
/// let history = History::from_edn(text.as_bytes())?;
/// let sql = "SELECT id FROM outbox";
/// let evidence = Evidence::new(&history).with_answer(sql, Rows::from_texts([["1"], ["2"]]));
/// let report = outbox_delivered(sql).check(&evidence)?;
/// assert!(report.to_string().ends_with("2: it was committed, and never delivered"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn outbox_delivered(sql: impl Into<String>) -> OutboxDelivered {
    OutboxDelivered { sql: sql.into() }
}

/// Committed messages are delivered; made by [`outbox_delivered`].
#[derive(Debug, Clone)]
pub struct OutboxDelivered {
    sql: String,
}

impl Checker for OutboxDelivered {
    fn name(&self) -> String {
        "what is committed to the outbox is delivered, and nothing else".to_owned()
    }

    fn questions(&self) -> Vec<String> {
        vec![self.sql.clone()]
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let mut report = Report::of(self.name());
        let mut committed = BTreeSet::new();
        for row in evidence.rows(&self.sql)?.iter() {
            let [Some(message)] = row else {
                let what = format!("a row is one message, and there is {row:?}");
                return Err(CheckError::Answer { question: self.sql.clone(), what });
            };
            committed.insert(message.clone());
        }
        let mut delivered: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for operation in evidence.operations()?.iter().filter(|one| one.f == "deliver") {
            if let (Some(value), Some(entry)) = (operation.result, operation.completed) {
                delivered.entry(label(value)).or_default().push(entry);
            }
        }
        report.count("committed", committed.len() as u64);
        report.count("deliveries", delivered.values().map(|entries| entries.len() as u64).sum());
        for message in committed.iter().filter(|message| !delivered.contains_key(*message)) {
            let what = "it was committed, and never delivered";
            report.violated(Violation::new(what).of_key(message));
        }
        for (message, entries) in delivered.into_iter().filter(|(one, _)| !committed.contains(one))
        {
            let what = "it was delivered, and never committed";
            report.violated(Violation::new(what).of_key(message).at(entries));
        }
        if committed.is_empty() {
            report.vacuous("there is no message in the outbox");
        }
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;
    use crate::check::Validity::{Unknown, Valid, Violated};

    #[test]
    fn messages_are_delivered_as_often_as_one_likes() {
        let outbox = outbox_delivered("Q");
        let text = "0 < deliver\n0 ok 1\n0 < deliver\n0 ok 1";
        assert_eq!(check(&outbox, &[&["1"]], text), Valid);
        assert_eq!(check(&outbox, &[&["1"], &["2"]], text), Violated);
        assert_eq!(check(&outbox, &[], text), Violated);
        assert_eq!(check(&outbox, &[], ""), Unknown);
    }
}
