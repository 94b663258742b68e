//! What faults can be injected into.

use std::future::Future;

use super::{Injection, Link};
use crate::fault::Fault;

/// Something that faults can be injected into.
pub trait Target {
    /// The link that carries the faults.
    fn link(&self) -> &Link;

    /// Injects a fault until the returned guard is cleared or dropped.
    ///
    /// The fault acts when this returns: on the connections that are open, and on those that are
    /// opened later.
    ///
    /// Prefer [`during`](Target::during), which is hard to misuse: `let _ = pg.inject(cut())` compiles and
    /// ends the fault at once.
    #[must_use = "dropping the guard ends the fault; bind it to a named variable"]
    fn inject(&self, fault: impl Into<Fault>) -> Injection<'_> {
        Injection::new(self.link().activate(fault.into()))
    }

    /// Injects a fault, awaits `future`, and ends the fault.
    ///
    /// The fault ends also when the future panics, or is dropped before it is ready.
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

    /// Waits until the service behind the link is done with what it was sent on connections that are
    /// gone, where that can be known: what happened can be judged then.
    #[doc(hidden)]
    fn settled(&self) -> impl Future<Output = ()> {
        async {}
    }
}

impl Target for Link {
    fn link(&self) -> &Link {
        self
    }
}
