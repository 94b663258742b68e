//! A thousand clients on a pool of four connections, which break in the midst of it.

use chaos_core::prelude::*;

pub(crate) async fn a_thousand_clients_share_four_connections(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let pool = pg.pool(4)?;
    pool.get().await?.batch_execute("CREATE TABLE element (id bigint PRIMARY KEY)").await?;
    let add = async |element: i64| {
        let client = pool.get().await?;
        client.execute("INSERT INTO element VALUES ($1)", &[&element]).await?;
        TestResult::Ok(())
    };
    let read = async || {
        let rows = pool.get().await?.query("SELECT id FROM element", &[]).await?;
        TestResult::Ok(rows.iter().map(|row| row.get(0)).collect())
    };
    let plan = Schedule::new().hold(100.ms(), &pg, latency(1.ms())).hold(
        100.ms(),
        &pg,
        cut().on(query("INSERT").every_nth(5)),
    );
    let load = Load::clients(1_000).operations(3).jitter(0.ms()..=100.ms());
    let worked = cx.work(plan, load, workload::set(add, read)).await?;
    worked.judge()?;

    let run = worked.run();
    assert_eq!(run.operations().len(), 3_000);
    let lost = run.count(Outcome::Unknown) + run.count(Outcome::Failed);
    assert!(lost > 0 && lost < 1_500, "{lost}");
    Ok(())
}
