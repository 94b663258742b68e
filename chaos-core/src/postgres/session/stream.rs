//! A stream whose bytes are read on the way.
//!
//! While somebody watches commits, a `COMMIT` is held back until the server has said which
//! transaction it ends.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Session;
use crate::link::LinkStream;
use crate::postgres::commits::Asking;

/// A stream of a session. It changes nothing.
#[derive(Debug)]
pub(in crate::postgres) struct FollowedStream {
    stream: LinkStream,
    session: Option<Arc<Session>>,
    /// The question that the `COMMIT` waits for which is to be written next.
    asking: Option<Asking>,
    /// Whether it was answered.
    is_answered: bool,
}

impl FollowedStream {
    pub(in crate::postgres) fn new(stream: LinkStream, session: Option<Arc<Session>>) -> Self {
        Self { stream, session, asking: None, is_answered: false }
    }

    /// How many of these bytes can be written now.
    fn poll_allowed(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<usize> {
        let Some(session) = &self.session else { return Poll::Ready(bytes.len()) };
        if self.is_answered {
            return Poll::Ready(bytes.len());
        }
        if self.asking.is_none() {
            match session.commit_in(bytes) {
                None => return Poll::Ready(bytes.len()),
                Some(0) => self.asking = session.ask(),
                Some(before) => return Poll::Ready(before),
            }
        }
        if let Some(asking) = &mut self.asking {
            let id = ready!(Pin::new(asking).poll(cx));
            session.know(id.ok().flatten());
            self.asking = None;
            self.is_answered = true;
        }
        Poll::Ready(bytes.len())
    }
}

impl Drop for FollowedStream {
    fn drop(&mut self) {
        if let Some(session) = &self.session {
            session.ended();
        }
    }
}

impl AsyncRead for FollowedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if let Some(session) = &self.session {
            session.read(&buffer.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for FollowedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let allowed = ready!(self.poll_allowed(cx, bytes));
        let bytes = &bytes[..allowed];
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.is_answered &= written == 0;
        if let Some(session) = &self.session {
            session.written(&bytes[..written]);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
