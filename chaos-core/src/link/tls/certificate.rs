//! The certificate that a link shows, and its key.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// How PostgreSQL is named in a handshake that begins without a request for it.
pub(super) const ALPN: &[u8] = b"postgresql";

/// What a link shows clients that ask for TLS: a certificate with those that vouch for it, and its
/// private key. With the feature `tls`.
///
/// Clones share both.
#[derive(Clone)]
pub struct Certificate {
    config: Arc<ServerConfig>,
}

/// Why a certificate cannot be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The chain holds no certificate.
    #[error("no certificate is given: a PEM text needs a section `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
    /// The key is none.
    #[error(
        "no private key is given: a PEM text needs a section such as `-----BEGIN PRIVATE KEY-----`, \
         unencrypted"
    )]
    NoKey,
    /// A PEM text cannot be read.
    #[error("the PEM text of the {what} cannot be read")]
    Pem {
        /// Which of both: `certificate` or `private key`.
        what: &'static str,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The DER of the key is of none of the known forms.
    #[error("the private key is none: {reason}; write it as PKCS #8, PKCS #1 or SEC 1")]
    Key {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The certificate or its key cannot be used, or they do not belong together.
    #[error("the certificate cannot be shown with this private key")]
    Unusable {
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Certificate {
    /// From texts in PEM, as files that end in `.crt`, `.key` and `.pem` hold them: the certificate of
    /// the server, followed by those that vouch for it, and the private key, unencrypted. Other
    /// sections are passed over, so both may be in one text that is given twice.
    ///
    /// # Errors
    ///
    /// When there is no certificate or no key, when one cannot be read, and when they do not belong
    /// together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let unreadable =
            |what| move |error: pem::Error| CertificateError::Pem { what, source: Box::new(error) };
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(unreadable("certificate"))?;
        if chain.is_empty() {
            return Err(CertificateError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
            pem::Error::NoItemsFound => CertificateError::NoKey,
            error => unreadable("private key")(error),
        })?;
        Self::new(chain, key)
    }

    /// From DER: the certificate of the server, followed by those that vouch for it, and the private
    /// key as PKCS #8, PKCS #1 or SEC 1.
    ///
    /// # Errors
    ///
    /// As for [`from_pem`](Self::from_pem).
    pub fn from_der<C: AsRef<[u8]>>(
        chain: impl IntoIterator<Item = C>,
        key: &[u8],
    ) -> Result<Self, CertificateError> {
        let chain: Vec<_> =
            chain.into_iter().map(|one| CertificateDer::from(one.as_ref().to_vec())).collect();
        if chain.is_empty() {
            return Err(CertificateError::NoCertificate);
        }
        let key = PrivateKeyDer::try_from(key.to_vec())
            .map_err(|reason| CertificateError::Key { reason })?;
        Self::new(chain, key)
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, CertificateError> {
        let unusable =
            |error: rustls::Error| CertificateError::Unusable { source: Box::new(error) };
        // Named, so that nothing depends on what else the program has chosen for itself.
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(unusable)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Self { config: Arc::new(config) })
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

/// Says nothing of the key.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}
