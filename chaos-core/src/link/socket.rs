//! One side of a connection: a TCP socket or a unix socket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::upstream::Upstream;

/// One side of a connection.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Socket {
    /// Connects to an upstream.
    pub(super) async fn dial(upstream: &Upstream) -> io::Result<Self> {
        match upstream {
            Upstream::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
            #[cfg(unix)]
            Upstream::Unix(path) => Ok(Self::Unix(UnixStream::connect(path).await?)),
        }
    }

    /// Reads into `buffer`; 0 is the end of the stream.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let read = match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
        };
        read.map_ok(|()| buffer.filled().len())
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    /// Ends the stream to this side (FIN); it may go on sending.
    pub(super) fn finish(&mut self) {
        // Shutting a socket down never waits, and the error of a peer that is gone already is met
        // again where its stream is read.
        let mut cx = Context::from_waker(Waker::noop());
        let _finished = match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(&mut cx),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(&mut cx),
        };
    }

    /// Closes the socket with a reset (RST). A unix socket knows no resets; it is just closed.
    pub(super) fn reset(self) {
        match self {
            Self::Tcp(stream) => {
                // A socket that is no longer connected cannot be reset, and need not be.
                let _not_connected = stream.set_zero_linger();
            }
            #[cfg(unix)]
            Self::Unix(stream) => drop(stream),
        }
    }
}
