//! A fault beside what it is going to be injected into, before anything has been done.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::{SabotageError, Undo};
use crate::error::Error;
use crate::fault::FaultSpec;
use crate::scope::{FaultRecord, Scope};

/// Says that a fault can be injected into a `T` by sabotage: `target.sabotage(fault).await?`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no fault that a `{T}` can be sabotaged with",
    note = "faults of a link are injected: `target.inject({Self})`"
)]
pub trait Sabotages<T: ?Sized> {
    /// Says what is to be done where, and does nothing yet.
    #[doc(hidden)]
    fn prepare(self, target: &T) -> Prepared;
}

/// A fault beside what it is going to be injected into. Clones do the same again.
#[derive(Clone)]
pub struct Prepared {
    inner: Arc<Inner>,
}

type Begin = dyn Fn(Arc<FaultRecord>) -> BoxFuture<'static, Result<Undo, Error>> + Send + Sync;

struct Inner {
    scope: Scope,
    target: String,
    fault: FaultSpec,
    begin: Box<Begin>,
}

impl Prepared {
    /// A fault that `begin` has take effect in `target`, the name by which reports know it.
    ///
    /// See the [module](super) for what `begin` may and has to do.
    pub(crate) fn new<F>(
        scope: &Scope,
        target: &str,
        fault: impl Into<FaultSpec>,
        begin: impl Fn(Arc<FaultRecord>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Undo, Error>> + Send + 'static,
    {
        let inner = Inner {
            scope: scope.clone(),
            target: target.to_owned(),
            fault: fault.into(),
            begin: Box::new(move |record| begin(record).boxed()),
        };
        Self { inner: Arc::new(inner) }
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.inner.scope
    }

    pub(crate) fn target(&self) -> &str {
        &self.inner.target
    }

    pub(crate) fn fault(&self) -> &FaultSpec {
        &self.inner.fault
    }

    pub(super) fn start(&self) -> Arc<FaultRecord> {
        self.inner.scope.start_fault(&self.inner.target, self.inner.fault.clone())
    }

    pub(super) fn begin(
        &self,
        record: &Arc<FaultRecord>,
    ) -> BoxFuture<'static, Result<Undo, Error>> {
        (self.inner.begin)(Arc::clone(record))
    }

    /// Our own bug: see [`SabotageError::Panicked`].
    pub(super) fn panicked(&self) -> Error {
        SabotageError::Panicked { fault: self.fault().to_string() }.into()
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.fault(), self.target())
    }
}

/// Lets faults of these types be sabotaged and planned in schedules:
/// `injectable!(Postgres, SessionFault: LockTable, LockRows);` where all that stands behind the
/// colon converts into the type before it, which says what is done.
macro_rules! injectable {
    ($target:ty, $fault:ty: $($builder:ty),* $(,)?) => {
        $crate::sabotage::injectable!(@ $target: $fault);
        $(
            impl $crate::sabotage::Sabotages<$target> for $builder {
                fn prepare(self, target: &$target) -> $crate::sabotage::Prepared {
                    $crate::sabotage::Sabotages::prepare(<$fault>::from(self), target)
                }
            }
            $crate::sabotage::injectable!(@ $target: $builder);
        )*
    };
    (@ $target:ty: $fault:ty) => {
        impl $crate::schedule::Injectable<$target> for $fault {
            fn plan(self, target: &$target) -> $crate::schedule::Planned {
                $crate::schedule::Planned::sabotage(
                    $crate::sabotage::Sabotages::prepare(self, target),
                )
            }
        }
    };
}
pub(crate) use injectable;
