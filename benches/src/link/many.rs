//! What a thousand connections cost, and how long it takes to cut them all.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use chaos_core::prelude::*;

use super::{connect, link_to, median};

const CONNECTIONS: usize = 1_000;
const ROUNDS: usize = 5;

/// Measures and prints.
pub fn run() {
    if let Err(error) = allow_many_descriptors() {
        println!("a thousand connections: not measured: {error}\n");
        return;
    }
    let server = hold_and_echo();
    let link = link_to(server);
    println!("a thousand connections");
    // Client and server are in this process as well, and what both need for a connection is known
    // from direct ones. Those stay open, so that none of their memory is used again.
    let empty = resident();
    let direct = opened(server);
    let with_direct = resident();
    let mut clients = opened(link.address());
    match (empty, with_direct, resident()) {
        (Some(empty), Some(with_direct), Some(with_both)) => {
            let through = with_both - with_direct - (with_direct - empty);
            let each = through / CONNECTIONS as f64 / 1024.0;
            println!("  memory of an idle one      {each:8.1} KiB  (to stay below 64)");
        }
        _ => println!("  memory                     not known on this system"),
    }
    drop(direct);
    let mut times = [vec![], vec![]];
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let cutting = link.inject(cut());
        times[0].push(begun.elapsed().as_secs_f64() * 1e3);
        for client in &mut clients {
            assert!(matches!(client.read(&mut [0; 1]), Ok(0)), "a client was not cut");
        }
        times[1].push(begun.elapsed().as_secs_f64() * 1e3);
        cutting.clear();
        clients = opened(link.address());
    }
    println!("  to order the cut of all    {:8.1} ms", median(&mut times[0]));
    println!("  until all clients saw it   {:8.1} ms\n", median(&mut times[1]));
}

/// Connections that have carried something each way, and are idle since.
fn opened(address: SocketAddr) -> Vec<TcpStream> {
    let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| connect(address)).collect();
    let mut message = vec![7; 32 << 10];
    for client in &mut clients {
        client.write_all(&message).expect("an open connection");
        client.read_exact(&mut message).expect("an open connection");
    }
    clients
}

/// A server of one task for each connection, as threads would be counted as memory.
fn hold_and_echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
    let address = listener.local_addr().expect("a bound socket");
    listener.set_nonblocking(true).expect("an open socket");
    thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut reader, mut writer) = stream.split();
                    tokio::io::copy(&mut reader, &mut writer).await
                });
            }
        });
    });
    address
}

/// The memory of this process that is in use, in bytes.
fn resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kibibytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024.0)
}

/// Lets this process open as many descriptors as it may: a connection takes two, and four through
/// the link.
fn allow_many_descriptors() -> Result<(), String> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        let limit = getrlimit(Resource::Nofile);
        if limit.maximum.is_some_and(|most| most < 8_000) {
            return Err("a process may open less than 8000 files here".to_owned());
        }
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}
