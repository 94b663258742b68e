//! Links that are gone leave nothing behind.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use chaos_core::journal::Journal;
use chaos_core::link::Upstream;
use chaos_core::prelude::*;
use chaos_core::scope::Scope;
use chaos_core::seed::Seed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{Held, alone};

#[test]
fn links_that_are_gone_leave_no_threads_tasks_and_descriptors_behind() {
    let _alone = alone();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    thread::spawn(move || {
        for stream in server.incoming() {
            let mut stream = stream.unwrap();
            let mut message = [0; 4];
            // Some clients are cut before they say anything.
            if stream.read_exact(&mut message).is_ok() {
                stream.write_all(&message).unwrap();
            }
        }
    });
    let use_one = |cutting: bool| {
        let scope = Scope::new(Seed(1), Journal::in_memory());
        let link = Link::tcp(&scope, "short-lived", Upstream::Tcp(address)).unwrap();
        link.inject(refuse()).clear();
        let mut client = TcpStream::connect(link.address()).unwrap();
        client.write_all(b"ping").unwrap();
        client.read_exact(&mut [0; 4]).unwrap();
        let faults =
            [link.inject(latency(1.secs()).may_be_idle()), link.inject(stall().may_be_idle())];
        if cutting {
            link.inject(cut()).clear();
        }
        drop(faults);
        drop(link);
        // The link ends the connection, not the client.
        assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let use_streams = |cutting: bool| {
        let scope = Scope::new(Seed(1), Journal::in_memory());
        let link = Link::tcp(&scope, "short-lived", Upstream::Tcp(address)).unwrap();
        runtime.block_on(async {
            let mut client = link.connect().await.unwrap();
            let mut dropped_in_a_fault = link.connect().await.unwrap();
            let _dropped_before_it = link.connect().await.unwrap();
            client.write_all(b"ping").await.unwrap();
            client.read_exact(&mut [0; 4]).await.unwrap();
            let held = link.inject(stall().may_be_idle());
            dropped_in_a_fault.write_all(b"ping").await.unwrap();
            drop(dropped_in_a_fault);
            if cutting {
                link.inject(cut()).clear();
            }
            drop(held);
            drop(link);
            assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
        });
    };
    use_one(false);
    use_streams(false);
    let before = Held::now();
    for round in 0..200 {
        use_one(round % 2 == 0);
        use_streams(round % 2 == 0);
    }
    before.is_held_again();
}
