//! The sum of all accounts does not change.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::check::amount::Amount;
use crate::check::evidence::Rows;
use crate::check::label::label;
use crate::check::overlap::Overlap;
use crate::check::{CheckError, Checker, Evidence, Report, Violation};
use crate::history::{HistoryError, Operation};
use crate::outcome::Outcome;

/// Everything together is always `total`, however it is moved about; no account is overdrawn, and
/// none appears that was not there.
///
/// In a history an ok `read` has all balances: an object `{"a": 40, "b": 60}`, a list of pairs, or
/// their sum. Any other operation is taken for a transfer. In a database the query answers with a
/// sum, or with an account and its balance in each row.
///
/// **Vacuous** when no read overlapped a transfer; of a database, when the history has operations
/// and none of them succeeded.
///
/// ```
/// use chaos_core::check::{Checker, conserved};
/// use chaos_core::history::History;
///
/// let lines = r#"
/// {"process": 0, "type": "invoke", "f": "transfer", "value": {"from": "a", "to": "b", "amount": 5}}
/// {"process": 1, "type": "invoke", "f": "read"}
/// {"process": 1, "type": "ok", "f": "read", "value": {"a": 5, "b": 10}}
/// {"process": 0, "type": "ok", "f": "transfer"}
/// "#;
/// let report = conserved(20).check_history(&History::from_jsonl(lines.as_bytes())?)?;
/// assert!(report.to_string().contains("the total is wrong: expected 20, found 15"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn conserved(total: impl Into<Amount>) -> Conserved {
    Conserved { total: total.into(), may_be_negative: false, accounts: BTreeSet::new(), sql: None }
}

/// The sum of all accounts does not change; made by [`conserved`].
#[derive(Debug, Clone)]
pub struct Conserved {
    total: Amount,
    may_be_negative: bool,
    accounts: BTreeSet<String>,
    sql: Option<String>,
}

impl Conserved {
    /// Allows accounts to be overdrawn.
    #[must_use]
    pub fn may_be_negative(mut self) -> Self {
        self.may_be_negative = true;
        self
    }

    /// Says which accounts there are; any other one is a violation, and so is one that is missing.
    #[must_use]
    pub fn accounts<A: ToString>(mut self, accounts: impl IntoIterator<Item = A>) -> Self {
        self.accounts = accounts.into_iter().map(|account| account.to_string()).collect();
        self
    }

    /// Asks the database, instead of judging the reads of a history.
    #[must_use]
    pub fn sql(mut self, query: impl Into<String>) -> Self {
        self.sql = Some(query.into());
        self
    }

    fn judge(&self, balances: &Balances, entries: &[u64], report: &mut Report) {
        let found = |violation: Violation| violation.at(entries.iter().copied());
        if !balances.accounts.is_empty() {
            self.judge_accounts(balances, entries, report);
        }
        let amounts = balances.accounts.iter().filter_map(|(_, amount)| *amount);
        let total = balances.sum.unwrap_or_else(|| amounts.sum());
        if total != self.total {
            let violation = Violation::new("the total is wrong").instead(self.total, total);
            report.violated(found(violation));
        }
    }

    fn judge_accounts(&self, balances: &Balances, entries: &[u64], report: &mut Report) {
        let mut wrong = |account: &String, what: String| {
            report.violated(Violation::new(what).of_key(account).at(entries.iter().copied()));
        };
        for (account, amount) in &balances.accounts {
            match amount {
                None => wrong(account, "it has no balance".to_owned()),
                Some(amount) if amount.is_negative() && !self.may_be_negative => {
                    wrong(account, format!("it is overdrawn: {amount}"));
                }
                Some(_) => {}
            }
            if !self.accounts.is_empty() && !self.accounts.contains(account) {
                wrong(account, "there is no such account".to_owned());
            }
        }
        let read: BTreeSet<_> = balances.accounts.iter().map(|(account, _)| account).collect();
        for account in self.accounts.iter().filter(|account| !read.contains(account)) {
            wrong(account, "the account is missing".to_owned());
        }
    }

    fn judge_history(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let operations = evidence.operations()?;
        let is_read = |operation: &&Operation<'_>| operation.f == "read";
        let transfers = operations.iter().filter(|operation| !is_read(operation));
        let (transfer_count, transfers) = (transfers.clone().count(), Overlap::of(transfers));
        let mut report = Report::of(self.name());
        let mut overlapping = 0;
        let reads = operations.iter().filter(is_read);
        for read in reads.filter(|read| read.outcome == Outcome::Ok) {
            let balances = Balances::of(read)?;
            self.judge(&balances, &read.entries(), &mut report);
            overlapping += u64::from(transfers.meets(read));
            report.count("reads", 1);
        }
        report.count("transfers", transfer_count as u64);
        report.count("reads beside a transfer", overlapping);
        if overlapping == 0 {
            report.vacuous("no read overlapped a transfer");
        }
        Ok(report)
    }
}

impl Checker for Conserved {
    fn name(&self) -> String {
        format!("the total of {} is conserved", self.total)
    }

    fn questions(&self) -> Vec<String> {
        self.sql.iter().cloned().collect()
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let Some(sql) = &self.sql else { return self.judge_history(evidence) };
        let balances = Balances::of_rows(sql, evidence.rows(sql)?)?;
        let mut report = Report::of(self.name());
        self.judge(&balances, &[], &mut report);
        let operations = evidence.operations()?;
        let succeeded = operations.iter().any(|operation| operation.outcome == Outcome::Ok);
        if !operations.is_empty() && !succeeded {
            report.vacuous("no operation of the history succeeded");
        }
        Ok(report)
    }
}

/// What was read.
#[derive(Debug, Default)]
struct Balances {
    accounts: Vec<(String, Option<Amount>)>,
    /// Instead of accounts.
    sum: Option<Amount>,
}

impl Balances {
    fn of(read: &Operation<'_>) -> Result<Self, HistoryError> {
        let entry = read.completed.unwrap_or(read.invoked);
        let value = read.result.unwrap_or(&Value::Null);
        let wrong = || HistoryError::Value {
            entry,
            what: format!(
                "a read of all balances is {{\"account\": balance, ..}}, a list of \
                 [account, balance] or their sum, and not {value}"
            ),
        };
        let amount = |value: &Value| match value {
            Value::Null => Ok(None),
            other => Amount::of(other).map(Some).ok_or_else(wrong),
        };
        let mut balances = Self::default();
        match value {
            Value::Object(accounts) => {
                for (account, balance) in accounts {
                    balances.accounts.push((account.clone(), amount(balance)?));
                }
            }
            Value::Array(pairs) => {
                for pair in pairs {
                    let [account, balance] = pair.as_array().map_or(&[][..], Vec::as_slice) else {
                        return Err(wrong());
                    };
                    balances.accounts.push((label(account), amount(balance)?));
                }
            }
            other => balances.sum = Some(Amount::of(other).ok_or_else(wrong)?),
        }
        Ok(balances)
    }

    fn of_rows(question: &str, rows: &Rows) -> Result<Self, CheckError> {
        let wrong = |what: String| CheckError::Answer { question: question.to_owned(), what };
        let amount = |text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => Amount::parse(text)
                .map(Some)
                .ok_or_else(|| wrong(format!("`{text}` is no decimal number"))),
        };
        let mut balances = Self::default();
        for row in rows.iter() {
            match row {
                [sum] => balances.sum = Some(amount(sum)?.unwrap_or_default()),
                [account, balance] => {
                    let account = account.clone().unwrap_or_else(|| "null".to_owned());
                    balances.accounts.push((account, amount(balance)?));
                }
                other => {
                    let columns = other.len();
                    let what = "a row is a sum, or an account and its balance";
                    return Err(wrong(format!("{what}; it has {columns} columns")));
                }
            }
        }
        Ok(balances)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::history;
    use super::*;
    use crate::check::Validity;

    fn found(checker: &Conserved, text: &str) -> Vec<String> {
        let report = checker.check_history(&history(text)).unwrap();
        report.violations.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_kind_of_loss_is_named() {
        let checker = conserved(10).accounts(["a", "b"]);
        let beside = |read: &str| format!("0 < transfer 1\n1 < read\n1 ok {read}\n0 ok 1");
        assert_eq!(found(&checker, &beside(r#"{"a":4,"b":6}"#)), [""; 0]);
        assert_eq!(
            found(&checker, &beside(r#"{"a":4,"b":5}"#)),
            ["the total is wrong: expected 10, found 9"]
        );
        assert_eq!(found(&checker, &beside(r#"{"a":-1,"b":11}"#)), ["a: it is overdrawn: -1"]);
        assert_eq!(found(&checker, &beside(r#"{"a":10,"b":null}"#)), ["b: it has no balance"]);
        assert_eq!(
            found(&checker, &beside(r#"[["a",4],["c",6]]"#)),
            ["c: there is no such account", "b: the account is missing"]
        );
        assert_eq!(found(&conserved(10).may_be_negative(), &beside(r#"{"a":-1,"b":11}"#)), [""; 0]);
        assert_eq!(found(&conserved(10), &beside("\"10.00\"")), [""; 0]);
    }

    #[test]
    fn it_is_vacuous_unless_a_read_overlapped_a_transfer() {
        let check = |text: &str| conserved(10).check_history(&history(text)).unwrap();
        let apart = check("0 < transfer 1\n0 ok 1\n1 < read\n1 ok 10");
        assert_eq!(apart.validity(), Validity::Unknown);
        assert_eq!(apart.vacuous.as_deref(), Some("no read overlapped a transfer"));
        // A transfer of unknown outcome may take effect beside any later read.
        let unknown = check("0 < transfer 1\n0 info 1\n1 < read\n1 ok 10");
        assert_eq!(unknown.validity(), Validity::Valid);
        let failed = check("0 < transfer 1\n1 < read\n1 ok 10\n0 fail 1");
        assert_eq!(failed.validity(), Validity::Unknown);
    }

    #[test]
    fn a_value_of_another_form_is_an_error_that_says_which() {
        let error = conserved(10).check_history(&history("0 < read\n0 ok [1,2]")).unwrap_err();
        assert!(error.to_string().starts_with("entry 1: a read of all balances is"), "{error}");
    }

    #[test]
    fn the_database_answers_with_a_sum_or_with_accounts() {
        let nothing = crate::history::History::default();
        let check = |rows: Rows| {
            let evidence = Evidence::new(&nothing).with_answer("Q", rows);
            conserved(10).sql("Q").check(&evidence)
        };
        assert_eq!(check(Rows::from_texts([["10.00"]])).unwrap().validity(), Validity::Valid);
        let accounts = Rows::from_texts([["a", "4"], ["b", "5"]]);
        assert_eq!(check(accounts).unwrap().validity(), Validity::Violated);
        // The sum over no rows is null in SQL.
        let none = Rows::new(vec![vec![None]]);
        assert_eq!(check(none).unwrap().validity(), Validity::Violated);
        let error = check(Rows::from_texts([["ten"]])).unwrap_err().to_string();
        assert!(error.ends_with("`ten` is no decimal number"), "{error}");
        let error = conserved(10).sql("Q").check_history(&nothing).unwrap_err().to_string();
        assert!(error.contains("pg.judge(&checker, &history)"), "{error}");
    }
}
