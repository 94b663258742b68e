//! Whose connection it is: the process that serves a client, and the code that took it.

use std::backtrace::Backtrace;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::{Client, NoTls};

/// The number of the server's process that serves this client.
///
/// The driver does not tell it, but writes it into the request that would cancel a query: to a
/// stream that leads nowhere, in this case.
pub(in crate::postgres) fn process_of(client: &Client) -> Option<i32> {
    let mut request = Request(Vec::with_capacity(16));
    let token = client.cancel_token();
    let mut context = Context::from_waker(Waker::noop());
    let written = pin!(token.cancel_query_raw(&mut request, NoTls)).poll(&mut context);
    let Poll::Ready(Ok(())) = written else { return None };
    // Its length, its code, the process and a secret.
    request.0.get(8..12)?.try_into().ok().map(i32::from_be_bytes)
}

/// Keeps what is written to it.
struct Request(Vec<u8>);

impl AsyncRead for Request {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Request {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The innermost place in a backtrace that is neither a library's nor ours.
pub(super) fn caller_in(backtrace: &Backtrace) -> Option<String> {
    first_place(&backtrace.to_string())
}

fn first_place(backtrace: &str) -> Option<String> {
    let mut symbol = "";
    for line in backtrace.lines().map(str::trim) {
        match line.strip_prefix("at ") {
            None => symbol = line.split_once(": ").map_or(line, |(_, symbol)| symbol),
            Some(place) if is_users(symbol, place) => {
                return Some(place.trim_start_matches("./").to_owned());
            }
            Some(_) => {}
        }
    }
    None
}

fn is_users(symbol: &str, place: &str) -> bool {
    const LIBRARIES: [&str; 9] = [
        "std::",
        "core::",
        "alloc::",
        "tokio::",
        "deadpool",
        "chaos_core::",
        "chaos_harness::",
        "futures",
        "__rust",
    ];
    // What was inlined has a short name, without its crate.
    const OURS: [&str; 3] = [
        "/src/postgres/session.rs:",
        "/src/postgres/pool/faults.rs:",
        "/src/postgres/pool/chaos.rs:",
    ];
    let symbol = symbol.trim_start_matches('<').trim_start_matches('&');
    let is_library = LIBRARIES.iter().any(|library| symbol.starts_with(library));
    let is_ours = OURS.iter().any(|file| place.contains(file));
    !is_library && !is_ours && !place.starts_with("/rustc/") && !place.contains("/registry/src/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_place_of_the_user_is_found() {
        let backtrace = "
   0: std::backtrace::Backtrace::create
             at /rustc/0f/library/std/src/backtrace.rs:331:13
   1: chaos_core::postgres::session::Holder::caller
             at /src/chaos-core/src/postgres/session.rs:55:25
   2: {async_block#0}
             at /src/chaos-core/src/postgres/pool/faults.rs:184:25
   2: deadpool::managed::pool::Pool<M,W>::get::{{closure}}
             at /cargo/registry/src/index/deadpool-0.13.1/src/managed/pool.rs:90:9
   3: <core::pin::Pin<P> as core::future::future::Future>::poll
             at /rustc/0f/library/core/src/future/future.rs:124:9
   4: ledger::Ledger::transfer::{{closure}}
             at ./src/ledger.rs:40:33
   5: ledger::main
             at ./src/main.rs:3:1";
        assert_eq!(first_place(backtrace).as_deref(), Some("src/ledger.rs:40:33"));
        assert_eq!(first_place("disabled backtrace"), None);
    }
}
