//! Money that is moved between accounts while somebody adds it up.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::{Worker, Workload};
use crate::check::{Checker, Conserved, conserved};
use crate::error::{TestError, TestResult};

/// A transfer that the bank is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transfer {
    /// A number that no other transfer of the attempt has: good for an idempotency key.
    pub key: i64,
    /// The account that is debited.
    pub from: i64,
    /// The account that is credited; never the same one.
    pub to: i64,
    /// How much: at least 1.
    pub amount: i64,
}

/// Money that is moved between accounts while somebody adds it up; made by [`bank`].
#[derive(Debug, Clone)]
pub struct Bank<T, B> {
    promise: Conserved,
    transfer: T,
    balances: B,
    accounts: RangeInclusive<i64>,
    amounts: RangeInclusive<i64>,
}

/// Transfers between accounts that hold `total` together, and reads of all balances, each of which has
/// to come to that total, and none of which may be overdrawn: pairs of an account and what is in it. One
/// operation in four is a read.
///
/// The accounts are 1 to 10 unless [`accounts`](Bank::accounts) says otherwise, and exist beforehand.
/// A transfer that the service turns down, as for want of money, returns
/// [`Rejected`](crate::outcome::Rejected).
pub fn bank<T, B, E, F>(total: i64, transfer: T, balances: B) -> Bank<T, B>
where
    T: AsyncFn(Transfer) -> Result<(), E>,
    B: AsyncFn() -> Result<Vec<(i64, i64)>, F>,
    E: Into<TestError>,
    F: Into<TestError>,
{
    let promise = conserved(total);
    Bank { promise, transfer, balances, accounts: 1..=10, amounts: 1..=5 }
}

impl<T, B> Bank<T, B> {
    /// The accounts, two of which a transfer is between. Default: 1 to 10.
    ///
    /// # Panics
    ///
    /// When there are fewer than two.
    #[must_use]
    #[track_caller]
    pub fn accounts(mut self, accounts: RangeInclusive<i64>) -> Self {
        assert!(accounts.start() < accounts.end(), "a bank needs at least two accounts");
        self.accounts = accounts;
        self
    }

    /// Allows accounts to be overdrawn. Default: that is a violation too.
    #[must_use]
    pub fn may_be_negative(mut self) -> Self {
        self.promise = self.promise.may_be_negative();
        self
    }

    /// How much a transfer moves. Default: 1 to 5.
    ///
    /// # Panics
    ///
    /// When the range is empty, or begins below 1.
    #[must_use]
    #[track_caller]
    pub fn amounts(mut self, amounts: RangeInclusive<i64>) -> Self {
        let (least, most) = (*amounts.start(), *amounts.end());
        assert!(1 <= least && least <= most, "cannot transfer amounts of {least} to {most}");
        self.amounts = amounts;
        self
    }
}

impl<T, B, E, F> Workload for Bank<T, B>
where
    T: AsyncFn(Transfer) -> Result<(), E>,
    B: AsyncFn() -> Result<Vec<(i64, i64)>, F>,
    E: Into<TestError>,
    F: Into<TestError>,
{
    fn name(&self) -> &str {
        "bank"
    }

    async fn operate(&self, worker: &mut Worker) -> TestResult {
        if worker.is_its_turn(4) {
            return self.conclude(worker).await;
        }
        let client = worker.client();
        let (from, to) = client.pick_two(self.accounts.clone());
        let (key, amount) = (worker.key(), client.pick(self.amounts.clone()));
        let transfer = Transfer { key, from, to, amount };
        let argument = json!({"key": key, "from": from, "to": to, "amount": amount});
        let call = (self.transfer)(transfer);
        worker.call("transfer", argument.clone(), call, |()| argument).await
    }

    async fn conclude(&self, worker: &mut Worker) -> TestResult {
        let result = |balances: &Vec<(i64, i64)>| {
            let pairs = balances.iter().map(|(account, held)| (account.to_string(), json!(held)));
            Value::Object(pairs.collect())
        };
        worker.call("read", Value::Null, (self.balances)(), result).await.map(drop)
    }

    fn checker(&self) -> Box<dyn Checker> {
        Box::new(self.promise.clone())
    }
}
