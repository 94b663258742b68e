//! One side of a connection: a TCP socket, TLS on top of one, a unix socket, or a pipe to a client of
//! this process.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
#[cfg(target_os = "linux")]
use std::time::Duration;

#[cfg(target_os = "linux")]
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::runtime::Handle;

use super::stream::pipe::End;
#[cfg(feature = "tls")]
use super::tls::Secured;
use super::upstream::Upstream;
#[cfg(target_os = "linux")]
use crate::packets::deaf;
use crate::packets::deaf::Deafness;

/// How long after deafness a socket looks whether its peer is still there.
#[cfg(target_os = "linux")]
const AFTER_DEAFNESS: Duration = Duration::from_secs(1);

/// One side of a connection.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    Pipe(End),
    #[cfg(feature = "tls")]
    Secured(Secured),
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
            Upstream::Host(name) => {
                let stream = TcpStream::connect(name).await?;
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
        self.poll_fill(cx, &mut buffer).map_ok(|()| buffer.filled().len())
    }

    /// Reads into what is left of `buffer`; nothing read where there was room is the end of the
    /// stream.
    pub(super) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Pipe(end) => end.poll_read(cx, buffer),
            #[cfg(feature = "tls")]
            Self::Secured(secured) => secured.poll_fill(cx, buffer),
        }
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
            Self::Pipe(end) => end.poll_write(cx, bytes),
            #[cfg(feature = "tls")]
            Self::Secured(secured) => secured.poll_write(cx, bytes),
        }
    }

    /// Sends what was written and is still to be sent, the end of the stream included; ready when
    /// nothing of it is left. Errors are met again where the stream is read.
    #[cfg_attr(not(feature = "tls"), allow(unused_variables, reason = "the others keep nothing"))]
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        #[cfg(feature = "tls")]
        if let Self::Secured(secured) = self {
            return secured.poll_flush(cx);
        }
        Poll::Ready(())
    }

    /// What is below TLS, if there is any: an end of this stream comes without a goodbye.
    pub(super) fn bare(self) -> Self {
        #[cfg(feature = "tls")]
        if let Self::Secured(secured) = self {
            return Self::Tcp(secured.into_bare());
        }
        self
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
            Self::Pipe(end) => {
                end.finish();
                Poll::Ready(Ok(()))
            }
            #[cfg(feature = "tls")]
            Self::Secured(secured) => {
                secured.finish();
                Poll::Ready(Ok(()))
            }
        };
    }

    /// Moves it from the runtime that it was opened in to another one.
    pub(super) fn move_to(self, runtime: &Handle) -> io::Result<Self> {
        let _entered = runtime.enter();
        Ok(match self {
            Self::Tcp(stream) => Self::Tcp(TcpStream::from_std(stream.into_std()?)?),
            #[cfg(unix)]
            Self::Unix(stream) => Self::Unix(UnixStream::from_std(stream.into_std()?)?),
            Self::Pipe(end) => Self::Pipe(end),
            #[cfg(feature = "tls")]
            Self::Secured(_) => unreachable!("a client speaks TLS to the thread of the links only"),
        })
    }

    /// The TCP socket, if there is one at the bottom.
    #[cfg(target_os = "linux")]
    fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            #[cfg(feature = "tls")]
            Self::Secured(secured) => Some(secured.tcp()),
            _ => None,
        }
    }

    /// Has a TCP socket hear no more of its peer. Others have none that would notice.
    pub(super) fn deafen(&self) -> io::Result<Option<Deafness>> {
        #[cfg(target_os = "linux")]
        if let Some(stream) = self.tcp() {
            let deafness = deaf::deafen(stream, stream.peer_addr()?)?;
            // Closed by the end of the process it would go on calling its peer, which cannot hear it.
            stream.set_zero_linger()?;
            return Ok(Some(deafness));
        }
        Ok(None)
    }

    /// Has a socket that was made deaf hear again.
    pub(super) fn hear(&self, deafness: Deafness) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        if let Some(stream) = self.tcp() {
            deaf::hear(stream, deafness)?;
            let socket = SockRef::from(stream);
            socket.set_linger(None)?;
            // Nobody would tell it of a peer that gave up meanwhile.
            let probes =
                TcpKeepalive::new().with_time(AFTER_DEAFNESS).with_interval(AFTER_DEAFNESS);
            socket.set_tcp_keepalive(&probes)?;
        }
        #[cfg(not(target_os = "linux"))]
        let _none = deafness;
        Ok(())
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
            Self::Pipe(end) => end.reset(),
            #[cfg(feature = "tls")]
            Self::Secured(secured) => Self::Tcp(secured.into_bare()).reset(),
        }
    }
}
