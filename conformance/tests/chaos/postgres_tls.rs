//! Clients that insist on TLS, at a link that speaks it in the server's place and reads their messages.

use std::sync::Arc;

use chaos_harness::core::link::{Certificate, CertificateError, TlsError, Upstream};
use chaos_harness::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use tokio::net::TcpStream;
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// One that vouches for the certificate of a server at 127.0.0.1, and that certificate.
struct Authority {
    root: CertificateDer<'static>,
    chain: String,
    key: String,
}

impl Authority {
    fn new() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_key = KeyPair::generate()?;
        let root = params.self_signed(&root_key)?;
        let key = KeyPair::generate()?;
        let names = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
        let certificate = names.signed_by(&key, &root, &root_key)?;
        Ok(Self { root: root.der().clone(), chain: certificate.pem(), key: key.serialize_pem() })
    }

    fn certificate(&self) -> Result<Certificate, CertificateError> {
        Certificate::from_pem(self.chain.as_bytes(), self.key.as_bytes())
    }

    /// A client that trusts it, verifies the name of the server, and offers these protocols.
    fn trusting(&self, alpn: &[&[u8]]) -> TestResult<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone())?;
        let builder = ClientConfig::builder().with_root_certificates(roots);
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Ok(config)
    }
}

/// A database behind a link that has a certificate, with an empty table.
struct Bank {
    pg: Postgres,
    authority: Authority,
}

impl Fixture for Bank {
    async fn set_up(cx: &Chaos) -> TestResult<Self> {
        let (pg, authority) = (cx.postgres().await?, Authority::new()?);
        pg.terminate_tls(&authority.certificate()?);
        pg.connect().await?.batch_execute("CREATE TABLE paid (id BIGINT PRIMARY KEY)").await?;
        Ok(Self { pg, authority })
    }
}

impl Bank {
    fn config(&self) -> Config {
        let mut config = self.pg.config();
        config.ssl_mode(SslMode::Require);
        config
    }

    /// Through the port of the link, with a certificate that is verified.
    async fn connect(&self) -> TestResult<Client> {
        let tls = MakeRustlsConnect::new(self.authority.trusting(&[])?);
        let (client, connection) = self.config().connect(tls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    async fn paid(&self) -> TestResult<i64> {
        let admin = self.pg.admin().await?;
        Ok(admin.query_one("SELECT count(*) FROM paid", &[]).await?.get(0))
    }
}

#[chaos_test]
async fn a_client_that_verifies_the_server_is_served_and_its_requests_to_cancel_too(
    bank: Bank,
) -> TestResult {
    let before = bank.pg.link().connections().total;
    let client = bank.connect().await?;
    // More than fits into one record, and into the sockets on the way.
    let long: String = client.query_one("SELECT repeat('x', 9000000)", &[]).await?.get(0);
    assert_eq!(long.len(), 9_000_000);
    let echoed: String = client.query_one("SELECT $1::TEXT", &[&long]).await?.get(0);
    assert_eq!(echoed, long);
    assert_eq!(bank.pg.link().connections().total, before + 1);

    let cancel = client.cancel_token();
    let tls = MakeRustlsConnect::new(bank.authority.trusting(&[])?);
    let admin = bank.pg.admin().await?;
    let (slept, cancelled) = tokio::join!(client.batch_execute("SELECT pg_sleep(60)"), async {
        // The query is under way when the server has it.
        let running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' \
                       AND state = 'active'";
        while admin.query_one(running, &[]).await?.get::<_, i64>(0) == 0 {
            tokio::time::sleep(5.ms()).await;
        }
        cancel.cancel_query(tls).await
    });
    cancelled?;
    assert_eq!(slept.expect_err("it was cancelled").code(), Some(&SqlState::QUERY_CANCELED));
    assert_eq!(
        bank.pg.link().connections().total,
        before + 1,
        "a request to cancel counts as none"
    );
    Ok(())
}

#[chaos_test]
async fn faults_act_at_the_messages_of_a_client_that_insists_on_tls(bank: Bank) -> TestResult {
    let mut client = bank.connect().await?;
    let serialization = error(SqlState::T_R_SERIALIZATION_FAILURE).on(query("INSERT"));
    let failing = bank.pg.inject(serialization);
    let refused = client.execute("INSERT INTO paid VALUES (1)", &[]).await;
    let code = refused.expect_err("it was to fail").code().cloned();
    assert_eq!(code, Some(SqlState::T_R_SERIALIZATION_FAILURE));
    assert_eq!(failing.hits(), 1);
    failing.clear();
    // The session goes on.
    client.execute("INSERT INTO paid VALUES (1)", &[]).await?;

    let lost = bank.pg.inject(reset().on(commit_complete()));
    let transaction = client.transaction().await?;
    transaction.execute("INSERT INTO paid VALUES (2)", &[]).await?;
    let error = transaction.commit().await.expect_err("the answer was lost");
    assert!(error.code().is_none(), "{error:?}");
    assert_eq!(lost.hits(), 1);
    lost.clear();
    assert_eq!(bank.paid().await?, 2, "the server has committed");
    bank.connect().await?.execute("INSERT INTO paid VALUES (3)", &[]).await?;
    Ok(())
}

#[chaos_test]
async fn tls_may_begin_without_asking_for_the_protocol_postgresql_only(bank: Bank) -> TestResult {
    let mut config = bank.config();
    config.ssl_negotiation(SslNegotiation::Direct);
    let tls = MakeRustlsConnect::new(bank.authority.trusting(&[b"postgresql"])?);
    let (client, connection) = config.connect(tls).await?;
    tokio::spawn(connection);
    assert_eq!(client.query_one("SELECT 6 * 7", &[]).await?.get::<_, i32>(0), 42);

    // PostgreSQL refuses a client that does not say what it wants, and so does the link.
    let before = bank.pg.link().connections().total;
    let tls = MakeRustlsConnect::new(bank.authority.trusting(&[])?);
    assert!(config.connect(tls).await.is_err(), "it names no protocol");
    assert_eq!(bank.pg.link().connections().total, before);
    Ok(())
}

#[chaos_test]
async fn a_client_that_trusts_others_refuses_the_link_and_plain_ones_are_served(
    bank: Bank,
) -> TestResult {
    let tls = MakeRustlsConnect::new(Authority::new()?.trusting(&[])?);
    let refused = bank.config().connect(tls).await;
    let error = refused.err().ok_or("a stranger was trusted")?;
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(source.contains("certificate"), "{error:?}");

    let (client, connection) = bank.pg.config().connect(tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    assert_eq!(client.query_one("SELECT 6 * 7", &[]).await?.get::<_, i32>(0), 42);
    Ok(())
}

#[chaos_test]
async fn a_cut_comes_without_the_goodbye_of_tls_and_an_end_of_the_server_with_it(
    bank: Bank,
) -> TestResult {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    for is_cut in [true, false] {
        let stream = TcpStream::connect(bank.pg.link().address()).await?;
        let connector = TlsConnector::from(Arc::new(bank.authority.trusting(&[b"postgresql"])?));
        let mut stream = connector.connect(ServerName::try_from("127.0.0.1")?, stream).await?;
        // A start-up that the server understands, and answers by asking for a password or an error.
        stream.write_all(b"\0\0\0\x10\0\x03\0\0user\0x\0\0").await?;
        stream.flush().await?;
        let mut answer = vec![0; 1];
        stream.read_exact(&mut answer).await?;
        if is_cut {
            bank.pg.inject(cut()).clear();
            let error = stream.read_to_end(&mut answer).await.expect_err("it was cut");
            assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof, "{error}");
        } else {
            // The server ends a session of which it understands nothing.
            stream.write_all(b"?\0\0\0\x04").await?;
            stream.flush().await?;
            stream.read_to_end(&mut answer).await?;
        }
    }
    Ok(())
}

#[chaos_test]
async fn without_a_certificate_messages_are_read_by_refusing_tls(cx: Chaos) -> TestResult {
    let (pg, authority) = (cx.postgres().await?, Authority::new()?);
    let _waiting = pg.inject(reset().on(commit()).may_be_idle());
    let mut config = pg.config();
    config.ssl_mode(SslMode::Require);
    let tls = MakeRustlsConnect::new(authority.trusting(&[])?);
    let error = config.connect(tls).await.err().ok_or("there is no TLS")?;
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(source.contains("TLS"), "{error:?}");
    Ok(())
}

#[chaos_test]
async fn what_is_no_certificate_is_an_error_that_says_what_is_missing(cx: Chaos) -> TestResult {
    let (ours, others) = (Authority::new()?, Authority::new()?);
    let (chain, key) = (ours.chain.as_bytes(), ours.key.as_bytes());
    let error = |chain: &[u8], key: &[u8]| {
        Certificate::from_pem(chain, key).expect_err("it cannot be shown")
    };
    assert!(matches!(error(b"", key), CertificateError::NoCertificate));
    assert!(matches!(error(key, key), CertificateError::NoCertificate));
    assert!(matches!(error(chain, chain), CertificateError::NoKey));
    let torn = &chain[..chain.len() / 2];
    assert!(matches!(error(torn, key), CertificateError::Pem { what: "certificate", .. }));
    let torn = &key[..key.len() / 2];
    assert!(matches!(error(chain, torn), CertificateError::Pem { what: "private key", .. }));
    let others = others.key.as_bytes();
    assert!(matches!(error(chain, others), CertificateError::Unusable { .. }));
    let no_key = Certificate::from_der([&ours.root], b"key").expect_err("it is no key");
    assert!(matches!(no_key, CertificateError::Key { .. }));
    let no_certificate = Certificate::from_der([b"certificate"], &[]).expect_err("neither");
    assert!(matches!(no_certificate, CertificateError::Key { .. }));

    let link = Link::tcp(cx.scope(), "api", Upstream::Tcp(([127, 0, 0, 1], 1).into()))?;
    let error = link.terminate_tls(&ours.certificate()?).expect_err("which protocol");
    assert!(matches!(error, TlsError::UnknownProtocol { .. }), "{error}");
    Ok(())
}
