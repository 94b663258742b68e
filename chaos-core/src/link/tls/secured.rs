//! The client's side of a connection at a link that speaks TLS.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// What carries the messages of a client, in TLS or, for one that asked for none, plainly.
#[derive(Debug)]
pub(in crate::link) struct Secured {
    carrier: Carrier,
    /// What was read to learn what the client wants, and is read again.
    first: Vec<u8>,
    /// How much of that was read again.
    given: usize,
    /// Whether the stream to the client is to end.
    finishes: bool,
}

#[derive(Debug)]
pub(super) enum Carrier {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Secured {
    pub(super) fn new(carrier: Carrier, first: Vec<u8>) -> Self {
        Self { carrier, first, given: 0, finishes: false }
    }

    /// The beginning of the client's first message.
    pub(in crate::link) fn first(&self) -> &[u8] {
        &self.first
    }

    /// The socket below.
    pub(in crate::link) fn tcp(&self) -> &TcpStream {
        match &self.carrier {
            Carrier::Plain(stream) => stream,
            Carrier::Tls(stream) => stream.get_ref().0,
        }
    }

    pub(in crate::link) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let again = &self.first[self.given..];
        if !again.is_empty() {
            let length = again.len().min(buffer.remaining());
            buffer.put_slice(&again[..length]);
            self.given += length;
            return Poll::Ready(Ok(()));
        }
        match &mut self.carrier {
            Carrier::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Carrier::Tls(stream) => match Pin::new(stream).poll_read(cx, buffer) {
                // Many clients leave without the goodbye of TLS; to PostgreSQL that is an end, too.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    Poll::Ready(Ok(()))
                }
                read => read,
            },
        }
    }

    pub(in crate::link) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.carrier {
            Carrier::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Carrier::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    /// Sends what is encrypted and not sent yet, and the end of the stream, if there is to be one.
    pub(in crate::link) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let finishes = self.finishes;
        let Carrier::Tls(stream) = &mut self.carrier else { return Poll::Ready(()) };
        let stream = Pin::new(stream);
        let flushed = if finishes { stream.poll_shutdown(cx) } else { stream.poll_flush(cx) };
        // The error of a client that is gone is met again where its stream is read.
        flushed.map(|_gone| ())
    }

    /// Ends the stream to the client, with the goodbye of TLS.
    pub(in crate::link) fn finish(&mut self) {
        self.finishes = true;
        let mut cx = Context::from_waker(Waker::noop());
        match &mut self.carrier {
            Carrier::Plain(stream) => {
                // Shutting a socket down never waits.
                let _finished = Pin::new(stream).poll_shutdown(&mut cx);
            }
            // What is not sent at once is sent by the next flush.
            Carrier::Tls(_) => {
                let _more_to_send = self.poll_flush(&mut cx);
            }
        }
    }

    /// The socket below, once all that was written is sent as far as it takes it now.
    pub(in crate::link) fn into_bare(mut self) -> TcpStream {
        self.finishes = false;
        let _more_to_send = self.poll_flush(&mut Context::from_waker(Waker::noop()));
        match self.carrier {
            Carrier::Plain(stream) => stream,
            Carrier::Tls(stream) => stream.into_inner().0,
        }
    }
}
