//! Services of plain blocking sockets, and links to them.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use chaos_core::journal::Journal;
use chaos_core::link::Upstream;
use chaos_core::prelude::*;
use chaos_core::scope::Scope;
use chaos_core::seed::Seed;

use crate::client::{Client, Driver};

/// Longer than anything here takes; it only turns a hang into a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A service that sends back what it reads, and what it read from all of its connections, piece by
/// piece, as it came; an end (FIN) is an empty piece.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    /// Each with the number of its connection, counted from 0 as they are accepted.
    pub(crate) got: Receiver<(usize, Result<Vec<u8>, io::ErrorKind>)>,
}

pub(crate) fn echo() -> Service {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // The standard library lets 128 wait, and those beyond try again after a second.
    #[cfg(unix)]
    rustix::net::listen(&listener, 1024).unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, got) = channel();
    thread::spawn(move || {
        for (connection, stream) in listener.incoming().enumerate() {
            let mut stream = patient(stream.unwrap());
            let tell = tell.clone();
            thread::spawn(move || {
                let mut buffer = vec![0; 1 << 16];
                loop {
                    let read = stream.read(&mut buffer);
                    let piece = read.map(|count| buffer[..count].to_vec());
                    let is_over = !matches!(&piece, Ok(piece) if !piece.is_empty());
                    if let Ok(piece) = &piece {
                        let _gone = stream.write_all(piece);
                    }
                    let piece = piece.map_err(|error| error.kind());
                    let _test_is_over = tell.send((connection, piece));
                    if is_over {
                        return;
                    }
                }
            });
        }
    });
    Service { address, got }
}

/// Has a stream give up after [`PATIENCE`], and send at once.
pub(crate) fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A link in front of a service.
pub(crate) struct Bench {
    pub(crate) scope: Scope,
    pub(crate) link: Link,
    pub(crate) service: Service,
    pub(crate) driver: Driver,
}

impl Bench {
    pub(crate) fn new(driver: Driver) -> Self {
        Self::seeded(driver, 7)
    }

    pub(crate) fn seeded(driver: Driver, seed: u64) -> Self {
        Self::named(driver, "service", &Scope::new(Seed(seed), Journal::in_memory()))
    }

    pub(crate) fn named(driver: Driver, name: &str, scope: &Scope) -> Self {
        let service = echo();
        let link = Link::tcp(scope, name, Upstream::Tcp(service.address)).unwrap();
        Self { scope: scope.clone(), link, service, driver }
    }

    pub(crate) fn connect(&self) -> Client {
        self.try_connect().unwrap()
    }

    pub(crate) fn try_connect(&self) -> io::Result<Client> {
        self.driver.connect(&self.link)
    }

    /// Connects, or gives up after a short while.
    pub(crate) fn connect_soon(&self) -> io::Result<Client> {
        self.driver.connect_within(&self.link, 200.ms())
    }

    /// What the service read next, on whatever connection.
    pub(crate) fn got(&self) -> Result<Vec<u8>, io::ErrorKind> {
        self.service.got.recv_timeout(PATIENCE).unwrap().1
    }

    /// Whether the service reads nothing for a while.
    pub(crate) fn got_nothing(&self) -> bool {
        self.service.got.recv_timeout(200.ms()).is_err()
    }
}

/// Waits until this holds.
pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what} did not come about");
        thread::sleep(1.ms());
    }
}

/// Writes a message and reads as much back; says what came, and how long that took.
pub(crate) fn exchange(stream: &mut Client, message: &[u8]) -> (Vec<u8>, Duration) {
    let begun = Instant::now();
    stream.write_all(message).unwrap();
    let mut reply = vec![0; message.len()];
    stream.read_exact(&mut reply).unwrap();
    (reply, begun.elapsed())
}

/// As [`exchange`], where the message comes back as it was.
pub(crate) fn round_trip(stream: &mut Client, message: &[u8]) -> Duration {
    let (reply, took) = exchange(stream, message);
    assert_eq!(reply, message);
    took
}

/// Reads until the stream ends: with `Ok` after FIN, with an error after RST.
pub(crate) fn read_all(stream: &mut Client) -> (Vec<u8>, Result<(), io::ErrorKind>) {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).map(drop).map_err(|error| error.kind());
    (bytes, end)
}
