//! Transactions that get in the way.

use chaos_core::prelude::*;

use crate::arena::LIMIT;
use crate::support::{state, until, with_accounts};

pub(crate) async fn a_deadlock_has_the_victim_that_was_named(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let client = with_accounts(&pg).await?;
    let update = "UPDATE accounts SET balance = balance + 1 WHERE id = 1";

    let fault = pg.sabotage(deadlock("accounts", "id = 1").times(1)).await?;
    // Other rows are free.
    client.execute("UPDATE accounts SET balance = 0 WHERE id = 2", &[]).await?;
    assert_eq!(state(client.execute(update, &[]).await), "40P01");
    client.execute(update, &[]).await?;
    assert_eq!((fault.hits(), fault.touched()), (1, 1));
    fault.clear().await?;

    let fault = pg.sabotage(deadlock("accounts", "id = 1").application_survives()).await?;
    // The next one may slip through.
    until("it happens again and again", || async {
        client.execute(update, &[]).await?;
        client.execute("SELECT FROM accounts FOR UPDATE", &[]).await?;
        Ok(fault.hits() >= 3)
    })
    .await?;
    fault.clear().await?;
    let balance = "SELECT balance > 102 FROM accounts WHERE id = 1";
    assert!(client.query_one(balance, &[]).await?.get::<_, bool>(0));

    // The one that fails may try again, and meets the next one.
    let fault = pg.sabotage(deadlock("accounts", "id = 1").times(2)).await?;
    assert_eq!(state(client.execute(update, &[]).await), "40P01");
    assert_eq!(state(client.query("SELECT FROM accounts FOR UPDATE", &[]).await), "40P01");
    client.execute(update, &[]).await?;
    fault.clear().await?;

    for (condition, part) in [
        ("id = 77", "no row of \"public\".\"accounts\" meets id = 77"),
        ("nothing = 1", "is no condition on \"public\".\"accounts\": column"),
        ("true); DROP TABLE accounts; --", "is no condition"),
        ("true --", ""),
    ] {
        match pg.sabotage(deadlock("accounts", condition).may_be_idle()).await {
            Ok(fault) => fault.clear().await?,
            Err(error) => assert!(error.to_string().contains(part), "{error}"),
        }
    }
    assert_eq!(client.query("TABLE accounts", &[]).await?.len(), 3);
    Ok(())
}

pub(crate) async fn a_serialization_failure_is_made_and_retried(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let mut client = with_accounts(&pg).await?;
    // A trigger of the application is not to notice.
    client
        .batch_execute(
            "CREATE TABLE touched (); CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS \
             $$BEGIN INSERT INTO touched DEFAULT VALUES; RETURN NULL; END$$; CREATE TRIGGER touch \
             AFTER UPDATE ON accounts EXECUTE FUNCTION touch()",
        )
        .await?;
    let fault = pg.sabotage(serialization_failure("accounts", "id = 1").times(2)).await?;
    let update = "UPDATE accounts SET balance = balance - 10 WHERE id = 1";
    let mut failures = 0;
    let mut updated = 0;
    // A retry may slip through, and is no failure then.
    let began = std::time::Instant::now();
    while failures < 2 {
        assert!(began.elapsed() < LIMIT, "nothing gets in the way");
        let level = tokio_postgres::IsolationLevel::RepeatableRead;
        let transaction = client.build_transaction().isolation_level(level).start().await?;
        let answer = transaction.execute(update, &[]).await;
        if answer.is_ok() {
            transaction.commit().await?;
            updated += 1;
            continue;
        }
        assert_eq!(state(answer), "40001");
        failures += 1;
    }
    assert_eq!(fault.hits(), 2);
    client.execute(update, &[]).await?;
    updated += 1;
    fault.clear().await?;
    let balance = "SELECT balance, (SELECT count(*) FROM touched) FROM accounts WHERE id = 1";
    let row = client.query_one(balance, &[]).await?;
    assert_eq!(row.get::<_, i32>(0), 100 - 10 * updated);
    assert_eq!(row.get::<_, i64>(1), i64::from(updated));

    // Who reads what is committed waits for a moment, and goes on.
    let fault = pg.sabotage(serialization_failure("accounts", "id = 1")).await?;
    client.execute(update, &[]).await?;
    assert!(fault.hits() > 0);
    fault.clear().await?;
    Ok(())
}
