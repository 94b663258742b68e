//! Faults that let nobody in. Sessions that are open go on.

use super::{ExhaustConnections, NoEntry, SessionFaultKind};

/// Takes all connections of the server, apart from those that it reserves for superusers, so that
/// the application's next one fails with SQLSTATE 53300 (`too_many_connections`).
///
/// What the application has it keeps, and can use again what it closes. It needs a server of its own
/// (`cx.postgres_server()`).
pub fn exhaust_connections() -> ExhaustConnections {
    SessionFaultKind::ExhaustConnections { leaving: 0 }.into()
}

/// Allows the application's role this many connections; the next one fails with SQLSTATE 53300.
///
/// Those that are open count, and are left alone.
pub fn role_connection_limit(limit: u32) -> NoEntry {
    SessionFaultKind::RoleConnectionLimit { limit }.into()
}

/// Allows the database this many connections, the library's own among them; the next one fails with
/// SQLSTATE 53300.
pub fn database_connection_limit(limit: u32) -> NoEntry {
    SessionFaultKind::DatabaseConnectionLimit { limit }.into()
}

/// Closes the database to new connections, which fail with SQLSTATE 55000
/// (`object_not_in_prerequisite_state`), those of superusers too.
///
/// Faults of the server that are injected meanwhile fail for the same reason.
pub fn close_database() -> NoEntry {
    SessionFaultKind::CloseDatabase.into()
}

/// Forbids the application's role to log in: new connections fail with SQLSTATE 28000
/// (`invalid_authorization_specification`).
pub fn forbid_login() -> NoEntry {
    SessionFaultKind::ForbidLogin.into()
}

/// Takes from the application the right to connect to its database: new connections fail with
/// SQLSTATE 42501 (`insufficient_privilege`).
pub fn revoke_connect() -> NoEntry {
    SessionFaultKind::RevokeConnect.into()
}

/// Has `pg_hba.conf` reject the application's role: new connections fail with SQLSTATE 28000.
///
/// It needs a server of its own (`cx.postgres_server()`).
pub fn reject_connections() -> NoEntry {
    SessionFaultKind::RejectConnections.into()
}
