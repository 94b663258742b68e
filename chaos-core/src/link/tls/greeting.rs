//! What is agreed upon before the first message of a session.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::certificate::{ALPN, Certificate};
use super::refused;
use super::secured::{Carrier, Secured};
use crate::wire::postgres::{Encryption, encryption_asked_for};

/// As much as tells what a client wants.
const FIRST: usize = 8;

/// How often a client may ask for encryption of a kind that there is not: PostgreSQL lets it ask once
/// for each kind.
const REFUSALS: usize = 2;

/// Agrees with a client on TLS, if it asks for it, and waits for the beginning of its first message.
pub(in crate::link) async fn greet(
    certificate: &Certificate,
    mut stream: TcpStream,
) -> io::Result<Secured> {
    let mut refusals = 0;
    loop {
        let asked = asked_for(&mut stream).await?;
        match asked {
            Asked::For(Encryption::Gss) if refusals < REFUSALS => {
                refusals += 1;
                stream.write_all(b"N").await?;
            }
            Asked::For(Encryption::Gss) => {
                return Err(refused("it asked for GSSAPI encryption again and again"));
            }
            Asked::For(Encryption::Tls) => {
                stream.write_all(b"S").await?;
                return secure(certificate, stream, false).await;
            }
            Asked::For(Encryption::DirectTls) => return secure(certificate, stream, true).await,
            Asked::Nothing(first) => return Ok(Secured::new(Carrier::Plain(stream), first)),
        }
    }
}

/// What the first bytes of a client ask for.
enum Asked {
    For(Encryption),
    /// No encryption. These bytes were read.
    Nothing(Vec<u8>),
}

async fn asked_for(stream: &mut TcpStream) -> io::Result<Asked> {
    let mut one = [0];
    if stream.peek(&mut one).await? > 0 && encryption_asked_for(&one) == Some(Encryption::DirectTls)
    {
        // What belongs to the handshake stays where it is.
        return Ok(Asked::For(Encryption::DirectTls));
    }
    let first = read_first(stream).await?;
    Ok(match encryption_asked_for(&first) {
        Some(encryption) => Asked::For(encryption),
        None => Asked::Nothing(first),
    })
}

/// Shakes hands with a client.
async fn secure(
    certificate: &Certificate,
    stream: TcpStream,
    is_direct: bool,
) -> io::Result<Secured> {
    let mut stream = TlsAcceptor::from(certificate.config()).accept(stream).await?;
    if is_direct && stream.get_ref().1.alpn_protocol() != Some(ALPN) {
        // PostgreSQL refuses it, too: the client may have meant another service.
        return Err(refused("it began TLS without asking, and not for the protocol `postgresql`"));
    }
    let first = read_first(&mut stream).await?;
    Ok(Secured::new(Carrier::Tls(Box::new(stream)), first))
}

/// Waits for the beginning of a message. It is shorter where the stream ends.
async fn read_first(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut first = Vec::with_capacity(FIRST);
    let mut part = stream.take(FIRST as u64);
    match part.read_to_end(&mut first).await {
        Ok(_) => {}
        // Whoever leaves without a goodbye has left all the same.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
        Err(error) => return Err(error),
    }
    Ok(first)
}
