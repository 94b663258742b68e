//! What only a stream can do: be polled, moved and dropped by a task.

use std::future::{Future, poll_fn};
use std::io::{ErrorKind, Read, Write};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use chaos_core::event::{ConnectionEnd, EventKind};
use chaos_core::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::client::{Driver, runtime};
use crate::support::{Bench, End, PATIENCE, echo, pattern, read_all, round_trip, serve};

/// Waits for a future that something else is to complete; it hangs if nobody wakes it.
async fn woken<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("nobody woke the task")
}

/// Starts a task, and returns when it waits for something.
async fn park<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let (waits, is_waiting) = oneshot::channel();
    let mut waits = Some(waits);
    let task = tokio::spawn(async move {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let polled = future.as_mut().poll(cx);
            if polled.is_pending() {
                if let Some(waits) = waits.take() {
                    waits.send(()).unwrap();
                }
            }
            polled
        })
        .await
    });
    woken(is_waiting).await.expect("it did not wait for anything");
    task
}

#[test]
fn a_task_that_is_parked_in_a_read_is_woken_by_a_fault() {
    let bench = Bench::new(Driver::Stream, echo());
    let faults = [(Fault::from(cut()), Ok(0)), (reset().into(), Err(ErrorKind::ConnectionReset))];
    runtime().block_on(async {
        // Before the stream was ever moved away from its socket, and after that.
        for moved in [false, true] {
            for (fault, expected) in &faults {
                let mut stream = bench.link.connect().await.unwrap();
                if moved {
                    bench.link.inject(latency(1.ms()).may_be_idle()).clear();
                }
                stream.write_all(b"ping").await.unwrap();
                woken(stream.read_exact(&mut [0; 4])).await.unwrap();
                let reading = park(async move { stream.read(&mut [0; 1]).await }).await;
                let injected = bench.link.inject(fault.clone());
                let read = woken(reading).await.unwrap();
                assert_eq!(read.map_err(|error| error.kind()), *expected, "moved: {moved}");
                assert_eq!(injected.hits(), 1);
            }
        }
    });
}

#[test]
fn a_task_that_is_parked_in_a_write_is_woken_by_a_fault() {
    // Nobody reads until the test is over.
    let (over, is_over) = mpsc::channel::<()>();
    let is_over = std::sync::Mutex::new(is_over);
    let server = serve(move |stream| {
        let _over = is_over.lock().unwrap().recv();
        drop(stream);
    });
    let bench = Bench::new(Driver::Stream, server);
    runtime().block_on(async {
        let mut stream = bench.link.connect().await.unwrap();
        let chunk = vec![1; 1 << 20];
        while timeout(200.ms(), stream.write_all(&chunk)).await.is_ok() {}
        let writing = park(async move { stream.write_all(&chunk).await }).await;
        let _fault = bench.link.inject(reset());
        let error = woken(writing).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
    drop(over);
}

#[test]
fn nothing_is_lost_or_swapped_when_a_busy_stream_is_moved() {
    let bench = Bench::new(Driver::Stream, echo());
    let message = pattern(300_000);
    for pause in 0..60_u64 {
        let mut client = bench.connect();
        let mut writer = client.try_clone().unwrap();
        let sending = message.clone();
        let writing = thread::spawn(move || {
            for chunk in sending.chunks(7_000) {
                writer.write_all(chunk).unwrap();
            }
            writer.finish();
        });
        // Somewhere in the middle, which differs from round to round.
        thread::sleep(Duration::from_micros(pause * 20));
        let fault = bench.link.inject(slice(5_000, Duration::ZERO).may_be_idle());
        let (reply, end) = read_all(&mut client);
        writing.join().unwrap();
        fault.clear();
        assert!(reply == message, "{} of {} bytes", reply.len(), message.len());
        assert_eq!(end, End::Finished);
        let closed = bench.end_of(pause + 1);
        assert_eq!((closed.upstream_bytes, closed.downstream_bytes), (300_000, 300_000));
    }
}

#[test]
fn a_fault_acts_on_all_that_a_fresh_stream_sends_after_it_was_injected() {
    let bench = Bench::new(Driver::Stream, echo());
    for _ in 0..100 {
        let mut client = bench.connect();
        round_trip(&mut client, b"warm");
        let fault = bench.link.inject(latency(2.ms()).upstream());
        let took = round_trip(&mut client, b"ping");
        assert!(took >= 2.ms(), "{took:?}");
        fault.clear();
    }
}

#[test]
fn a_fault_that_passes_a_stream_over_leaves_it_alone_and_the_next_one_meets_it() {
    let bench = Bench::new(Driver::Stream, echo());
    let mut client = bench.connect();
    for _ in 0..3 {
        bench.link.inject(cut().on(nth(2)).may_be_idle()).clear();
        round_trip(&mut client, b"ping");
    }
    let fault = bench.link.inject(cut());
    assert_eq!(read_all(&mut client), (Vec::new(), End::Finished));
    assert_eq!(fault.hits(), 1);
}

#[test]
fn what_was_written_arrives_although_the_stream_is_dropped() {
    let (heard, hears) = mpsc::channel();
    let server = serve(move |mut stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        heard.send(all).unwrap();
    });
    let bench = Bench::new(Driver::Stream, server);
    let mut client = bench.connect();
    let fault = bench.link.inject(stall());
    client.write_all(b"commit").unwrap();
    drop(client);
    while fault.hits() == 0 {
        thread::sleep(1.ms());
    }
    assert_eq!(bench.link.connections().open, 1, "it ends when what it sent has arrived");
    fault.clear();
    assert_eq!(hears.recv_timeout(PATIENCE).unwrap(), b"commit");
    assert_eq!(bench.end_of(1).how, ConnectionEnd::Closed);
    assert_eq!(bench.link.connections().open, 0);
}

#[test]
#[cfg(target_os = "linux")]
fn opening_that_is_given_up_leaves_no_connection_behind() {
    let (listener, _fillers) = full_listener();
    let bench = Bench::new(Driver::Stream, listener.local_addr().unwrap());
    runtime().block_on(async {
        assert!(timeout(20.ms(), bench.link.connect()).await.is_err(), "the queue was not full");
    });
    assert_eq!(bench.end_of(1).how, ConnectionEnd::Closed);
    assert_eq!(bench.link.connections().open, 0);
}

#[test]
#[cfg(target_os = "linux")]
fn opening_that_hangs_is_ended_by_a_fault() {
    let (listener, _fillers) = full_listener();
    let bench = Bench::new(Driver::Stream, listener.local_addr().unwrap());
    runtime().block_on(async {
        let mut opening = pin!(bench.link.connect());
        assert!(timeout(50.ms(), opening.as_mut()).await.is_err(), "the queue was not full");
        let fault = bench.link.inject(reset());
        // A client that is connected to a port is, too, and then reset.
        let mut stream = woken(opening).await.unwrap();
        let error = woken(stream.read(&mut [0; 1])).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(fault.hits(), 1);
    });
    assert_eq!(bench.end_of(1).how, ConnectionEnd::Reset);
}

/// A listener that completes no more connections, and those that fill its queue.
#[cfg(target_os = "linux")]
fn full_listener() -> (tokio::net::TcpListener, Vec<std::net::TcpStream>) {
    let _entered = runtime().enter();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let connect = || std::net::TcpStream::connect_timeout(&address, 200.ms()).ok();
    let fillers = std::iter::from_fn(connect).collect();
    (listener, fillers)
}

#[test]
fn a_link_that_is_gone_ends_its_streams() {
    let bench = Bench::new(Driver::Stream, echo());
    let (mut used, mut idle) = (bench.connect(), bench.connect());
    round_trip(&mut used, b"ping");
    drop(bench);
    assert_eq!(read_all(&mut used), (Vec::new(), End::Finished));
    assert_eq!(read_all(&mut idle), (Vec::new(), End::Finished));
}

#[test]
fn a_stream_that_was_cut_or_reset_cannot_be_written_for_long() {
    for (fault, kind) in
        [(Fault::from(cut()), ErrorKind::BrokenPipe), (reset().into(), ErrorKind::ConnectionReset)]
    {
        let bench = Bench::new(Driver::Stream, echo());
        let mut client = bench.connect();
        let _fault = bench.link.inject(fault);
        read_all(&mut client);
        // A cut takes what its client still sends for a while, as a closing socket does.
        let begun = Instant::now();
        let error = loop {
            match client.write(b"anybody there?") {
                Ok(_) => assert!(begun.elapsed() < PATIENCE, "it can be written for ever"),
                Err(error) => break error,
            }
            thread::sleep(1.ms());
        };
        assert_eq!(error.kind(), kind);
    }
}

#[test]
fn a_stream_ends_for_the_link_as_soon_as_both_sides_have_finished() {
    let bench = Bench::new(Driver::Stream, echo());
    let mut client = bench.connect();
    round_trip(&mut client, b"ping");
    client.finish();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    // The stream is still held.
    assert_eq!(bench.end_of(1).how, ConnectionEnd::Closed);
    assert_eq!(bench.link.connections().open, 0);
    assert!(client.write(b"more").is_err());
}

#[test]
fn a_stream_can_be_sent_to_another_task() {
    fn is_fit<T: tokio::io::AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static>() {}
    is_fit::<chaos_core::link::LinkStream>();
}

#[test]
fn a_stream_that_was_moved_after_its_client_had_finished_ends_all_the_same() {
    let (asked, is_asked) = mpsc::channel();
    let is_asked = std::sync::Mutex::new(is_asked);
    let bench = Bench::new(
        Driver::Stream,
        serve(move |mut stream| {
            let mut request = Vec::new();
            stream.read_to_end(&mut request).unwrap();
            is_asked.lock().unwrap().recv().unwrap();
            stream.write_all(&request).unwrap();
        }),
    );
    let mut client = bench.connect();
    client.write_all(b"that is all").unwrap();
    client.finish();
    let _slow = bench.link.inject(latency(2.ms()));
    asked.send(()).unwrap();
    assert_eq!(read_all(&mut client), (b"that is all".to_vec(), End::Finished));
    let closed = bench.end_of(1);
    assert_eq!(closed.how, ConnectionEnd::Closed);
    assert_eq!((closed.upstream_bytes, closed.downstream_bytes), (11, 11));
}

#[test]
fn nothing_is_left_of_many_streams_that_come_and_go_while_faults_do() {
    let bench = Bench::new(Driver::Stream, echo());
    let stop = AtomicBool::new(false);
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let slow = bench.link.inject(latency(300.us()).may_be_idle());
                    bench.link.inject(cut().on(10.percent()).may_be_idle()).clear();
                    slow.clear();
                    bench.link.inject(reset().on(10.percent()).may_be_idle()).clear();
                    thread::sleep(200.us());
                }
            });
        }
        let clients = (0..4).map(|_| {
            threads.spawn(|| {
                for round in 0..300_usize {
                    let Ok(mut client) = bench.try_connect() else { continue };
                    for _ in 0..round % 4 {
                        // What comes back is right or nothing, however the connection ends.
                        let mut reply = [0; 8];
                        if client.write_all(b"question").is_err()
                            || client.read_exact(&mut reply).is_err()
                        {
                            break;
                        }
                        assert_eq!(&reply, b"question");
                    }
                }
            })
        });
        for client in clients.collect::<Vec<_>>() {
            client.join().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
    let begun = Instant::now();
    while bench.link.connections().open > 0 {
        assert!(begun.elapsed() < PATIENCE, "{:?}", bench.link.connections());
        thread::sleep(1.ms());
    }
    assert_eq!(bench.link.connections().total, 1_200);
    let mut closed: Vec<_> = bench
        .events()
        .into_iter()
        .filter_map(|event| match event {
            EventKind::ConnectionClosed { connection, .. } => Some(connection),
            _ => None,
        })
        .collect();
    closed.sort_unstable();
    assert_eq!(closed, (1..=1_200).collect::<Vec<_>>(), "each is closed once");
}
