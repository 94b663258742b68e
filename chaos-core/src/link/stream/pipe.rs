//! A connection in memory whose two ends behave like sockets, resets included.
//!
//! It stands between a client and the task of its connection where a TCP link has a socket.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, BytesMut};
use parking_lot::{Mutex, MutexGuard};
use tokio::io::ReadBuf;
use tokio::task::coop;

use super::park;

/// How much waits for a reader before the writer feels it, as in the buffers of a socket.
const CAPACITY: usize = 256 << 10;

/// One end. Dropping it closes it, as dropping a socket does.
#[derive(Debug)]
pub(in crate::link) struct End {
    pipe: Arc<Mutex<Pipe>>,
    /// Which lane it writes into; it reads from the other one.
    side: usize,
}

#[derive(Debug, Default)]
struct Pipe {
    lanes: [Lane; 2],
    reset: bool,
}

/// The bytes of one direction.
#[derive(Debug, Default)]
struct Lane {
    bytes: BytesMut,
    /// Whether the sender sends no more.
    finished: bool,
    /// Whether the receiver is gone.
    deserted: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// The two ends of a new pipe.
pub(in crate::link) fn pipe() -> (End, End) {
    let pipe = Arc::<Mutex<Pipe>>::default();
    (End { pipe: Arc::clone(&pipe), side: 0 }, End { pipe, side: 1 })
}

impl End {
    /// Reads; nothing read into a buffer with room is the end of the stream. What was sent before a
    /// reset can still be read, as on Linux.
    pub(in crate::link) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Without it, a pipe that is filled as fast as it is emptied would keep a thread to itself.
        let turn = ready!(coop::poll_proceed(cx));
        let mut pipe = self.pipe.lock();
        let reset = pipe.reset;
        let lane = &mut pipe.lanes[1 - self.side];
        if lane.bytes.is_empty() {
            if reset {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            if !lane.finished {
                park(&mut lane.reader, cx.waker());
                return Poll::Pending;
            }
            return Poll::Ready(Ok(()));
        }
        turn.made_progress();
        let count = lane.bytes.len().min(buffer.remaining());
        buffer.put_slice(&lane.bytes[..count]);
        lane.bytes.advance(count);
        if lane.bytes.is_empty() {
            // An idle connection is to hold no memory.
            lane.bytes = BytesMut::new();
        }
        let writer = lane.writer.take();
        drop(pipe);
        wake([writer]);
        Poll::Ready(Ok(()))
    }

    pub(in crate::link) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let turn = ready!(coop::poll_proceed(cx));
        let mut pipe = self.pipe.lock();
        if pipe.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let lane = &mut pipe.lanes[self.side];
        if lane.finished || lane.deserted {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let count = bytes.len().min(CAPACITY - lane.bytes.len());
        if count == 0 && !bytes.is_empty() {
            park(&mut lane.writer, cx.waker());
            return Poll::Pending;
        }
        turn.made_progress();
        lane.bytes.extend_from_slice(&bytes[..count]);
        let reader = lane.reader.take();
        drop(pipe);
        wake([reader]);
        Poll::Ready(Ok(count))
    }

    /// Ends the stream of this side (FIN).
    pub(in crate::link) fn finish(&mut self) {
        let mut pipe = self.pipe.lock();
        let lane = &mut pipe.lanes[self.side];
        lane.finished = true;
        let reader = lane.reader.take();
        drop(pipe);
        wake([reader]);
    }

    /// Ends both streams at once (RST).
    pub(in crate::link) fn reset(self) {
        reset(self.pipe.lock());
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut pipe = self.pipe.lock();
        if !pipe.lanes[1 - self.side].bytes.is_empty() {
            // The kernel does the same when a socket is closed with bytes that nobody has read.
            pipe.lanes[1 - self.side].bytes = BytesMut::new();
            reset(pipe);
            return;
        }
        pipe.lanes[self.side].finished = true;
        pipe.lanes[1 - self.side].deserted = true;
        let reader = pipe.lanes[self.side].reader.take();
        let writer = pipe.lanes[1 - self.side].writer.take();
        drop(pipe);
        wake([reader, writer]);
    }
}

fn reset(mut pipe: MutexGuard<'_, Pipe>) {
    pipe.reset = true;
    let [one, two] = &mut pipe.lanes;
    let all = [one.reader.take(), one.writer.take(), two.reader.take(), two.writer.take()];
    drop(pipe);
    wake(all);
}

/// Wakes tasks. Not under the lock: a waker may do as it likes, such as polling at once.
fn wake<const COUNT: usize>(wakers: [Option<Waker>; COUNT]) {
    wakers.into_iter().flatten().for_each(Waker::wake);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    fn write(end: &mut End, bytes: &[u8]) -> Poll<Result<usize, io::ErrorKind>> {
        let written = end.poll_write(&mut Context::from_waker(Waker::noop()), bytes);
        written.map_err(|error| error.kind())
    }

    fn read(end: &mut End, length: usize) -> Poll<Result<Vec<u8>, io::ErrorKind>> {
        let mut bytes = vec![0; length];
        let mut buffer = ReadBuf::new(&mut bytes);
        let read = end.poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer);
        read.map_ok(|()| buffer.filled().to_vec()).map_err(|error| error.kind())
    }

    fn holds(bytes: &[u8]) -> Poll<Result<Vec<u8>, io::ErrorKind>> {
        Poll::Ready(Ok(bytes.to_vec()))
    }

    #[test]
    fn each_end_reads_what_the_other_wrote_and_then_its_end() {
        let (mut one, mut two) = pipe();
        assert_eq!(write(&mut one, b"question"), Poll::Ready(Ok(8)));
        assert_eq!(write(&mut two, b"answer"), Poll::Ready(Ok(6)));
        one.finish();
        assert_eq!(read(&mut two, 5), holds(b"quest"));
        assert_eq!(read(&mut two, 5), holds(b"ion"));
        assert_eq!(read(&mut two, 5), holds(b""));
        assert_eq!(read(&mut one, 9), holds(b"answer"));
        assert_eq!(read(&mut one, 9), Poll::Pending);
        assert_eq!(write(&mut one, b"more"), Poll::Ready(Err(io::ErrorKind::BrokenPipe)));
        drop(two);
        assert_eq!(read(&mut one, 9), holds(b""));
    }

    #[test]
    fn what_was_sent_before_a_reset_can_be_read() {
        let (mut one, mut two) = pipe();
        assert_eq!(write(&mut one, b"last words"), Poll::Ready(Ok(10)));
        one.reset();
        assert_eq!(write(&mut two, b"what?"), Poll::Ready(Err(io::ErrorKind::ConnectionReset)));
        assert_eq!(read(&mut two, 10), holds(b"last words"));
        assert_eq!(read(&mut two, 10), Poll::Ready(Err(io::ErrorKind::ConnectionReset)));
    }

    #[test]
    fn an_end_that_is_dropped_with_unread_bytes_resets() {
        let (mut one, two) = pipe();
        assert_eq!(write(&mut one, b"unheard"), Poll::Ready(Ok(7)));
        drop(two);
        assert_eq!(read(&mut one, 1), Poll::Ready(Err(io::ErrorKind::ConnectionReset)));
        let (mut one, two) = pipe();
        drop(two);
        assert_eq!(read(&mut one, 1), holds(b""));
        assert_eq!(write(&mut one, b"anyone?"), Poll::Ready(Err(io::ErrorKind::BrokenPipe)));
    }

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn everything_that_lets_an_end_go_on_wakes_it() {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        let woken = |expected: usize| {
            assert_eq!(count.0.swap(0, Ordering::Relaxed), expected);
        };
        let mut space = [0; CAPACITY];

        let (mut one, mut two) = pipe();
        assert!(one.poll_read(&mut cx, &mut ReadBuf::new(&mut space)).is_pending());
        assert_eq!(write(&mut two, b"word"), Poll::Ready(Ok(4)));
        woken(1);
        assert_eq!(write(&mut one, &[0; CAPACITY + 1]), Poll::Ready(Ok(CAPACITY)));
        assert!(one.poll_write(&mut cx, b"more").is_pending());
        assert_eq!(read(&mut two, 1), holds(&[0]));
        woken(1);

        let (mut one, mut two) = pipe();
        assert!(one.poll_read(&mut cx, &mut ReadBuf::new(&mut space)).is_pending());
        two.finish();
        woken(1);
        assert_eq!(write(&mut one, &[0; CAPACITY]), Poll::Ready(Ok(CAPACITY)));
        assert!(one.poll_write(&mut cx, b"more").is_pending());
        drop(two);
        woken(1);

        let (mut one, two) = pipe();
        assert!(one.poll_read(&mut cx, &mut ReadBuf::new(&mut space)).is_pending());
        drop(two);
        woken(1);

        let (mut one, two) = pipe();
        assert!(one.poll_read(&mut cx, &mut ReadBuf::new(&mut space)).is_pending());
        assert_eq!(write(&mut one, &[0; CAPACITY]), Poll::Ready(Ok(CAPACITY)));
        assert!(one.poll_write(&mut cx, b"more").is_pending());
        two.reset();
        woken(2);
    }
}
