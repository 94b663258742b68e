//! Asking the supervisor of one's own server to do something to its processes.
//!
//! One connection carries one request and one answer. What was asked for is done to the end although
//! whoever asked does not wait for the answer.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::layout::Layout;
use crate::postgres::error::PostgresError;
use crate::postgres::process::{Answer, Request};

/// Asks, and waits for the answer.
pub(super) async fn ask(layout: &Layout, request: &Request) -> Result<Answer, PostgresError> {
    let exchange = async {
        let question = serde_json::to_vec(request)?;
        let mut stream = UnixStream::connect(layout.control_socket()).await?;
        stream.write_all(&question).await?;
        stream.shutdown().await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        if answer.is_empty() {
            let words = "it ended without an answer";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, words));
        }
        Ok(serde_json::from_slice(&answer)?)
    };
    exchange.await.map_err(PostgresError::io("ask the supervisor of the server"))
}
