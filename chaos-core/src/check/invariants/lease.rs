//! Leases are granted in an order, and a stale one changes nothing.

use std::collections::BTreeMap;

use crate::check::label::label;
use crate::check::{CheckError, Checker, Evidence, Report, Violation};
use crate::history::{HistoryError, Operation};
use crate::outcome::Outcome;

/// Each lease has a greater token than those before it, and who holds a stale one writes nothing.
///
/// In a history, an ok `acquire` has the token of the lease, an integer or an object with the field
/// `token`; `write` has the token that it was made with and is ok if it took effect; `release` gives
/// the lease back. A write is stale if one with a greater token had taken effect before it began. With
/// [`exclusive`](Lease::exclusive), nobody acquires a lease that another process has and did not
/// begin to release: what a lock promises, and a lease that may expire does not.
///
/// **Vacuous** when no lease was granted that another process had not released before, so that none
/// expired; of an exclusive one, when nobody asked for it while it was held.
///
/// ```
/// use chaos_core::check::{Checker, lease};
/// use chaos_core::history::History;
///
/// let text = "{:process 0 :type :invoke :f :acquire} {:process 0 :type :ok :value 1}
///             {:process 1 :type :invoke :f :acquire} {:process 1 :type :ok :value 2}
///             {:process 1 :type :invoke :f :write :value 2} {:process 1 :type :ok :value 2}
///             {:process 0 :type :invoke :f :write :value 1} {:process 0 :type :ok :value 1}";
/// let report = lease().check_history(&History::from_edn(text.as_bytes())?)?;
/// assert!(report.to_string().ends_with("process 0 wrote with token 1 after token 2 had written"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn lease() -> Lease {
    Lease { exclusive: false }
}

/// Leases are granted in an order; made by [`lease`].
#[derive(Debug, Clone)]
pub struct Lease {
    exclusive: bool,
}

impl Lease {
    /// Allows one holder at a time, as of a lock that never expires. It needs no token.
    #[must_use]
    pub fn exclusive(mut self) -> Self {
        self.exclusive = true;
        self
    }

    fn tokens(
        &self,
        operations: &[Operation<'_>],
        report: &mut Report,
    ) -> Result<(), HistoryError> {
        for (f, verb) in [("acquire", "was granted"), ("write", "wrote with")] {
            let done = |one: &&Operation<'_>| one.f == f && one.outcome == Outcome::Ok;
            let mut all = Vec::new();
            for operation in operations.iter().filter(done) {
                all.push((operation, token(operation)?));
            }
            let mut completed = all.clone();
            completed.sort_by_key(|(operation, _)| operation.completed);
            let mut completed = completed.into_iter().peekable();
            let mut greatest: Option<(&Operation<'_>, i64)> = None;
            for (operation, token) in all {
                while let Some(next) = completed.next_if(|(one, _)| one.is_before(operation)) {
                    if greatest.is_none_or(|(_, token)| token < next.1) {
                        greatest = Some(next);
                    }
                }
                report.count(f, 1);
                let Some((before, newer)) = greatest else { continue };
                let is_stale = if f == "acquire" { token <= newer } else { token < newer };
                if is_stale {
                    let had = if f == "acquire" { "had been granted" } else { "had written" };
                    let process = operation.process;
                    let what = format!("{process} {verb} token {token} after token {newer} {had}");
                    let entries = before.completed.into_iter().chain(operation.completed);
                    report.violated(Violation::new(what).at(entries));
                }
            }
        }
        Ok(())
    }

    /// Who holds it: from the end of `acquire` to the beginning of `release`.
    fn holders(&self, operations: &[Operation<'_>], report: &mut Report) {
        // By the entry: what comes to hold and who begins to let go.
        let mut moments: Vec<(u64, &Operation<'_>)> = Vec::new();
        let mut asked = false;
        for operation in operations {
            match (operation.f, operation.completed) {
                ("acquire", Some(completed)) if operation.outcome == Outcome::Ok => {
                    moments.push((completed, operation));
                }
                ("release", _) => moments.push((operation.invoked, operation)),
                _ => {}
            }
        }
        moments.sort_by_key(|(at, _)| *at);
        let mut held: BTreeMap<String, u64> = BTreeMap::new();
        let mut expired = false;
        let mut tried: Vec<_> = operations.iter().filter(|one| one.f == "acquire").collect();
        tried.sort_by_key(|one| one.invoked);
        let mut tried = tried.into_iter().peekable();
        for (at, operation) in moments {
            let process = operation.process.to_string();
            while let Some(one) = tried.next_if(|one| one.invoked < at) {
                let own = one.process.to_string();
                asked |= held.keys().any(|holder| *holder != own);
            }
            if operation.f == "release" {
                held.remove(&process);
                continue;
            }
            if let Some((other, since)) = held.iter().find(|(holder, _)| **holder != process) {
                expired = true;
                if self.exclusive {
                    let what = format!("{process} acquired it while {other} held it");
                    report.violated(Violation::new(what).at([*since, at]));
                }
            }
            held.insert(process, at);
        }
        asked |= tried.any(|one| held.keys().any(|holder| *holder != one.process.to_string()));
        if self.exclusive && !asked {
            report.vacuous("nobody asked for it while it was held");
        } else if !self.exclusive && !expired {
            report.vacuous("no lease expired: each was released before the next was granted");
        }
    }
}

impl Checker for Lease {
    fn name(&self) -> String {
        if self.exclusive {
            "the lock has one holder at a time".to_owned()
        } else {
            "tokens of leases grow, and a stale one writes nothing".to_owned()
        }
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let operations = evidence.operations()?;
        let mut report = Report::of(self.name());
        if !self.exclusive {
            self.tokens(&operations, &mut report)?;
        }
        self.holders(&operations, &mut report);
        Ok(report)
    }
}

fn token(operation: &Operation<'_>) -> Result<i64, HistoryError> {
    let value = match operation.f {
        "write" => operation.argument,
        _ => operation.result.unwrap_or(&serde_json::Value::Null),
    };
    value.get("token").unwrap_or(value).as_i64().ok_or_else(|| HistoryError::Value {
        entry: operation.completed.unwrap_or(operation.invoked),
        what: format!("a token is an integer, or in the field `token`, and not {}", label(value)),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_says;
    use super::*;
    use crate::check::Validity::{Unknown, Valid, Violated};

    #[test]
    fn tokens_grow_and_stale_ones_write_nothing() {
        let granted = |second: i64| format!("0 < acquire\n0 ok 1\n1 < acquire\n1 ok {second}\n");
        assert_says(&lease(), &granted(2), Valid, &[]);
        assert_says(&lease(), &granted(1), Violated, &[""]);
        let write = |outcome: &str| {
            format!("{}1 < write 2\n1 ok 2\n0 < write {{\"token\":1}}\n0 {outcome}", granted(2))
        };
        assert_says(&lease(), &write("ok"), Violated, &[""]);
        assert_says(&lease(), &write("fail"), Valid, &[]);
        let before = format!("{}0 < write 1\n0 ok 1\n1 < write 2\n1 ok 2", granted(2));
        assert_says(&lease(), &before, Valid, &[]);
        let released = "0 < acquire\n0 ok 1\n0 < release 1\n0 ok 1\n1 < acquire\n1 ok 2";
        assert_says(&lease(), released, Unknown, &[]);
    }

    #[test]
    fn a_lock_has_one_holder() {
        let both = "0 < acquire\n0 ok\n1 < acquire\n1 ok";
        assert_says(&lease().exclusive(), both, Violated, &[""]);
        let waits = "0 < acquire\n0 ok\n1 < acquire\n0 < release\n1 ok\n0 ok";
        assert_says(&lease().exclusive(), waits, Valid, &[]);
        let refused = "0 < acquire\n0 ok\n1 < acquire\n1 fail\n0 < release\n0 ok";
        assert_says(&lease().exclusive(), refused, Valid, &[]);
        let apart = "0 < acquire\n0 ok\n0 < release\n0 ok\n1 < acquire\n1 ok";
        assert_says(&lease().exclusive(), apart, Unknown, &[]);
    }
}
