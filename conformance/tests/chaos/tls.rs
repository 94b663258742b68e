//! TLS from end to end: a link passes it through untouched, and its faults work all the same.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use chaos_harness::core::link::Upstream;
use chaos_harness::prelude::*;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// The name in the certificate; the address of the link is none of its business.
const NAME: &str = "bank.example";

/// A service that answers what it is sent, over TLS, behind a link.
struct Service {
    link: Link,
    trusting: TlsConnector,
}

impl Fixture for Service {
    async fn set_up(cx: &Chaos) -> TestResult<Self> {
        let certified = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
        let certificate = certified.cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(certified.key_pair.serialize_der().into());
        let server = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(echo(listener, TlsAcceptor::from(Arc::new(server))));
        let mut roots = RootCertStore::empty();
        roots.add(certificate)?;
        let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let link = Link::tcp(cx.scope(), "bank", Upstream::Tcp(address))?;
        Ok(Self { link, trusting: TlsConnector::from(Arc::new(client)) })
    }
}

async fn echo(listener: TcpListener, acceptor: TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let mut stream = acceptor.accept(stream).await?;
            let mut buffer = [0; 1024];
            loop {
                let count = stream.read(&mut buffer).await?;
                if count == 0 {
                    return stream.shutdown().await;
                }
                stream.write_all(&buffer[..count]).await?;
                stream.flush().await?;
            }
        });
    }
}

impl Service {
    /// A handshake over this stream, which fails if the certificate is not that of the service.
    async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> io::Result<TlsStream<S>> {
        let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
        self.trusting.connect(name, stream).await
    }

    /// Through the port of the link.
    async fn connect(&self) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.link.address()).await?;
        stream.set_nodelay(true)?;
        self.greet(stream).await
    }
}

async fn round_trip(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    stream.write_all(b"ping").await?;
    stream.flush().await?;
    let mut reply = [0; 4];
    stream.read_exact(&mut reply).await?;
    assert_eq!(&reply, b"ping");
    Ok(())
}

#[chaos_test]
async fn a_handshake_with_verified_certificates_passes_both_ways_of_a_link(
    service: Service,
) -> TestResult {
    round_trip(&mut service.connect().await?).await?;
    round_trip(&mut service.greet(service.link.connect().await?).await?).await?;
    // Whoever trusts others only finds the same certificate behind the link, and refuses it.
    let nobody = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
    let wary = TlsConnector::from(Arc::new(nobody.with_no_client_auth()));
    let stream = TcpStream::connect(service.link.address()).await?;
    let error = wary.connect(ServerName::try_from(NAME)?, stream).await.expect_err("not trusted");
    assert!(error.to_string().contains("certificate"), "{error}");
    Ok(())
}

#[chaos_test]
async fn latency_and_slices_delay_tls_and_change_nothing(service: Service) -> TestResult {
    let mut stream = service.connect().await?;
    let slow = service.link.inject(latency(40.ms()));
    let torn = service.link.inject(slice(3, 0.ms()));
    let begun = Instant::now();
    round_trip(&mut stream).await?;
    assert!(begun.elapsed() >= 80.ms(), "{:?}", begun.elapsed());
    // A handshake too, byte by byte almost.
    round_trip(&mut service.greet(service.link.connect().await?).await?).await?;
    assert!(slow.hits() > 0 && torn.hits() > 0);
    Ok(())
}

#[chaos_test]
async fn a_cut_is_an_end_without_a_goodbye_and_a_reset_a_reset(service: Service) -> TestResult {
    let mut stream = service.connect().await?;
    round_trip(&mut stream).await?;
    service.link.inject(cut()).clear();
    // TLS says goodbye before it ends, and a cut does not: that is how a torn stream is noticed.
    let error = stream.read(&mut [0; 4]).await.expect_err("it was cut");
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{error}");

    let mut stream = service.connect().await?;
    round_trip(&mut stream).await?;
    service.link.inject(reset()).clear();
    let error = stream.read(&mut [0; 4]).await.expect_err("it was reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
    round_trip(&mut service.connect().await?).await?;
    Ok(())
}

#[chaos_test]
async fn a_byte_that_was_changed_is_noticed(service: Service) -> TestResult {
    let mut stream = service.connect().await?;
    round_trip(&mut stream).await?;
    let changing = service.link.inject(corrupt(100.percent()).downstream());
    let error = round_trip(&mut stream).await.expect_err("a byte was changed");
    assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
    assert!(changing.hits() > 0);
    changing.clear();
    round_trip(&mut service.connect().await?).await?;
    Ok(())
}
