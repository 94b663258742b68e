//! Tests that tell what they do before they fail, each in another way.

use chaos_harness::prelude::*;
use tracing::{info, info_span, warn};

/// What every one of them does first: traces, a fault, and a statement that the server refuses.
async fn tell(cx: &Chaos, pg: &Postgres) -> TestResult {
    let _transfer = info_span!("transfer", from = 1).entered();
    let client = pg.admin();
    drop(_transfer);
    let client = client.await?;
    client.batch_execute("SELECT refused_by_the_server()").await.unwrap_err();
    let slow = pg.inject(latency(1.ms()).may_be_idle());
    warn!(attempt = 2, "about to fail");
    slow.clear();
    cx.note("told all");
    Ok(())
}

#[chaos_test]
async fn tells_and_returns_an_error(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    tell(&cx, &pg).await?;
    Err("the account is gone".into())
}

#[chaos_test]
async fn tells_and_passes(cx: Chaos) -> TestResult {
    let pg = cx.postgres_server().await?;
    tell(&cx, &pg).await
}

#[chaos_test]
async fn tells_and_panics(cx: Chaos) {
    // So it is by default from version 15 on.
    let options = ServerOptions::new().setting("log_checkpoints", "on");
    let pg = cx.postgres_server_with(options).await.unwrap();
    tell(&cx, &pg).await.unwrap();
    pg.admin().await.unwrap().batch_execute("CHECKPOINT").await.unwrap();
    panic!("the pool is empty");
}

#[chaos_test(timeout = "2s")]
async fn tells_and_blocks(cx: Chaos) -> TestResult {
    let pg = cx.postgres_server().await?;
    tell(&cx, &pg).await?;
    let _waiting = info_span!("waiting for ever").entered();
    loop {
        std::thread::park();
    }
}

#[chaos_test]
async fn tells_and_is_killed(cx: Chaos) -> TestResult {
    let pg = cx.postgres_server().await?;
    tell(&cx, &pg).await?;
    info!("the last words");
    let own = rustix::process::getpid();
    rustix::process::kill_process(own, rustix::process::Signal::KILL)?;
    std::future::pending().await
}

#[chaos_test]
async fn sets_a_subscriber_of_its_own() {
    let subscriber = tracing::subscriber::NoSubscriber::new();
    let set = tracing::subscriber::set_global_default(subscriber);
    set.expect("a global default trace dispatcher can be set");
}
