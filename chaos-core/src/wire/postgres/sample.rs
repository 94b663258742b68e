//! Messages for tests.

use crate::direction::Direction;

/// A message with this first byte.
pub(crate) fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

/// A packet of the start-up.
pub(crate) fn packet(code: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 8).unwrap();
    [&length.to_be_bytes()[..], &code.to_be_bytes(), body].concat()
}

/// Version 3.0 of the protocol.
pub(crate) const VERSION: u32 = 196_608;

/// What is sent in turn from the first byte of a connection on: the start-up, a simple query, a
/// statement that is prepared and carried out, an error in a batch, and a copy in both protocols.
pub(crate) fn conversation() -> Vec<(Direction, Vec<u8>)> {
    use Direction::{Downstream, Upstream};
    let ready = |status: &[u8]| (Downstream, message(b'Z', status));
    let execute = |portal: &[u8]| message(b'E', &[portal, b"\0\0\0\0\0"].concat());
    let done = |tag: &str| (Downstream, message(b'C', format!("{tag}\0").as_bytes()));
    vec![
        (Upstream, packet(VERSION, b"user\0me\0\0")),
        (Downstream, message(b'R', &[0; 4])),
        (Downstream, message(b'S', b"TimeZone\0UTC\0")),
        (Downstream, message(b'K', &[7; 8])),
        ready(b"I"),
        (Upstream, message(b'Q', b"BEGIN; SELECT 1\0")),
        done("BEGIN"),
        (Downstream, message(b'T', b"\0\0")),
        (Downstream, message(b'D', b"\0\0")),
        (Downstream, message(b'N', b"SNOTICE\0\0")),
        done("SELECT 1"),
        ready(b"T"),
        (Upstream, message(b'P', b"s1\0INSERT INTO t VALUES ($1)\0\0\0")),
        (Upstream, message(b'D', b"Ss1\0")),
        (Upstream, message(b'S', b"")),
        (Downstream, message(b'1', b"")),
        (Downstream, message(b't', b"\0\0")),
        (Downstream, message(b'n', b"")),
        ready(b"T"),
        // Two batches at once.
        (Upstream, message(b'B', b"\0s1\0\0\0\0\0\0\0")),
        (Upstream, execute(b"")),
        (Upstream, message(b'S', b"")),
        (Upstream, message(b'B', b"p\0s1\0\0\0\0\0\0\0")),
        (Upstream, execute(b"p")),
        (Upstream, message(b'S', b"")),
        (Downstream, message(b'2', b"")),
        done("INSERT 0 1"),
        ready(b"T"),
        (Downstream, message(b'2', b"")),
        (Downstream, message(b'E', b"SERROR\0C23505\0Mtwice\0\0")),
        ready(b"E"),
        (Upstream, message(b'Q', b"ROLLBACK\0")),
        done("ROLLBACK"),
        ready(b"I"),
        (Upstream, message(b'Q', b"COPY t FROM STDIN\0")),
        (Downstream, message(b'G', b"\0\0\0")),
        (Upstream, message(b'd', b"1\n")),
        (Upstream, message(b'c', b"")),
        done("COPY 1"),
        ready(b"I"),
        (Upstream, message(b'P', b"\0COPY t FROM STDIN\0\0\0")),
        (Upstream, message(b'B', b"\0\0\0\0\0\0\0\0")),
        (Upstream, execute(b"")),
        // The server ignores it.
        (Upstream, message(b'S', b"")),
        (Downstream, message(b'1', b"")),
        (Downstream, message(b'2', b"")),
        (Downstream, message(b'G', b"\0\0\0")),
        (Upstream, message(b'd', b"2\n")),
        (Upstream, message(b'c', b"")),
        (Upstream, message(b'S', b"")),
        done("COPY 1"),
        ready(b"I"),
        (Downstream, message(b'A', b"\0\0\0\0channel\0\0")),
        (Upstream, message(b'Q', b"commit\0")),
        done("COMMIT"),
        ready(b"I"),
        (Upstream, message(b'X', b"")),
    ]
}
