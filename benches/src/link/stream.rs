//! What a stream through a link costs its client, beside the socket that it stands for.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use chaos_core::link::Upstream;
use chaos_core::prelude::*;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Runtime;

use super::round_trip::echo;
use super::{link_to, link_to_upstream, median, micros, quantile, serve};

const ROUNDS: usize = 15;
const ROUND_TRIPS: usize = 2_000;
const WARM_UP: usize = 200;
const MESSAGE: [u8; 64] = [7; 64];

/// The delays that are asked for, and how often in each round.
const ASKED: [(Duration, usize); 3] = [
    (Duration::from_micros(200), 300),
    (Duration::from_millis(1), 200),
    (Duration::from_millis(5), 60),
];

trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// Measures and prints.
pub fn run() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let tcp = serve(echo);
    let (_directory, unix) = serve_on_unix_socket();
    let tcp_link = link_to(tcp);
    let unix_link = link_to_upstream(Upstream::Unix(unix.clone()));
    let mut streams: [(&str, Box<dyn Stream>); 4] = runtime.block_on(async {
        let direct = TcpStream::connect(tcp).await.expect("the server listens");
        direct.set_nodelay(true).expect("an open socket");
        let direct_unix = UnixStream::connect(unix).await.expect("the server listens");
        [
            ("TCP, direct", Box::new(direct) as Box<dyn Stream>),
            ("TCP, stream", Box::new(tcp_link.connect().await.expect("the server listens"))),
            ("unix socket, direct", Box::new(direct_unix)),
            ("unix socket, stream", Box::new(unix_link.connect().await.expect("it listens"))),
        ]
    });
    let mut p50s = [const { Vec::new() }; 4];
    let mut p99s = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        for (way, (_, stream)) in streams.iter_mut().enumerate() {
            let mut times = round_trips(&runtime, stream);
            p50s[way].push(micros(quantile(&mut times, 0.5)));
            p99s[way].push(micros(quantile(&mut times, 0.99)));
        }
    }
    println!("round trip of 64 B, in tokio  p50 µs    p99 µs    p50 / direct");
    for (way, (name, _)) in streams.iter().enumerate() {
        // Of each round its own ratio: the speed of a busy machine changes from round to round.
        let mut ratios: Vec<_> =
            p50s[way].iter().zip(&p50s[way & !1]).map(|(p50, direct)| p50 / direct).collect();
        let ratio = median(&mut ratios);
        let (p50, p99) = (median(&mut p50s[way].clone()), median(&mut p99s[way].clone()));
        println!("  {name:26} {p50:8.1}  {p99:8.1}    {ratio:8.3}");
    }
    println!("  (the streams are to stay below 1.05)\n");
    delays(&runtime, tcp);
}

/// How much later than asked a delayed message arrives over a stream, and over the port.
fn delays(runtime: &Runtime, server: SocketAddr) {
    let link = link_to(server);
    let mut streams: [(&str, Box<dyn Stream>); 2] = runtime.block_on(async {
        let port = TcpStream::connect(link.address()).await.expect("the link listens");
        port.set_nodelay(true).expect("an open socket");
        let stream = link.connect().await.expect("the server listens");
        [("port", Box::new(port) as Box<dyn Stream>), ("stream", Box::new(stream))]
    });
    println!("latency upstream, in tokio      later than asked");
    println!("                              p50 µs    p99 µs");
    for (asked, count) in ASKED {
        let mut late = [const { Vec::new() }; 2];
        for _ in 0..4 {
            for (way, (_, stream)) in streams.iter_mut().enumerate() {
                let slow = link.inject(latency(asked).upstream());
                for _ in 0..count {
                    late[way].push(runtime.block_on(round_trip(stream)).saturating_sub(asked));
                }
                slow.clear();
            }
        }
        for (way, (name, _)) in streams.iter().enumerate() {
            let (p50, p99) = (quantile(&mut late[way], 0.5), quantile(&mut late[way], 0.99));
            let what = format!("{asked:?}, {name}");
            println!("  {what:26} {:8.1}  {:8.1}", micros(p50), micros(p99));
        }
    }
    println!();
}

fn round_trips(runtime: &Runtime, stream: &mut (impl Stream + ?Sized)) -> Vec<Duration> {
    runtime.block_on(async {
        let mut times = Vec::with_capacity(ROUND_TRIPS);
        for trip in 0..WARM_UP + ROUND_TRIPS {
            let took = round_trip(stream).await;
            if trip >= WARM_UP {
                times.push(took);
            }
        }
        times
    })
}

async fn round_trip(stream: &mut (impl Stream + ?Sized)) -> Duration {
    let begun = Instant::now();
    stream.write_all(&MESSAGE).await.expect("an open connection");
    stream.read_exact(&mut [0; MESSAGE.len()]).await.expect("a reply");
    begun.elapsed()
}

/// An echo server on a unix socket, in a directory that goes with the first value.
fn serve_on_unix_socket() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("echo");
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("a new socket");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || echo(stream));
        }
    });
    (directory, path)
}
