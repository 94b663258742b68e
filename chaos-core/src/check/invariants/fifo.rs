//! What was put into a queue first comes out first.

use std::collections::HashMap;

use crate::check::label::label;
use crate::check::{CheckError, Checker, Evidence, Report, Violation};
use crate::history::Operation;

/// What was put into a queue first comes out first: if one value had been put in before another one
/// was, it is not taken out after the other one was.
///
/// In a history, `enqueue` and `dequeue` are those of [`queue_total`](super::queue_total), each value
/// put in once. Several queues are judged by [`per_key`](crate::check::per_key).
///
/// **Vacuous** when no two values came out that had been put in one after the other.
///
/// ```
/// use chaos_core::check::{Checker, fifo};
/// use chaos_core::history::History;
///
/// let text = "{:process 0 :type :invoke :f :enqueue :value 1} {:process 0 :type :ok :value 1}
///             {:process 0 :type :invoke :f :enqueue :value 2} {:process 0 :type :ok :value 2}
///             {:process 1 :type :invoke :f :dequeue} {:process 1 :type :ok :value 2}
///             {:process 1 :type :invoke :f :dequeue} {:process 1 :type :ok :value 1}";
/// let report = fifo().check_history(&History::from_edn(text.as_bytes())?)?;
/// assert!(report.to_string().ends_with("2 came out before 1, which had been put in before it"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn fifo() -> Fifo {
    Fifo
}

/// What was put into a queue first comes out first; made by [`fifo`].
#[derive(Debug, Clone, Copy)]
pub struct Fifo;

impl Checker for Fifo {
    fn name(&self) -> String {
        "what was put into the queue first comes out first".to_owned()
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let operations = evidence.operations()?;
        let mut report = Report::of(self.name());
        let mut dequeues = HashMap::new();
        for dequeue in operations.iter().filter(|one| one.f == "dequeue") {
            if let Some(value) = dequeue.result.filter(|value| !value.is_null()) {
                dequeues.entry(label(value)).or_insert(*dequeue);
            }
        }
        // Each value that came out, by when it was put in.
        let enqueues =
            operations.iter().filter(|one| one.f == "enqueue" && one.may_have_happened());
        let items: Vec<_> = enqueues
            .filter_map(|enqueue| {
                let name = label(enqueue.argument);
                dequeues.get(&name).map(|dequeue| (*enqueue, *dequeue, name))
            })
            .collect();
        let mut settled: Vec<_> =
            items.iter().filter(|(one, ..)| one.settled().is_some()).collect();
        settled.sort_by_key(|(enqueue, ..)| enqueue.settled());
        let mut earlier = settled.into_iter().peekable();
        // Of those that had been put in before, the one that was taken out last.
        let mut last: Option<&(Operation<'_>, Operation<'_>, String)> = None;
        let mut compared = false;
        for (enqueue, dequeue, name) in &items {
            while let Some(next) = earlier.next_if(|(one, ..)| one.is_before(enqueue)) {
                if last.is_none_or(|last| last.1.invoked < next.1.invoked) {
                    last = Some(next);
                }
            }
            let Some((before, late, other)) = last else { continue };
            compared = true;
            if dequeue.is_before(late) {
                let what =
                    format!("{name} came out before {other}, which had been put in before it");
                let entries = [before, late, enqueue, dequeue].map(Operation::entries).concat();
                report.violated(Violation::new(what).of_key(name).at(entries));
            }
        }
        report.count("came out", items.len() as u64);
        if !compared {
            report.vacuous("no two values came out that had been put in one after the other");
        }
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_says;
    use super::*;
    use crate::check::Validity::{Unknown, Valid, Violated};

    #[test]
    fn who_came_first_goes_first() {
        let out = "2 < dequeue\n2 ok 2\n2 < dequeue\n2 ok 1";
        let apart = format!("0 < enqueue 1\n0 ok 1\n1 < enqueue 2\n1 ok 2\n{out}");
        assert_says(&fifo(), &apart, Violated, &["2"]);
        let beside = format!("0 < enqueue 1\n1 < enqueue 2\n0 ok 1\n1 ok 2\n{out}");
        assert_says(&fifo(), &beside, Unknown, &[]);
        let both = "0 < enqueue 1\n0 ok 1\n1 < enqueue 2\n1 ok 2\n\
                    2 < dequeue\n3 < dequeue\n2 ok 2\n3 ok 1";
        assert_says(&fifo(), both, Valid, &[]);
    }
}
