//! What the ledger promises while its database is slow, gone, or lost in the middle of a commit.
//!
//! Run it with `cargo test -p quickstart --test chaos`. With `QUICKSTART_WRONG_RETRY=1` the ledger
//! repeats a lost transfer under a new key: the tests have to find that.

use std::time::Instant;

use chaos_harness::prelude::*;
use deadpool_postgres::{PoolError, Timeouts};
use quickstart::{Ledger, Retry, TransferError};
use tokio::time::sleep;

/// What every test starts with: an empty database behind a link, and the ledger in it.
struct Bank {
    pg: Postgres,
    ledger: Ledger,
}

/// What a retry sends, which is right unless the environment says otherwise.
fn retry() -> Retry {
    let is_wrong = std::env::var_os("QUICKSTART_WRONG_RETRY").is_some();
    if is_wrong { Retry::NewKey } else { Retry::SameKey }
}

impl Fixture for Bank {
    async fn set_up(cx: &Chaos) -> TestResult<Self> {
        let pg = cx.postgres().await?;
        let ledger = Ledger::open(pg.pool(8)?, retry()).await?;
        Ok(Self { pg, ledger })
    }
}

impl Bank {
    /// One transfer of 5 between two accounts that the client draws.
    async fn transfer(&self, client: Client) -> Result<(), TransferError> {
        let (debit, credit) = client.pick_two(1..=10);
        self.ledger.transfer(client.unique() as i64, debit, credit, 5).await
    }
}

/// Money is neither made nor lost while the database is slow and then gone.
#[chaos_test(domain = "network")]
async fn transfers_conserve_money(cx: Chaos, bank: Bank) -> TestResult {
    let plan = Schedule::new()
        .calm(500.ms())
        .hold(1.secs(), &bank.pg, latency(20.ms()..=60.ms()).downstream())
        .hold(500.ms(), &bank.pg, cut())
        .and(&bank.pg, refuse())
        .calm(1500.ms());
    let run = cx.run(plan, 8, async |client| bank.transfer(client).await).await?;

    run.recovers_within(1.secs())?;
    cx.check("money is conserved", bank.ledger.total().await?, 10_000_000)
}

/// A transfer happens exactly once, wherever the connection breaks: tried at every 16th byte. The
/// driver closes statements when it likes, so which message that byte is in differs a little.
#[chaos_test(domain = "network", timeout = "2m")]
async fn a_transfer_is_made_once_wherever_the_connection_breaks(
    cx: Chaos,
    bank: Bank,
) -> TestResult {
    // The answer to a commit has 18 bytes and is seldom passed over; the next test never misses it.
    for breaks in 0.. {
        let balance = bank.ledger.balance(1).await?;
        let injection = bank.pg.inject(reset().after_bytes(16 * breaks).on(first(1)).may_be_idle());
        bank.ledger.transfer(breaks as i64, 1, 2, 1).await?;
        // When the last byte has passed before the break, every break point has been tried.
        let all_tried = injection.hits() == 0;
        injection.clear();
        let what = format!("one transfer is made although byte {} is the last", 16 * breaks);
        cx.check(&what, bank.ledger.balance(1).await?, balance - 1)?;
        if all_tried {
            cx.note(format!("{breaks} break points tried"));
            break;
        }
    }
    Ok(())
}

/// Whichever statement the connection dies at, on whichever side of the server, and whenever a caller
/// gives a transfer up: it is made once, and the pool is well.
#[chaos_test(domain = "network", timeout = "2m")]
async fn a_transfer_is_made_once_at_every_cut_point(cx: Chaos) -> TestResult {
    cx.explore(cut_points())
        .setup(async |pg| Ok(Ledger::open(pg.pool(1)?, retry()).await?))
        .run(async |ledger| ledger.transfer(1, 1, 2, 5).await)
        .await?;
    Ok(())
}

/// A transfer that the database has committed is not made again because its answer was lost.
#[chaos_test(domain = "network")]
async fn a_commit_whose_answer_is_lost_is_not_repeated(cx: Chaos, bank: Bank) -> TestResult {
    let confirmation = seen(b"COMMIT").downstream();
    let lost = reset().when_seen(confirmation).on(first(1));
    bank.pg.during(lost, bank.ledger.transfer(1, 1, 2, 5)).await?;
    cx.check("the transfer is made once", bank.ledger.balance(2).await?, 1_000_005)
}

/// A transfer that begins while nothing listens waits for the database, and is made once.
#[chaos_test(domain = "network")]
async fn a_database_that_comes_back_is_used_again(cx: Chaos, bank: Bank) -> TestResult {
    let outage = (bank.pg.inject(cut()), bank.pg.inject(refuse()));
    let back_soon = async {
        sleep(200.ms()).await;
        let (cut, refuse) = outage;
        cut.clear();
        refuse.clear();
    };
    let (transferred, ()) = tokio::join!(bank.ledger.transfer(1, 1, 2, 5), back_soon);
    transferred?;
    cx.check("the transfer is made once", bank.ledger.balance(2).await?, 1_000_005)
}

/// A database that accepts connections and answers nothing costs time, and no money.
#[chaos_test(domain = "network")]
async fn a_database_that_does_not_answer_is_given_up_in_time(cx: Chaos, bank: Bank) -> TestResult {
    let plan = Schedule::new().calm(300.ms()).hold(2.secs(), &bank.pg, stall()).calm(3.secs());
    let run = cx.run(plan, 4, async |client| bank.transfer(client).await).await?;

    run.recovers_within(2.secs())?;
    cx.check("money is conserved", bank.ledger.total().await?, 10_000_000)
}

/// As the line gets longer transfers get slower by as much, and none fails.
#[chaos_test(domain = "network")]
async fn growing_latency_slows_transfers_and_fails_none(cx: Chaos, bank: Bank) -> TestResult {
    let plan = Schedule::new()
        .calm(300.ms())
        .hold(500.ms(), &bank.pg, latency(5.ms()))
        .hold(500.ms(), &bank.pg, latency(10.ms()))
        .hold(1.secs(), &bank.pg, latency(20.ms()))
        .calm(300.ms());
    let run = cx.run(plan, 4, async |client| bank.transfer(client).await).await?;

    cx.check("transfers that succeeded", run.count(Outcome::Ok), run.operations().len())?;
    let slowest = run.operations().iter().map(|transfer| transfer.ended - transfer.began).max();
    // A transfer has more than five round trips, and each takes the latency of both directions.
    cx.check_that("the slowest transfer took 200 ms at least", slowest >= Some(200.ms()))
}

/// Messages that arrive byte by byte are put together again.
#[chaos_test(domain = "network")]
async fn torn_messages_are_put_together_again(cx: Chaos, bank: Bank) -> TestResult {
    let plan =
        Schedule::new().calm(300.ms()).hold(1.secs(), &bank.pg, slice(1, 20.us())).calm(300.ms());
    let run = cx.run(plan, 4, async |client| bank.transfer(client).await).await?;

    cx.check("transfers that succeeded", run.count(Outcome::Ok), run.operations().len())?;
    cx.check("money is conserved", bank.ledger.total().await?, 10_000_000)
}

/// When one connection in three is reset in mid-transfer, every transfer is still made.
#[chaos_test(domain = "network", retries = 3)]
async fn resets_of_some_connections_are_retried(cx: Chaos, bank: Bank) -> TestResult {
    let plan = Schedule::new()
        .calm(300.ms())
        .hold(1.secs(), &bank.pg, reset().after_bytes(2.kib()).on(every_nth(3)))
        .calm(1.secs());
    let run = cx.run(plan, 8, async |client| bank.transfer(client).await).await?;

    run.recovers_within(1.secs())?;
    cx.check("money is conserved", bank.ledger.total().await?, 10_000_000)
}

/// On a narrow line a large answer takes its time, and arrives whole.
#[chaos_test(domain = "network")]
async fn a_large_answer_arrives_whole_on_a_narrow_line(cx: Chaos, bank: Bank) -> TestResult {
    let client = bank.pg.connect().await?;
    let began = Instant::now();
    let query = client.query_one("SELECT repeat('x', 65536)", &[]);
    let row = bank.pg.during(bandwidth(128.kib_per_sec()).downstream(), query).await?;

    cx.check("the length of the answer", row.get::<_, &str>(0).len(), 65_536)?;
    cx.check_that("64 KiB take half a second at 128 KiB/s", began.elapsed() >= 500.ms())
}

/// Callers that find no free connection fail in time, and the pool serves again once it can.
#[chaos_test(domain = "resources")]
async fn an_exhausted_pool_fails_fast_and_recovers(cx: Chaos, bank: Bank) -> TestResult {
    let pool = bank.pg.pool(2)?;
    let held = (pool.get().await?, pool.get().await?);
    let impatient = Timeouts { wait: Some(300.ms()), ..pool.timeouts() };
    let answer = pool.timeout_get(&impatient).await;
    cx.check_that("a third caller times out", matches!(answer, Err(PoolError::Timeout(_))))?;

    drop(held);
    let released = Instant::now();
    let row = pool.get().await?.query_one("SELECT 1", &[]).await?;
    cx.check("the pool serves again", row.get::<_, i32>(0), 1)?;
    cx.check_that("within 2 s", released.elapsed() < 2.secs())
}

/// A table locked by somebody else delays a transfer, and does not make it twice.
#[chaos_test(domain = "database")]
async fn a_locked_table_delays_a_transfer(cx: Chaos, bank: Bank) -> TestResult {
    let admin = bank.pg.admin().await?;
    admin.batch_execute("BEGIN; LOCK TABLE accounts").await?;
    let unlock = async {
        sleep(2.secs()).await;
        admin.batch_execute("COMMIT").await
    };
    let (transferred, unlocked) = tokio::join!(bank.ledger.transfer(1, 1, 2, 5), unlock);
    transferred?;
    unlocked?;
    cx.check("the transfer is made once", bank.ledger.balance(2).await?, 1_000_005)
}

/// A database that is cut off does not take another one with it.
#[chaos_test(domain = "network")]
async fn one_database_down_leaves_the_other_up(cx: Chaos, bank: Bank) -> TestResult {
    let other = cx.postgres_server().await?;
    let ledger = Ledger::open(other.pool(4)?, Retry::SameKey).await?;
    let transfer = ledger.transfer(1, 1, 2, 5);
    bank.pg.during(stall().may_be_idle(), transfer).await?;
    cx.check("the transfer is made", ledger.balance(2).await?, 1_000_005)
}

chaos_harness::main!();
