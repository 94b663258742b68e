//! Real connections that pass through the engine, so that faults can be injected into them.

use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::fault::Fault;
use crate::scope::{FaultRecord, Scope};

/// What a link leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Upstream {
    /// A TCP port.
    Tcp(SocketAddr),
    /// A unix socket.
    #[cfg(unix)]
    Unix(PathBuf),
}

/// Why a link could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// No port could be listened on.
    #[error("cannot listen for link `{link}`")]
    Listen {
        /// The name of the link.
        link: String,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// A listener in front of a service, through which a client reaches it. Clones are the same link.
#[derive(Debug, Clone)]
pub struct Link {
    inner: Arc<()>,
}

impl Link {
    /// Listens on a free port of 127.0.0.1 and forwards every connection to `upstream`.
    ///
    /// # Errors
    ///
    /// When no port can be listened on.
    pub fn tcp(_scope: &Scope, _name: &str, _upstream: Upstream) -> Result<Self, LinkError> {
        unimplemented!()
    }

    /// The name of the link, as reports know it.
    #[must_use]
    pub fn name(&self) -> &str {
        unimplemented!()
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        unimplemented!()
    }

    /// Activates a fault until it is ended: what guards, blocks and schedules are made of.
    pub(crate) fn activate(&self, _fault: Fault) -> ActiveFault {
        unimplemented!()
    }

    /// Ends all faults of the link that are still active.
    pub fn heal(&self) {
        unimplemented!()
    }
}

/// A fault that is active until it is dropped.
#[derive(Debug)]
pub(crate) struct ActiveFault {
    record: Arc<FaultRecord>,
}

impl ActiveFault {
    pub(crate) fn record(&self) -> &Arc<FaultRecord> {
        &self.record
    }
}

/// Something that faults can be injected into.
pub trait Target {
    /// The link that carries the faults.
    fn link(&self) -> &Link;

    /// Injects a fault until the returned guard is cleared or dropped.
    ///
    /// Prefer [`during`](Target::during), which cannot be got wrong: `let _ = pg.inject(cut())`
    /// compiles and ends the fault at once.
    #[must_use = "dropping the guard ends the fault; bind it to a named variable"]
    fn inject(&self, fault: impl Into<Fault>) -> Injection<'_> {
        Injection { active: self.link().activate(fault.into()), target: PhantomData }
    }

    /// Injects a fault, awaits `future`, and ends the fault.
    fn during<F: Future>(
        &self,
        fault: impl Into<Fault>,
        future: F,
    ) -> impl Future<Output = F::Output> {
        let fault = fault.into();
        async move {
            let injection = self.inject(fault);
            let output = future.await;
            injection.clear();
            output
        }
    }
}

impl Target for Link {
    fn link(&self) -> &Link {
        self
    }
}

/// A fault that is active; it ends when this is cleared or dropped.
#[derive(Debug)]
#[must_use = "dropping the guard ends the fault; bind it to a named variable"]
pub struct Injection<'target> {
    active: ActiveFault,
    target: PhantomData<&'target ()>,
}

impl Injection<'_> {
    /// Ends the fault.
    pub fn clear(self) {
        drop(self);
    }

    /// How often the fault acted so far: chunks of data that it affected, or connections that it
    /// ended.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.active.record().hits()
    }

    /// How many connections it touched so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.active.record().connections()
    }
}
