//! What a stream through a link costs its client, beside the socket that it stands for.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use chaos_core::link::Upstream;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Runtime;

use super::{link_to, link_to_upstream, median, micros, quantile, round_trip, serve};

const ROUNDS: usize = 15;
const ROUND_TRIPS: usize = 2_000;
const WARM_UP: usize = 200;
const MESSAGE: [u8; 64] = [7; 64];

trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// Measures and prints.
pub fn run() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let tcp = serve(round_trip::echo);
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
}

fn round_trips(runtime: &Runtime, stream: &mut (impl Stream + ?Sized)) -> Vec<Duration> {
    runtime.block_on(async {
        let mut times = Vec::with_capacity(ROUND_TRIPS);
        for trip in 0..WARM_UP + ROUND_TRIPS {
            let begun = Instant::now();
            stream.write_all(&MESSAGE).await.expect("an open connection");
            stream.read_exact(&mut [0; MESSAGE.len()]).await.expect("a reply");
            if trip >= WARM_UP {
                times.push(begun.elapsed());
            }
        }
        times
    })
}

/// An echo server on a unix socket, in a directory that goes with the first value.
fn serve_on_unix_socket() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("echo");
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("a new socket");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || round_trip::echo(stream));
        }
    });
    (directory, path)
}
