//! Thousands of connections that come and go while faults do.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use chaos_core::journal::Journal;
use chaos_core::link::Upstream;
use chaos_core::prelude::*;
use chaos_core::scope::Scope;
use chaos_core::seed::{Draws, Seed};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::{Held, alone};

const CONNECTIONS: u64 = 10_000;
const CLIENTS: u64 = 32;

/// How long a client waits before it gives up what a fault holds.
const SOON: Duration = Duration::from_millis(15);

#[test]
fn ten_thousand_connections_under_random_faults_leave_nothing_behind() {
    let _alone = alone();
    // The thread that serves links stays, and its descriptors.
    drop(opened("warm-up", ([127, 0, 0, 1], 1).into()));
    let before = Held::now();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    let server = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let (link, scope) = opened("churn", server.local_addr().unwrap());
    runtime.spawn(echo(server));

    let stop = Arc::new(AtomicBool::new(false));
    let meddling = thread::spawn({
        let (link, stop) = (link.clone(), Arc::clone(&stop));
        move || meddle(&link, &stop)
    });
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| runtime.spawn(come_and_go(link.clone(), Seed(11).numbered(client).draws())))
        .collect();
    for client in clients {
        runtime.block_on(client).unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let rounds = meddling.join().unwrap();
    let acted = scope.faults().iter().filter(|fault| fault.hits() > 0).count();
    assert!(rounds > 20 && acted > 20, "{acted} faults of {rounds} rounds acted");
    assert!(link.connections().total > CONNECTIONS / 2, "{:?}", link.connections());
    assert!(scope.faults().iter().all(|fault| !fault.is_active()));

    // None of them is left, though the link is.
    let address = link.address();
    let begun = std::time::Instant::now();
    while link.connections().open > 0 {
        assert!(begun.elapsed() < crate::PATIENCE, "{:?}", link.connections());
        thread::sleep(Duration::from_millis(5));
    }
    drop(link);
    drop(runtime);
    before.is_held_again();
    drop(TcpListener::bind(address).unwrap());
}

fn opened(name: &str, upstream: std::net::SocketAddr) -> (Link, Scope) {
    let scope = Scope::new(Seed(11), Journal::in_memory());
    (Link::tcp(&scope, name, Upstream::Tcp(upstream)).unwrap(), scope)
}

async fn echo(server: tokio::net::TcpListener) {
    while let Ok((mut stream, _)) = server.accept().await {
        tokio::spawn(async move {
            let mut buffer = vec![0; 16 << 10];
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                if stream.write_all(&buffer[..count]).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// Injects faults and clears them, up to three at a time, until it is told to stop.
fn meddle(link: &Link, stop: &AtomicBool) -> u32 {
    let mut draws = Seed(12).draws();
    let mut rounds = 0;
    while !stop.load(Ordering::Relaxed) {
        let count = 1 + draws.below(3);
        let faults: Vec<_> = (0..count).map(|_| link.inject(any_fault(&mut draws))).collect();
        thread::sleep(Duration::from_millis(draws.below(8)));
        drop(faults);
        thread::sleep(Duration::from_millis(draws.below(4)));
        rounds += 1;
    }
    rounds
}

fn any_fault(draws: &mut Draws) -> Fault {
    let faults: [fn() -> Fault; 18] = [
        || latency(1.ms()..=20.ms()).into(),
        || latency(1.secs()).on(20.percent()).into(),
        || bandwidth(100.kib_per_sec()).into(),
        || slice(7, 100.us()).into(),
        || stall().downstream().into(),
        || slow_close(10.ms()).into(),
        || limit(2_000).into(),
        || limit(20_000).per_link().into(),
        || cut().on(30.percent()).into(),
        || cut().after_bytes(50_000).per_link().into(),
        || reset().on(30.percent()).into(),
        || reset().when_seen(&[7, 7, 7]).into(),
        || refuse().into(),
        || hang().into(),
        || black_hole().upstream().into(),
        || partition().into(),
        || duplicate(20.percent()).into(),
        || loss(20.percent()).into(),
    ];
    let mut fault = faults[usize::try_from(draws.below(faults.len() as u64)).unwrap()]();
    fault.may_be_idle = true;
    fault
}

/// Connects, says something, and goes away in one of many ways, over and over.
async fn come_and_go(link: Link, mut draws: Draws) {
    for _ in 0..CONNECTIONS / CLIENTS {
        let way = draws.next_u64();
        if draws.below(2) == 0 {
            let Ok(Ok(stream)) = timeout(SOON, TcpStream::connect(link.address())).await else {
                continue;
            };
            converse(stream, way).await;
        } else {
            let Ok(Ok(stream)) = timeout(SOON, link.connect()).await else { continue };
            converse(stream, way).await;
        }
    }
}

/// What a fault breaks here is no failure.
async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, way: u64) {
    let message = vec![7; 1 + (way >> 8) as usize % 8_000];
    if way % 5 == 0 {
        return;
    }
    let _broken = timeout(SOON, stream.write_all(&message)).await;
    if way % 7 == 0 {
        // Gone while the answer is on its way.
        return;
    }
    let mut reply = vec![0; message.len()];
    let _broken = timeout(SOON, stream.read_exact(&mut reply)).await;
    if way % 3 == 0 {
        let _broken = timeout(SOON, stream.shutdown()).await;
        let _broken = timeout(SOON, stream.read(&mut reply)).await;
    }
}
