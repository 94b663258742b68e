//! The builder of each kind of fault, with only the methods that make sense for it.

use std::num::NonZeroU32;

use super::{LockMode, Moment, Reach, SessionFault, SessionFaultKind, Survivor};

macro_rules! builders {
    ($($(#[$doc:meta])* $name:ident: $($capability:ident),*;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[must_use = "a fault does nothing until it is injected: `pg.sabotage(..).await?`"]
        pub struct $name(SessionFault);

        impl $name {
            $(builders!(@ $capability);)*

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
    (@ counted) => {
        /// Acts this many times, and lets be what comes later.
        ///
        /// # Panics
        ///
        /// When `count` is 0.
        #[track_caller]
        pub fn times(mut self, count: u32) -> Self {
            let count = at_least_one(count);
            match &mut self.0.kind {
                SessionFaultKind::Deadlock { times, .. }
                | SessionFaultKind::SerializationFailure { times, .. }
                | SessionFaultKind::SqlError { times, .. }
                | SessionFaultKind::Slow { times, .. }
                | SessionFaultKind::ForgetPreparedStatements { times, .. }
                | SessionFaultKind::AbortCommits { times, .. }
                | SessionFaultKind::LoseCommitAnswers { times } => *times = Some(count),
                other => unreachable!("{other} is not counted"),
            }
            self
        }
    };
    (@ limited) => {
        /// Acts on the `count` oldest sessions only.
        ///
        /// # Panics
        ///
        /// When `count` is 0.
        #[track_caller]
        pub fn at_most(mut self, count: u32) -> Self {
            let count = at_least_one(count);
            match &mut self.0.kind {
                SessionFaultKind::TerminateSessions { at_most }
                | SessionFaultKind::CancelQueries { at_most } => *at_most = Some(count),
                other => unreachable!("{other} is not limited"),
            }
            self
        }
    };
}

#[track_caller]
fn at_least_one(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).expect("a fault that acts 0 times does nothing; leave it out")
}

builders! {
    /// Built by [`terminate_sessions`](super::terminate_sessions()).
    TerminateSessions: limited;
    /// Built by [`cancel_queries`](super::cancel_queries()).
    CancelQueries: limited;
    /// Built by [`lock_table`](super::lock_table()).
    LockTable: ;
    /// Built by [`lock_rows`](super::lock_rows()).
    LockRows: ;
    /// Built by [`lock_advisory`](super::lock_advisory()).
    LockAdvisory: ;
    /// Built by [`deadlock`](super::deadlock()).
    Deadlock: counted;
    /// Built by [`serialization_failure`](super::serialization_failure()).
    SerializationFailure: counted;
    /// Built by [`exhaust_connections`](super::exhaust_connections()).
    ExhaustConnections: ;
    /// Built by [`role_connection_limit`](super::role_connection_limit()),
    /// [`database_connection_limit`](super::database_connection_limit()),
    /// [`close_database`](super::close_database()), [`forbid_login`](super::forbid_login()),
    /// [`revoke_connect`](super::revoke_connect()) and
    /// [`reject_connections`](super::reject_connections()).
    NoEntry: ;
    /// Built by [`setting`](super::setting()) and the functions that are named after settings.
    Setting: ;
    /// Built by [`sql_error`](super::sql_error()).
    SqlError: counted;
    /// Built by [`slow_writes`](super::slow_writes()) and [`slow_commits`](super::slow_commits()).
    Slow: counted;
    /// Built by [`forget_prepared_statements`](super::forget_prepared_statements()).
    ForgetPreparedStatements: counted;
    /// Built by [`abort_commits`](super::abort_commits()).
    AbortCommits: counted;
    /// Built by [`lose_commit_answers`](super::lose_commit_answers()).
    LoseCommitAnswers: counted;
    /// Built by [`rename_table`](super::rename_table()),
    /// [`rename_column`](super::rename_column()) and [`add_column`](super::add_column()).
    SchemaChange: ;
    /// Built by [`exhaust_sequence`](super::exhaust_sequence()) and
    /// [`rewind_sequence`](super::rewind_sequence()).
    SequenceChange: ;
    /// Built by [`hold_snapshot`](super::hold_snapshot()).
    HoldSnapshot: ;
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

impl Deadlock {
    /// Has the library's own transaction fail, so that the application's goes on after it has waited.
    pub fn application_survives(mut self) -> Self {
        if let SessionFaultKind::Deadlock { survivor, .. } = &mut self.0.kind {
            *survivor = Survivor::Application;
        }
        self
    }
}

impl ExhaustConnections {
    /// Leaves this many connections to the application, instead of none.
    pub fn leaving(mut self, count: u32) -> Self {
        if let SessionFaultKind::ExhaustConnections { leaving } = &mut self.0.kind {
            *leaving = count;
        }
        self
    }
}

impl Setting {
    /// Reaches the sessions that are open, too, and lets go of all of them when it is cleared.
    ///
    /// It is made with `ALTER SYSTEM`, so it needs a server of its own
    /// (`cx.postgres_server()`). A session that has set it for itself keeps its own value.
    pub fn open_sessions_too(mut self) -> Self {
        if let SessionFaultKind::Setting { reach, .. } = &mut self.0.kind {
            *reach = Reach::AllSessions;
        }
        self
    }
}

impl SqlError {
    /// Fails the commit of a transaction that wrote to the table, instead of the statement.
    pub fn at_commit(mut self) -> Self {
        if let SessionFaultKind::SqlError { moment, .. } = &mut self.0.kind {
            *moment = Moment::Commit;
        }
        self
    }
}
