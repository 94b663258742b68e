//! What a test is given.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::error::{Error, TestError};
use crate::journal::Journal;
use crate::link::{Link, Upstream};
use crate::postgres::Postgres;
use crate::scope::Scope;
use crate::seed::Seed;

/// What a test is given: the way to targets, workloads and checks. Clones are the same context.
#[derive(Debug, Clone)]
pub struct Chaos {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    scope: Scope,
}

impl Chaos {
    /// A context with this seed, whose events go to `journal`.
    ///
    /// The harness makes one for every attempt; make one yourself to use the library in an ordinary
    /// `#[tokio::test]` or in a benchmark.
    #[must_use]
    pub fn new(seed: Seed, journal: Journal) -> Self {
        Self { inner: Arc::new(Inner { scope: Scope::new(seed, journal) }) }
    }

    /// What everything in this attempt shares.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.inner.scope
    }

    /// The seed of this attempt.
    #[must_use]
    pub fn seed(&self) -> Seed {
        self.inner.scope.seed()
    }

    /// A database of its own on a server that all tests share, behind a link of its own.
    ///
    /// # Errors
    ///
    /// When PostgreSQL cannot be found or started.
    pub async fn postgres(&self) -> Result<Postgres, Error> {
        Postgres::shared(self.scope()).await
    }

    /// A database on a server of its own, behind a link of its own.
    ///
    /// # Errors
    ///
    /// When PostgreSQL cannot be found or started.
    pub async fn postgres_server(&self) -> Result<Postgres, Error> {
        Postgres::own(self.scope()).await
    }

    /// A link to any TCP service.
    ///
    /// # Errors
    ///
    /// When no port can be listened on.
    pub async fn link(&self, name: &str, upstream: SocketAddr) -> Result<Link, Error> {
        Ok(Link::tcp(self.scope(), name, Upstream::Tcp(upstream))?)
    }
}

/// What the parameters of a test can be: the type of a parameter selects what is set up for it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of a chaos test",
    label = "this type is no fixture",
    note = "take `Chaos`, or implement `chaos_harness::Fixture` for `{Self}`"
)]
pub trait Fixture: Sized {
    /// Sets the fixture up for one attempt.
    fn set_up(cx: &Chaos) -> impl Future<Output = Result<Self, TestError>>;
}

impl Fixture for Chaos {
    async fn set_up(cx: &Chaos) -> Result<Self, TestError> {
        Ok(cx.clone())
    }
}
