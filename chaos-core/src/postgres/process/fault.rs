//! Faults of a server of one's own, as guards, blocks and schedules have them.

use std::sync::Arc;

use super::at_message::Trap;
use super::{Part, PostgresServer, Resource, StopMode};
use crate::error::Error;
use crate::fault::{ServerFault, ServerFaultKind};
use crate::link::Target;
use crate::postgres::Postgres;
use crate::sabotage::{Prepared, SabotageError, Sabotages, Undo, injectable, undo};
use crate::scope::FaultRecord;

injectable!(Postgres, ServerFault:);

impl Sabotages<Postgres> for ServerFault {
    fn prepare(self, pg: &Postgres) -> Prepared {
        let (pg, fault) = (pg.clone(), self.clone());
        let (scope, target) = (pg.link().scope().clone(), pg.link().name().to_owned());
        Prepared::new(&scope, &target, self, move |record| begin(pg.clone(), fault.clone(), record))
    }
}

async fn begin(pg: Postgres, fault: ServerFault, record: Arc<FaultRecord>) -> Result<Undo, Error> {
    if !pg.database.is_alone() {
        let reach = fault.kind.reach();
        return Err(SabotageError::SharedServer { fault: fault.to_string(), reach }.into());
    }
    let server = pg.server()?;
    if let ServerFaultKind::CrashAt { message } = fault.kind {
        let trap = Trap::set(server.clone(), message, record)?;
        return Ok(undo(async move {
            match trap.spring().await? {
                true => server.start().await.map(drop),
                false => Ok(()),
            }
        }));
    }
    let watch = Watch::begin(server.clone(), record).await?;
    match fault.kind {
        ServerFaultKind::Crash | ServerFaultKind::CrashAt { .. } => {
            server.kill(Part::Server).await?;
        }
        ServerFaultKind::Stopped { mode: StopMode::Smart } => {
            server.begin_stop(StopMode::Smart).await?;
        }
        ServerFaultKind::Stopped { mode } => server.stop(mode).await?,
        ServerFaultKind::Paused { part } => server.pause(part).await?,
        ServerFaultKind::SocketMoved => server.move_socket_away().await?,
        ServerFaultKind::FileSizeLimit { bytes } => {
            server.limit(Part::Server, Resource::FileSize, bytes).await?;
        }
        ServerFaultKind::MemoryLimit { bytes } => {
            server.limit(Part::Server, Resource::Memory, bytes).await?;
        }
        ServerFaultKind::DiskFull => {
            server.fill_disk().await?;
        }
    }
    Ok(undo(async move {
        watch.end();
        end(&server, &fault.kind).await
    }))
}

/// Brings the server back.
async fn end(server: &PostgresServer, kind: &ServerFaultKind) -> Result<(), Error> {
    match kind {
        ServerFaultKind::Crash | ServerFaultKind::CrashAt { .. } => server.start().await.map(drop),
        ServerFaultKind::Stopped { mode } => {
            if *mode == StopMode::Smart {
                // It waits for sessions that nobody ends.
                server.stop(StopMode::Fast).await?;
            }
            server.start().await.map(drop)
        }
        ServerFaultKind::Paused { part } => {
            server.resume(*part).await?;
            server.ready().await.map(drop)
        }
        ServerFaultKind::SocketMoved => server.move_socket_back().await,
        ServerFaultKind::FileSizeLimit { .. } => {
            server.lift_limit(Part::Server, Resource::FileSize).await
        }
        ServerFaultKind::MemoryLimit { .. } => {
            server.lift_limit(Part::Server, Resource::Memory).await
        }
        ServerFaultKind::DiskFull => {
            server.free_disk().await?;
            // It ends itself when it cannot write its log.
            server.start().await.map(drop)
        }
    }
}

/// Counts whom a fault meets: the sessions that are there, and those that are opened meanwhile.
struct Watch {
    server: PostgresServer,
    record: Arc<FaultRecord>,
    opened: u64,
}

impl Watch {
    async fn begin(server: PostgresServer, record: Arc<FaultRecord>) -> Result<Self, Error> {
        // A role that owns a database has its name, and no session of the library is of that role.
        let application = format!("{} ", server.postgres.database());
        for process in server.processes().await? {
            if matches!(process.part, Part::Backend(_)) && process.title.starts_with(&application) {
                record.touch(u64::from(process.pid.unsigned_abs()), 1);
            }
        }
        let opened = server.postgres.link().connections().total;
        Ok(Self { server, record, opened })
    }

    fn end(&self) {
        let opened = self.server.postgres.link().connections().total;
        // Numbered beyond those of processes.
        for connection in self.opened..opened {
            self.record.touch(connection | 1 << 40, 1);
        }
    }
}
