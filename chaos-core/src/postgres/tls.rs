//! TLS at the link to a database.

use super::Postgres;
use crate::link::{Certificate, Target};

/// With the feature `tls`.
impl Postgres {
    /// Has the link speak TLS in the server's place, so that clients with `sslmode=require` or
    /// `verify-full` can connect by [`config`](Self::config) or [`url`](Self::url), and faults act at
    /// their messages: see [`Link::terminate_tls`](crate::link::Link::terminate_tls).
    ///
    /// The certificate is to be valid for `127.0.0.1`, the host of both, where the client verifies the
    /// name. The server itself speaks no TLS, which makes no difference to the client but that it cannot
    /// insist on channel binding.
    ///
    /// ```
    /// use chaos_core::link::Certificate;
    /// use chaos_core::postgres::Postgres;
    /// use tokio_postgres::Config;
    /// use tokio_postgres::config::SslMode;
    ///
    /// fn over_tls(pg: &Postgres, certificate: &Certificate) -> Config {
    ///     pg.terminate_tls(certificate);
    ///     let mut config = pg.config();
    ///     config.ssl_mode(SslMode::Require);
    ///     config
    /// }
    /// ```
    pub fn terminate_tls(&self, certificate: &Certificate) {
        self.link().show(certificate);
    }
}
