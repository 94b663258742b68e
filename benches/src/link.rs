//! What a link costs while no fault is active, and how well a delay is kept.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use chaos_core::journal::Journal;
use chaos_core::link::{Link, Upstream};
use chaos_core::scope::Scope;
use chaos_core::seed::Seed;

use self::toxiproxy::Toxiproxy;

pub mod bulk;
pub mod delay;
pub mod many;
pub mod messages;
pub mod packets;
pub mod postgres;
pub mod round_trip;
pub mod stream;
pub mod toxiproxy;

/// The ways from a client to a server that are compared.
struct Ways {
    /// Directly, through a link, through the simplest proxy that can be written with tokio, and
    /// through Toxiproxy where there is one.
    named: Vec<(&'static str, SocketAddr)>,
    _link: Link,
    _toxiproxy: Option<Toxiproxy>,
}

impl Ways {
    fn to(server: SocketAddr) -> Self {
        let link = link_to(server);
        let mut named = vec![
            ("direct", server),
            ("link", link.address()),
            ("tokio copy_bidirectional", plain_proxy(server)),
        ];
        let toxiproxy = Toxiproxy::to(server);
        named.extend(toxiproxy.iter().map(|proxy| ("Toxiproxy", proxy.address())));
        Self { named, _link: link, _toxiproxy: toxiproxy }
    }
}

fn link_to(server: SocketAddr) -> Link {
    link_to_upstream(Upstream::Tcp(server))
}

fn link_to_upstream(upstream: Upstream) -> Link {
    let scope = Scope::new(Seed(1), Journal::in_memory());
    Link::tcp(&scope, "bench", upstream).expect("a free port on loopback")
}

/// Serves every connection on a thread of its own.
fn serve(handle: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
    let address = listener.local_addr().expect("a bound socket");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let handle = handle.clone();
            stream.set_nodelay(true).expect("an open socket");
            thread::spawn(move || handle(stream));
        }
    });
    address
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_nodelay(true).expect("an open socket");
    stream
}

/// A proxy on a thread of its own that does nothing but `copy_bidirectional`.
fn plain_proxy(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
    let address = listener.local_addr().expect("a bound socket");
    listener.set_nonblocking(true).expect("an open socket");
    thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut upstream = tokio::net::TcpStream::connect(server).await?;
                    client.set_nodelay(true)?;
                    upstream.set_nodelay(true)?;
                    tokio::io::copy_bidirectional(&mut client, &mut upstream).await
                });
            }
        });
    });
    address
}

/// The value below which this share of the values lies; sorts them.
fn quantile(values: &mut [Duration], share: f64) -> Duration {
    values.sort_unstable();
    values[((values.len() - 1) as f64 * share).round() as usize]
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
