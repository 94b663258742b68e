//! The builder of each kind of fault, with only the methods that make sense for it.

use std::num::NonZeroU32;

use super::{LockMode, SessionFault, SessionFaultKind};

macro_rules! builders {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        #[must_use = "a fault does nothing until it is injected: `pg.sabotage(..).await?`"]
        pub struct $name(pub(super) SessionFault);

        impl $name {
            /// Lets the fault end without having touched anything, which otherwise fails the test.
            pub fn may_be_idle(mut self) -> Self {
                self.0.may_be_idle = true;
                self
            }
        }

        impl From<SessionFaultKind> for $name {
            fn from(kind: SessionFaultKind) -> Self {
                Self(SessionFault::new(kind))
            }
        }

        impl From<$name> for SessionFault {
            fn from(builder: $name) -> Self {
                builder.0
            }
        }
    )*};
}

builders! {
    /// Built by [`lock_table`](super::lock_table).
    LockTable;
    /// Built by [`terminate_sessions`](super::terminate_sessions).
    TerminateSessions;
}

impl LockTable {
    /// Takes the lock in this mode, instead of [`LockMode::AccessExclusive`].
    pub fn mode(mut self, wanted: LockMode) -> Self {
        if let SessionFaultKind::LockTable { mode, .. } = &mut self.0.kind {
            *mode = wanted;
        }
        self
    }
}

impl TerminateSessions {
    /// Ends the `count` oldest sessions only.
    ///
    /// # Panics
    ///
    /// When `count` is 0.
    #[track_caller]
    pub fn at_most(mut self, count: u32) -> Self {
        let count = NonZeroU32::new(count).expect("at least 1 session is terminated");
        if let SessionFaultKind::TerminateSessions { at_most } = &mut self.0.kind {
            *at_most = Some(count);
        }
        self
    }
}
