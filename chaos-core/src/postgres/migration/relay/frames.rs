//! Messages of the protocol, as far as counting statements takes.

use std::collections::HashMap;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The largest message that is believed; the server's own limit is 1 GiB.
const LARGEST: usize = 1 << 30;

/// One message, other than the first of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    payload: Vec<u8>,
}

/// Reads the first message of a connection, which has no kind.
pub(super) async fn read_startup(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let length = stream.read_u32().await?;
    let mut message = length.to_be_bytes().to_vec();
    message.extend(read_payload(stream, length).await?);
    Ok(message)
}

async fn read_payload(stream: &mut (impl AsyncRead + Unpin), length: u32) -> io::Result<Vec<u8>> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let Some(rest) = length.checked_sub(4).filter(|rest| *rest <= LARGEST) else {
        let problem = format!("a message says that it has {length} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    };
    let mut payload = vec![0; rest];
    stream.read_exact(&mut payload).await?;
    Ok(payload)
}

impl Frame {
    /// Reads a message; none at the end of the stream.
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let kind = match stream.read_u8().await {
            Ok(kind) => kind,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = stream.read_u32().await?;
        Ok(Some(Self { kind, payload: read_payload(stream, length).await? }))
    }

    /// A message of the simple protocol.
    pub(super) fn of_query(sql: &str) -> Self {
        Self { kind: b'Q', payload: [sql.as_bytes(), b"\0"].concat() }
    }

    /// Prepares a statement without a name and without parameters.
    pub(super) fn of_parse(sql: &str) -> Self {
        Self { kind: b'P', payload: [b"\0", sql.as_bytes(), b"\0\0\0"].concat() }
    }

    /// Binds it to a portal.
    pub(super) fn of_bind(portal: &[u8]) -> Self {
        Self { kind: b'B', payload: [portal, b"\0\0\0\0\0\0\0\0"].concat() }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len() + 4).unwrap_or(u32::MAX);
        [&[self.kind], &length.to_be_bytes()[..], &self.payload].concat()
    }

    /// The text of a message of the simple protocol.
    pub(super) fn query(&self) -> String {
        text(self.field(0))
    }

    /// The portal of a message that binds one.
    pub(super) fn portal(&self) -> &[u8] {
        self.field(0)
    }

    /// The process that a message tells which holds the key for cancelling.
    pub(super) fn process(&self) -> Option<i32> {
        Some(i32::from_be_bytes(self.payload.first_chunk().copied()?))
    }

    /// A field that ends with a zero.
    fn field(&self, index: usize) -> &[u8] {
        self.payload.split(|&byte| byte == 0).nth(index).unwrap_or_default()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The statements that a connection has prepared, by name.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    statements: HashMap<Vec<u8>, String>,
}

impl Prepared {
    pub(super) fn note(&mut self, parse: &Frame) {
        self.statements.insert(parse.field(0).to_vec(), text(parse.field(1)));
    }

    /// The text of the statement that is about to be executed.
    pub(super) fn bound_by(&self, bind: &Frame) -> String {
        self.statements.get(bind.field(1)).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_are_read_as_they_were_written() {
        let query = Frame::of_query("SELECT 'ä'");
        let bytes = query.bytes();
        assert_eq!(bytes[..5], [b'Q', 0, 0, 0, 16]);
        let mut stream = &bytes[..];
        let read = Frame::read(&mut stream).await.unwrap().unwrap();
        assert_eq!((read.query().as_str(), &read), ("SELECT 'ä'", &query));
        assert_eq!(Frame::read(&mut stream).await.unwrap(), None);
        // A length that cannot be, and a message that ends early.
        assert!(Frame::read(&mut &b"Q\0\0\0\x02"[..]).await.is_err());
        assert!(Frame::read(&mut &b"Q\xff\xff\xff\xff"[..]).await.is_err());
        assert!(Frame::read(&mut &b"Q\0\0\0\x09ab"[..]).await.is_err());
    }

    #[test]
    fn what_is_executed_is_known_by_what_was_prepared() {
        let mut prepared = Prepared::default();
        prepared.note(&Frame { kind: b'P', payload: b"s1\0SELECT 1\0\0\0".to_vec() });
        let bind = Frame { kind: b'B', payload: b"\0s1\0\0\0\0\0\0\0".to_vec() };
        assert_eq!(prepared.bound_by(&bind), "SELECT 1");
        let unknown = Frame { kind: b'B', payload: b"p\0s2\0\0\0\0\0\0\0".to_vec() };
        assert_eq!((prepared.bound_by(&unknown).as_str(), unknown.portal()), ("", &b"p"[..]));
    }
}
