//! Faults that act on sessions themselves.

use super::{CancelQueries, SessionFaultKind, TerminateSessions};

/// Ends the sessions of the application that are there when the fault takes effect, as an
/// administrator or a failover does; [`at_most`](TerminateSessions::at_most) spares some.
///
/// A statement that was running fails with SQLSTATE 57P01 (`admin_shutdown`). A client that was idle
/// finds its connection closed at its next statement, and hears of no SQLSTATE. Those that connect
/// afterwards are left alone. There is nothing to undo.
pub fn terminate_sessions() -> TerminateSessions {
    SessionFaultKind::TerminateSessions { at_most: None }.into()
}

/// Cancels the queries of the application that run when the fault takes effect: SQLSTATE 57014
/// (`query_canceled`). Sessions that are idle are left alone. There is nothing to undo.
pub fn cancel_queries() -> CancelQueries {
    SessionFaultKind::CancelQueries { at_most: None }.into()
}
