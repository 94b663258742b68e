//! Commits whose end the client cannot know.

use chaos_core::outcome::{Outcome, sqlstate};
use chaos_core::prelude::*;

use crate::support::with_accounts;

const COUNT: &str = "SELECT count(*) FROM accounts";

pub(crate) async fn a_commit_takes_place_and_nobody_knows(cx: Chaos) -> TestResult {
    let pg = cx.postgres_server().await?;
    drop(with_accounts(&pg).await?);
    let (mut client, observer) = (pg.connect().await?, pg.connect().await?);
    let lost = pg.sabotage(lose_commit_answers().times(1)).await?;
    let transaction = client.transaction().await?;
    transaction.execute("INSERT INTO accounts VALUES (4)", &[]).await?;
    let error = transaction.commit().await.unwrap_err();
    assert_eq!(Outcome::of_error(&error), Outcome::Unknown, "{error:?}");
    assert_eq!((lost.hits(), lost.touched()), (1, 1));
    assert_eq!(observer.query_one(COUNT, &[]).await?.get::<_, i64>(0), 4, "it took place");
    // It was to happen once. Reading was not held up at all.
    let another = pg.connect().await?;
    another.execute("INSERT INTO accounts VALUES (5)", &[]).await?;
    lost.clear().await?;

    let lost = pg.sabotage(lose_commit_answers()).await?;
    for id in 6..9 {
        let client = pg.connect().await?;
        let error = client.execute("INSERT INTO accounts VALUES ($1)", &[&id]).await.unwrap_err();
        assert_eq!(Outcome::of_error(&error), Outcome::Unknown, "{error:?}");
    }
    assert_eq!(lost.hits(), 3);
    lost.clear().await?;
    assert_eq!(observer.query_one(COUNT, &[]).await?.get::<_, i64>(0), 8);
    observer.execute("INSERT INTO accounts VALUES (9)", &[]).await?;
    let standbys = "SHOW synchronous_standby_names";
    assert_eq!(observer.query_one(standbys, &[]).await?.get::<_, &str>(0), "");
    Ok(())
}

pub(crate) async fn a_commit_is_aborted_and_nobody_knows(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    drop(with_accounts(&pg).await?);
    let (mut client, observer) = (pg.connect().await?, pg.connect().await?);
    let aborted = pg.sabotage(abort_commits("accounts").times(1)).await?;
    let transaction = client.transaction().await?;
    transaction.batch_execute("SET lock_timeout = '1ms'").await?;
    transaction.execute("INSERT INTO accounts VALUES (4), (5)", &[]).await?;
    let error = transaction.commit().await.unwrap_err();
    assert_eq!(Outcome::of_error(&error), Outcome::Unknown, "{error:?}");
    assert!(error.is_closed() || sqlstate(&error).as_deref() == Some("57P01"), "{error:?}");
    assert_eq!((aborted.hits(), aborted.touched()), (1, 1));
    assert_eq!(observer.query_one(COUNT, &[]).await?.get::<_, i64>(0), 3, "nothing was written");
    observer.execute("INSERT INTO accounts VALUES (4)", &[]).await?;
    aborted.clear().await?;
    assert_eq!(observer.query_one(COUNT, &[]).await?.get::<_, i64>(0), 4);
    let traces = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'chaos%'";
    assert_eq!(observer.query_one(traces, &[]).await?.get::<_, i64>(0), 0);
    Ok(())
}
