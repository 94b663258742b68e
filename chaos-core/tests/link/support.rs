//! Servers of plain blocking sockets, which cannot share a runtime with the links, and links with a
//! way to open connections.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use chaos_core::event::{ConnectionEnd, EventKind};
use chaos_core::journal::Journal;
use chaos_core::link::Upstream;
use chaos_core::prelude::*;
use chaos_core::scope::Scope;
use chaos_core::seed::Seed;

use crate::client::{Client, Driver};

/// Longer than anything here takes; it only turns a hang into a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Runs `handle` on a thread of its own for every connection that comes in.
pub(crate) fn serve(handle: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let handle = Arc::new(handle);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = patient(stream.unwrap());
            let handle = Arc::clone(&handle);
            thread::spawn(move || handle(stream));
        }
    });
    address
}

/// Sends back what it reads, chunk by chunk, until the client sends no more.
pub(crate) fn echo() -> SocketAddr {
    serve(|mut stream| {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            if stream.write_all(&buffer[..count]).is_err() {
                return;
            }
        }
    })
}

/// Has a stream give up after [`PATIENCE`], and send at once.
pub(crate) fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A link with a scope of its own, and the way in which clients come to it.
pub(crate) struct Bench {
    pub(crate) scope: Scope,
    pub(crate) link: Link,
    pub(crate) driver: Driver,
}

impl Bench {
    pub(crate) fn new(driver: Driver, upstream: SocketAddr) -> Self {
        Self::seeded(driver, 7, Upstream::Tcp(upstream))
    }

    pub(crate) fn seeded(driver: Driver, seed: u64, upstream: Upstream) -> Self {
        let scope = Scope::new(Seed(seed), Journal::in_memory());
        let link = Link::tcp(&scope, "service", upstream).unwrap();
        Self { scope, link, driver }
    }

    pub(crate) fn connect(&self) -> Client {
        self.try_connect().unwrap()
    }

    pub(crate) fn try_connect(&self) -> io::Result<Client> {
        self.driver.connect(&self.link)
    }

    pub(crate) fn events(&self) -> Vec<EventKind> {
        self.scope.journal().events().into_iter().map(|event| event.what).collect()
    }

    /// Waits until a connection has ended, and says how.
    pub(crate) fn end_of(&self, ordinal: u64) -> Closed {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            for event in self.events() {
                match event {
                    EventKind::ConnectionClosed {
                        connection,
                        how,
                        fault,
                        upstream_bytes,
                        downstream_bytes,
                        ..
                    } if connection == ordinal => {
                        let fault = fault.map(|id| id.0);
                        return Closed { how, fault, upstream_bytes, downstream_bytes };
                    }
                    _ => {}
                }
            }
            thread::sleep(Duration::from_millis(1));
        }
        panic!("connection {ordinal} did not end: {:#?}", self.events());
    }

    /// Waits until so many connections were accepted.
    pub(crate) fn accepted(&self, total: u64) {
        let begun = Instant::now();
        while self.link.connections().total < total {
            assert!(begun.elapsed() < PATIENCE, "{:?}", self.link.connections());
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// How a connection ended, as the journal has it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) how: ConnectionEnd,
    pub(crate) fault: Option<u64>,
    pub(crate) upstream_bytes: u64,
    pub(crate) downstream_bytes: u64,
}

/// Writes a message and reads as much back; says how long that took.
pub(crate) fn round_trip(stream: &mut Client, message: &[u8]) -> Duration {
    let begun = Instant::now();
    stream.write_all(message).unwrap();
    let mut reply = vec![0; message.len()];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(reply, message);
    begun.elapsed()
}

/// How a stream ended for its reader.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With FIN.
    Finished,
    /// With RST.
    Reset,
}

/// Reads until the stream ends.
pub(crate) fn read_all(stream: &mut impl Read) -> (Vec<u8>, End) {
    let mut bytes = Vec::new();
    let end = match stream.read_to_end(&mut bytes) {
        Ok(_) => End::Finished,
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => End::Reset,
        Err(error) => panic!("neither an end nor a reset: {error}"),
    };
    (bytes, end)
}

/// Bytes that tell where in the stream they belong.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length as u64 / 8 + 1)
        .flat_map(|index| index.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
        .take(length)
        .collect()
}

/// Sends no more, but goes on reading.
pub(crate) fn finish(stream: &TcpStream) {
    stream.shutdown(Shutdown::Write).unwrap();
}
