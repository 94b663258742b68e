//! The two ways in which a client comes to a link, behind one blocking face.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use chaos_core::link::LinkStream;
use chaos_core::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::runtime::Runtime;

use crate::support::{PATIENCE, patient};

/// How clients come to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Driver {
    /// They connect to its port.
    Tcp,
    /// They open a stream, on a runtime of their own.
    Stream,
}

/// Makes two tests of each function: one for each driver.
macro_rules! on_both_drivers {
    ($($(#[$attribute:meta])* $name:ident),* $(,)?) => {
        mod tcp {
            $($(#[$attribute])* #[test] fn $name() { super::$name(crate::client::Driver::Tcp); })*
        }
        mod stream {
            $($(#[$attribute])* #[test] fn $name() { super::$name(crate::client::Driver::Stream); })*
        }
    };
}
pub(crate) use on_both_drivers;

/// A connection to a link. Clones are the same connection.
#[derive(Debug)]
pub(crate) enum Client {
    Tcp(TcpStream),
    Stream(Halves),
}

/// A stream, read and written by different threads.
#[derive(Debug, Clone)]
pub(crate) struct Halves {
    reader: Arc<Mutex<ReadHalf<LinkStream>>>,
    writer: Arc<Mutex<WriteHalf<LinkStream>>>,
    patience: Duration,
}

impl Driver {
    pub(crate) fn connect(self, link: &Link) -> io::Result<Client> {
        Ok(match self {
            Self::Tcp => Client::Tcp(patient(TcpStream::connect(link.address())?)),
            Self::Stream => Client::of(wait(link.connect())?),
        })
    }

    /// Connects, or gives up after a while.
    pub(crate) fn connect_within(self, link: &Link, patience: Duration) -> io::Result<Client> {
        Ok(match self {
            Self::Tcp => {
                Client::Tcp(patient(TcpStream::connect_timeout(&link.address(), patience)?))
            }
            Self::Stream => Client::of(within(patience, link.connect())?),
        })
    }
}

impl Client {
    fn of(stream: LinkStream) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let (reader, writer) = (Arc::new(reader.into()), Arc::new(writer.into()));
        Self::Stream(Halves { reader, writer, patience: PATIENCE })
    }

    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(stream) => Self::Tcp(stream.try_clone()?),
            Self::Stream(halves) => Self::Stream(halves.clone()),
        })
    }

    /// How long a read waits.
    pub(crate) fn set_read_timeout(&mut self, patience: Duration) {
        match self {
            Self::Tcp(stream) => stream.set_read_timeout(Some(patience)).unwrap(),
            Self::Stream(halves) => halves.patience = patience,
        }
    }

    /// Sends no more, but goes on reading.
    pub(crate) fn finish(&self) {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write).unwrap(),
            Self::Stream(halves) => wait(halves.writer.lock().unwrap().shutdown()).unwrap(),
        }
    }

    /// Writes what can be written at once; nothing if the connection takes nothing now.
    pub(crate) fn write_at_once(&mut self, bytes: &[u8]) -> usize {
        match self {
            Self::Tcp(stream) => {
                stream.set_nonblocking(true).unwrap();
                let written = stream.write(bytes);
                stream.set_nonblocking(false).unwrap();
                written.unwrap_or(0)
            }
            Self::Stream(halves) => {
                let mut writer = halves.writer.lock().unwrap();
                let mut cx = Context::from_waker(Waker::noop());
                match Pin::new(&mut *writer).poll_write(&mut cx, bytes) {
                    Poll::Ready(written) => written.unwrap_or(0),
                    Poll::Pending => 0,
                }
            }
        }
    }

    /// Closes the connection with a reset. A stream is reset, as any socket, when it is dropped
    /// while bytes that came in are unread, and in no other way: there have to be some.
    pub(crate) fn reset(self) {
        match self {
            Self::Tcp(stream) => reset(stream),
            Self::Stream(halves) => drop(halves),
        }
    }
}

impl Read for Client {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Stream(halves) => {
                let mut reader = halves.reader.lock().unwrap();
                within(halves.patience, reader.read(buffer))
            }
        }
    }
}

impl Write for Client {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Stream(halves) => {
                let mut writer = halves.writer.lock().unwrap();
                within(PATIENCE, writer.write(bytes))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Has a TCP stream send a reset instead of an end when it is closed, and closes it.
pub(crate) fn reset(stream: TcpStream) {
    stream.set_nonblocking(true).unwrap();
    let _entered = runtime().enter();
    tokio::net::TcpStream::from_std(stream).unwrap().set_zero_linger().unwrap();
}

/// The runtime of the clients that use streams.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    })
}

fn within<T>(patience: Duration, future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let outcome = wait(async { tokio::time::timeout(patience, future).await });
    outcome.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future on this thread, which may be one of another runtime.
fn wait<F: Future>(future: F) -> F::Output {
    let _entered = runtime().enter();
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
