//! A connection whose statements are counted on their way to the server, and one of which goes wrong.
//!
//! It stands between a driver and the server, in memory, and reads the messages of the frontend:
//! statements of the simple protocol, of which one message may hold several, and those that are
//! executed with the extended one. The statement at which it breaks is made to fail by the server
//! itself, so driver and server agree on what happened.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::io::{AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::Notify;
use tokio_postgres::{Client, NoTls};

use self::frames::{Frame, Prepared};
use super::report::Break;
use super::statements::{is_concurrent, split};
use crate::error::Error;
use crate::link::{LinkStream, Target};
use crate::postgres::error::PostgresError;
use crate::postgres::{Postgres, endpoint};

mod frames;

/// What a statement that is refused fails with: there is no room on the device.
pub(super) const REFUSED: &str = "53100";

/// How much of what the driver sends may be on its way.
const BUFFER: usize = 64 * 1024;

/// How long a statement that runs in several steps may take until it waits for others.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often the server is asked whether it does.
const PERIOD: Duration = Duration::from_millis(2);

/// At which statement something happens, and what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    /// Counted from 1.
    pub(super) statement: usize,
    pub(super) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Break(Break),
    /// Nothing goes on until it is told to.
    Pause,
}

/// A statement that came by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) sql: String,
    /// Whether it is the last one of its message, so that it has an answer of its own.
    pub(super) is_last: bool,
}

/// What the two directions of a relay and its owner share.
#[derive(Debug, Default)]
pub(super) struct Watched {
    state: Mutex<State>,
    /// Told when the point is reached, and when something was answered.
    changed: Notify,
    released: Notify,
}

#[derive(Debug, Default)]
struct State {
    passed: Vec<Passed>,
    reached: bool,
    process: Option<i32>,
    /// How many requests the server has not answered to the end.
    unanswered: usize,
    /// Answers are taken and not passed on.
    is_mute: bool,
    /// Answers that the driver does not expect.
    surplus: usize,
    /// What kept the relay from breaking what it was to break.
    trouble: Option<Error>,
    /// The relay is about something that outlives the connection.
    is_busy: bool,
}

impl Watched {
    /// The statements that came by.
    pub(super) fn passed(&self) -> Vec<Passed> {
        self.state.lock().passed.clone()
    }

    /// Whether the point was reached.
    pub(super) fn reached(&self) -> bool {
        self.state.lock().reached
    }

    /// The process that serves the connection.
    pub(super) fn process(&self) -> Option<i32> {
        self.state.lock().process
    }

    /// What kept the relay from breaking what it was to break.
    pub(super) fn take_trouble(&self) -> Option<Error> {
        self.state.lock().trouble.take()
    }

    /// Waits until what breaks the connection has been done to its end.
    pub(super) async fn until_done(&self) {
        self.until(|state| !state.is_busy).await;
    }

    /// Waits until the point is reached.
    pub(super) async fn until_reached(&self) {
        self.until(|state| state.reached).await;
    }

    /// Lets a connection that pauses go on.
    pub(super) fn release(&self) {
        self.released.notify_one();
    }

    async fn until(&self, condition: impl Fn(&State) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if condition(&self.state.lock()) {
                return;
            }
            changed.await;
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state.lock());
        self.changed.notify_waiters();
        result
    }
}

/// Opens a connection through a relay.
pub(super) async fn open(
    postgres: &Postgres,
    point: Option<Point>,
) -> Result<(Client, Arc<Watched>), Error> {
    let dialled = postgres.link().connect().await;
    let server = dialled.map_err(PostgresError::io("open a connection through the link"))?;
    let (near, far) = tokio::io::duplex(BUFFER);
    let watched = Arc::new(Watched::default());
    let (server_read, server_write) = tokio::io::split(server);
    let (client_read, client_write) = tokio::io::split(far);
    let up = Up {
        postgres: postgres.clone(),
        point,
        watched: Arc::clone(&watched),
        client: client_read,
        server: server_write,
        prepared: Prepared::default(),
    };
    let down = down(server_read, client_write, Arc::clone(&watched));
    let until_done = Arc::clone(&watched);
    tokio::spawn(async move {
        // Either end of it ends both: that is what an end of a connection is.
        tokio::select! {
            _ = up.run() => {}
            () = async { down.await.ok(); until_done.until_done().await } => {}
        }
    });
    let config = postgres.config();
    let opening = config.connect_raw(near, NoTls);
    let client = endpoint::open(opening, "of a migration", postgres.clone()).await?;
    Ok((client, watched))
}

struct Up {
    postgres: Postgres,
    point: Option<Point>,
    watched: Arc<Watched>,
    client: ReadHalf<DuplexStream>,
    server: WriteHalf<LinkStream>,
    prepared: Prepared,
}

impl Up {
    async fn run(mut self) -> io::Result<()> {
        let startup = frames::read_startup(&mut self.client).await?;
        self.server.write_all(&startup).await?;
        loop {
            let Some(frame) = Frame::read(&mut self.client).await? else {
                // The driver has gone; what it sent is still carried out.
                return self.server.shutdown().await;
            };
            if !self.pass(frame).await? {
                return Ok(());
            }
        }
    }

    /// Passes a message on, unless something happens at it. False when the connection is to end.
    async fn pass(&mut self, frame: Frame) -> io::Result<bool> {
        let sql = match frame.kind {
            b'Q' => Some(frame.query()),
            b'P' => {
                self.prepared.note(&frame);
                None
            }
            b'B' => Some(self.prepared.bound_by(&frame)),
            _ => None,
        };
        let Some(sql) = sql else {
            self.send(&frame).await?;
            return Ok(true);
        };
        let statements = split(&sql);
        for (index, range) in statements.iter().enumerate() {
            let statement = &sql[range.clone()];
            let is_last = index + 1 == statements.len();
            let passed = Passed { sql: statement.to_owned(), is_last };
            let number = self.watched.change(|state| {
                state.passed.push(passed);
                state.passed.len()
            });
            match self.point.filter(|point| point.statement == number).map(|point| point.what) {
                None => {}
                Some(What::Pause) => {
                    self.watched.change(|state| state.reached = true);
                    self.watched.released.notified().await;
                }
                Some(What::Break(how)) => {
                    let before = &sql[..range.start];
                    return self.break_at(how, &frame, before, statement, is_last).await;
                }
            }
        }
        self.send(&frame).await?;
        Ok(true)
    }

    async fn send(&mut self, frame: &Frame) -> io::Result<()> {
        if matches!(frame.kind, b'Q' | b'S') {
            self.watched.change(|state| state.unanswered += 1);
        }
        self.server.write_all(&frame.bytes()).await
    }

    async fn break_at(
        &mut self,
        how: Break,
        frame: &Frame,
        before: &str,
        statement: &str,
        is_last: bool,
    ) -> io::Result<bool> {
        match how {
            Break::Refused => {
                self.watched.change(|state| state.reached = true);
                self.refuse(frame, before).await?;
                Ok(true)
            }
            Break::ConnectionLost => {
                self.watched.change(|state| state.reached = true);
                if frame.kind == b'Q' && !before.trim().is_empty() {
                    // What comes before it in the same message is carried out.
                    let end = "SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())";
                    self.send(&Frame::of_query(&format!("{before}{end}"))).await?;
                    return Ok(true);
                }
                Ok(false)
            }
            Break::ServerCrash => {
                self.watched.change(|state| (state.reached, state.is_busy) = (true, true));
                let trouble = crash(&self.postgres).await.err();
                self.watched.change(|state| (state.trouble, state.is_busy) = (trouble, false));
                Ok(false)
            }
            Break::AnswerLost => {
                if !is_last {
                    self.send(frame).await?;
                    return Ok(true);
                }
                self.watched.change(|state| (state.reached, state.is_mute) = (true, true));
                self.send(frame).await?;
                // The rest of it may be on its way: the other messages of an execution, or rows.
                let mut is_complete = frame.kind == b'Q';
                loop {
                    let watched = Arc::clone(&self.watched);
                    let answered = watched.until(|state| is_complete && state.unanswered == 0);
                    let next = tokio::select! {
                        () = answered => return Ok(false),
                        next = Frame::read(&mut self.client) => next?,
                    };
                    let Some(next) = next else { return Ok(false) };
                    is_complete |= next.kind == b'S';
                    self.send(&next).await?;
                }
            }
            Break::KilledInside => {
                if is_concurrent(statement) {
                    self.watched.change(|state| state.is_busy = true);
                    let killed = self.kill_inside(frame).await;
                    self.watched.change(|state| state.is_busy = false);
                    killed?;
                } else {
                    self.send(frame).await?;
                }
                Ok(true)
            }
        }
    }

    /// Has the server fail at this point, with what precedes it carried out.
    async fn refuse(&mut self, frame: &Frame, before: &str) -> io::Result<()> {
        let fail = format!(
            "DO $chaos$ BEGIN RAISE EXCEPTION 'this statement was made to fail' \
             USING ERRCODE = '{REFUSED}'; END $chaos$"
        );
        if frame.kind == b'Q' {
            return self.send(&Frame::of_query(&format!("{before}{fail}"))).await;
        }
        // The driver has not prepared this one, so it expects no answer to that.
        self.watched.change(|state| state.surplus += 1);
        self.send(&Frame::of_parse(&fail)).await?;
        self.send(&Frame::of_bind(frame.portal())).await
    }

    /// Ends the session while the statement waits for other transactions, between two of its steps.
    async fn kill_inside(&mut self, frame: &Frame) -> io::Result<()> {
        let (admin, holder) = match hold_a_snapshot(&self.postgres).await {
            Ok(both) => both,
            Err(trouble) => {
                self.watched.change(|state| state.trouble = Some(trouble));
                return self.send(frame).await;
            }
        };
        self.send(frame).await?;
        if frame.kind != b'Q' {
            while let Some(next) = Frame::read(&mut self.client).await? {
                self.send(&next).await?;
                if next.kind == b'S' {
                    break;
                }
            }
        }
        let process = self.watched.process().unwrap_or_default();
        let waits = "SELECT FROM pg_catalog.pg_stat_activity \
                      WHERE pid = $1 AND wait_event = 'virtualxid'";
        let end = "SELECT pg_catalog.pg_terminate_backend($1)";
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE && self.watched.state.lock().unanswered > 0 {
            match admin.query(waits, &[&process]).await {
                Ok(rows) if rows.is_empty() => tokio::time::sleep(PERIOD).await,
                Ok(_) => {
                    self.watched.change(|state| state.reached = true);
                    admin.execute(end, &[&process]).await.ok();
                    break;
                }
                Err(error) => {
                    let trouble = PostgresError::sql("look whether a statement waits")(error);
                    self.watched.change(|state| state.trouble = Some(trouble.into()));
                    break;
                }
            }
        }
        // Otherwise it would not be rolled back before the connection is noticed to be gone.
        holder.batch_execute("ROLLBACK").await.map_err(io::Error::other)
    }
}

/// Kills the server, and starts it again.
async fn crash(postgres: &Postgres) -> Result<(), Error> {
    let server = postgres.server()?;
    server.crash().await?;
    server.start().await?;
    Ok(())
}

/// A connection to ask with, and one whose transaction has a snapshot: whoever has an older one is
/// waited for before a new index becomes valid.
async fn hold_a_snapshot(postgres: &Postgres) -> Result<(Client, Client), Error> {
    let (admin, holder) = (postgres.admin().await?, postgres.admin().await?);
    let hold = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM pg_catalog.pg_class LIMIT 1";
    let held = holder.batch_execute(hold).await;
    held.map_err(PostgresError::sql("hold a snapshot"))?;
    Ok((admin, holder))
}

/// Passes on what the server answers.
async fn down(
    mut server: ReadHalf<LinkStream>,
    mut client: WriteHalf<DuplexStream>,
    watched: Arc<Watched>,
) -> io::Result<()> {
    while let Some(frame) = Frame::read(&mut server).await? {
        let is_passed_on = watched.change(|state| {
            match frame.kind {
                b'K' => state.process = frame.process(),
                b'Z' => state.unanswered = state.unanswered.saturating_sub(1),
                b'1' if state.surplus > 0 => {
                    state.surplus -= 1;
                    return false;
                }
                _ => {}
            }
            // A driver that has rows to send waits to be asked for them.
            !(state.is_mute && matches!(frame.kind, b'C' | b'D' | b'E' | b'I' | b's' | b'Z'))
        });
        if is_passed_on {
            client.write_all(&frame.bytes()).await?;
        }
    }
    client.shutdown().await
}
