//! Sees to it that no connection is known as open whose task is gone.
//!
//! A task ends its registration itself, with what moved. One that panics, which would be a defect of
//! ours, or that is dropped with its runtime does not come to that.

use std::sync::Arc;

use super::connection::OpenConnection;
use super::finale::Finale;
use super::tcp::TcpLink;
use crate::event::ConnectionEnd;

/// Deregisters its connection when it is dropped, if nobody did before.
#[derive(Debug)]
pub(super) struct Registration {
    link: Arc<TcpLink>,
    connection: Arc<OpenConnection>,
}

impl Registration {
    pub(super) fn new(link: &Arc<TcpLink>, connection: &Arc<OpenConnection>) -> Self {
        Self { link: Arc::clone(link), connection: Arc::clone(connection) }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if !self.link.is_registered(&self.connection) {
            return;
        }
        if std::thread::panicking() {
            self.link.note(format!(
                "the task of connection {} of link `{}` panicked, and the connection is closed; \
                 this is a defect of chaos-core",
                self.connection.ordinal(),
                self.link.name()
            ));
        }
        let finale = Finale::without_traffic(ConnectionEnd::Closed);
        self.link.deregister(&self.connection, &finale);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::event::EventKind;
    use crate::journal::Journal;
    use crate::link::Upstream;
    use crate::scope::Scope;
    use crate::seed::Seed;
    use crate::units::DurationUnits;

    fn opened() -> (Scope, Arc<TcpLink>, Arc<OpenConnection>) {
        let scope = Scope::new(Seed(1), Journal::in_memory());
        let nobody = Upstream::Tcp(([127, 0, 0, 1], 1).into());
        let link = TcpLink::open(&scope, "service", nobody, None).unwrap();
        let connection = link.register().unwrap();
        assert_eq!(link.connections().open, 1);
        (scope, link, connection)
    }

    #[test]
    fn a_connection_whose_task_panics_is_closed_and_the_journal_says_so() {
        let (scope, link, connection) = opened();
        let registration = Registration::new(&link, &connection);
        let task = link.runtime().handle().spawn(async move {
            let _registration = registration;
            panic!("a defect");
        });
        let until = Instant::now() + 20.secs();
        while !task.is_finished() {
            assert!(Instant::now() < until, "the task does not end");
            std::thread::yield_now();
        }
        assert_eq!(link.connections().open, 0);
        let events = scope.journal().events();
        let is_told = |kind: &EventKind| matches!(kind, EventKind::Note { message } if message.contains("connection 1 of link `service` panicked"));
        assert!(events.iter().any(|event| is_told(&event.what)), "{events:?}");
        let is_closed =
            |kind: &EventKind| matches!(kind, EventKind::ConnectionClosed { connection: 1, .. });
        assert_eq!(events.iter().filter(|event| is_closed(&event.what)).count(), 1);
        link.close();
    }

    #[test]
    fn a_connection_that_ended_otherwise_is_not_closed_twice() {
        let (scope, link, connection) = opened();
        let registration = Registration::new(&link, &connection);
        link.deregister(&connection, &Finale::without_traffic(ConnectionEnd::ResetByClient));
        let before = scope.journal().events().len();
        drop(registration);
        assert_eq!(scope.journal().events().len(), before);
        link.close();
    }
}
