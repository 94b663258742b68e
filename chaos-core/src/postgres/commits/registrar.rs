//! The session of the library that asks the server for the numbers of transactions and what became
//! of them. It passes by the link, and is driven on the thread of the library.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, SimpleQueryRow};

use super::transaction_id::{from_parts, whole};
use crate::error::Error;
use crate::postgres::endpoint::{self, Endpoint, OURS};
use crate::postgres::error::PostgresError;
use crate::sabotage::spawn;

/// How long a question may take. A `COMMIT` is held no longer than this.
const LIMIT: Duration = Duration::from_secs(1);

/// How many questions are asked together at the most.
const TOGETHER: usize = 256;

/// A transaction, as the server knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::postgres) struct KnownTransaction {
    id: u64,
    /// In which life of the server it was learnt: after a crash a number may be given again.
    life: Arc<str>,
}

/// What the server says of a transaction at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Committed,
    Aborted,
    InProgress,
    /// It cannot be told, whenever it is asked.
    Forgotten(String),
    /// The server could not be asked; perhaps later.
    Unreachable(String),
}

/// A question that is under way: which transaction goes on in a session.
pub(in crate::postgres) type Asking = oneshot::Receiver<Option<KnownTransaction>>;

#[derive(Debug)]
enum Question {
    Transaction { process: i32, reply: oneshot::Sender<Option<KnownTransaction>> },
    Fate { of: KnownTransaction, reply: oneshot::Sender<Fate> },
}

/// Whoever asks the server. Its session ends when this is dropped.
#[derive(Debug)]
pub(super) struct Registrar {
    questions: mpsc::UnboundedSender<Question>,
}

impl Registrar {
    /// Opens the session.
    pub(super) async fn open(endpoint: Endpoint) -> Result<Self, Error> {
        let (questions, asked) = mpsc::unbounded_channel();
        let (sender, opened) = oneshot::channel();
        spawn(async move {
            match Session::open(&endpoint, 1).await {
                Ok(session) => {
                    sender.send(Ok(())).ok();
                    answer(Witness { endpoint, session, sessions: 1 }, asked).await;
                }
                Err(error) => drop(sender.send(Err(error))),
            }
        })?;
        // The other side answers, or its thread is gone with the process.
        opened.await.unwrap_or(Ok(()))?;
        Ok(Self { questions })
    }

    /// Asks for the transaction that goes on in a session; none if it has written nothing.
    pub(super) fn transaction_of(&self, process: i32) -> Asking {
        let (reply, asking) = oneshot::channel();
        // If nobody listens any more, the answer is an error.
        self.questions.send(Question::Transaction { process, reply }).ok();
        asking
    }

    /// Asks what became of a transaction.
    pub(super) async fn fate(&self, of: &KnownTransaction) -> Fate {
        let (reply, asking) = oneshot::channel();
        self.questions.send(Question::Fate { of: of.clone(), reply }).ok();
        asking.await.unwrap_or_else(|_| Fate::Unreachable("nobody asks it any more".to_owned()))
    }
}

/// Answers questions until nobody can ask any.
async fn answer(mut witness: Witness, mut asked: mpsc::UnboundedReceiver<Question>) {
    let mut questions = Vec::new();
    // Those that came meanwhile are asked together.
    while asked.recv_many(&mut questions, TOGETHER).await > 0 {
        let mut transactions = Vec::new();
        let mut fates = Vec::new();
        for question in questions.drain(..) {
            match question {
                Question::Transaction { process, reply } => transactions.push((process, reply)),
                Question::Fate { of, reply } => fates.push((of, reply)),
            }
        }
        // A commit waits for each of these.
        if !transactions.is_empty() {
            let processes: Vec<i32> = transactions.iter().map(|(process, _)| *process).collect();
            let found = timeout(LIMIT, witness.transactions(&processes)).await;
            let found = found.ok().and_then(Result::ok).unwrap_or_default();
            for (process, reply) in transactions {
                let known = found.iter().find(|(other, _)| *other == process);
                reply.send(known.map(|(_, transaction)| transaction.clone())).ok();
            }
        }
        for (of, reply) in fates {
            let fate = match timeout(LIMIT, witness.fate(&of)).await {
                Ok(Ok(fate)) => fate,
                Ok(Err(error)) => Fate::Unreachable(error.with_sources()),
                Err(_) => Fate::Unreachable(format!("no answer within {LIMIT:?}")),
            };
            reply.send(fate).ok();
        }
    }
}

/// The session, which is opened again when it has ended.
struct Witness {
    endpoint: Endpoint,
    session: Session,
    /// How many sessions there were.
    sessions: u64,
}

struct Session {
    client: Client,
    life: Arc<str>,
}

impl Session {
    async fn open(endpoint: &Endpoint, ordinal: u64) -> Result<Self, PostgresError> {
        let mut config = endpoint.own_session(&endpoint.maintenance, LIMIT);
        config.application_name(format!("{OURS}commits"));
        let client = endpoint::open(config.connect(NoTls), "to ask for commits", ()).await?;
        // It is started anew whenever the server recovers from a crash, be it of its other processes.
        let checkpointer = "SELECT backend_start FROM pg_stat_get_activity(NULL) \
                            WHERE backend_type = 'checkpointer'";
        let life = rows(&client, checkpointer).await?;
        let life = life.first().and_then(|row| row.get(0)).map(Arc::from);
        // Whoever may not see it relies on nothing but the session itself.
        let life = life.unwrap_or_else(|| format!("session {ordinal}").into());
        Ok(Self { client, life })
    }
}

impl Witness {
    async fn session(&mut self) -> Result<&Session, PostgresError> {
        if self.session.client.is_closed() {
            self.sessions += 1;
            self.session = Session::open(&self.endpoint, self.sessions).await?;
        }
        Ok(&self.session)
    }

    async fn transactions(
        &mut self,
        processes: &[i32],
    ) -> Result<Vec<(i32, KnownTransaction)>, PostgresError> {
        let Session { client, life } = self.session().await?;
        let list: Vec<String> = processes.iter().map(ToString::to_string).collect();
        let question = format!(
            "SELECT pid, backend_xid, pg_snapshot_xmax(pg_current_snapshot()) \
             FROM pg_stat_get_activity(NULL) WHERE backend_xid IS NOT NULL AND pid IN ({})",
            list.join(", ")
        );
        let rows = rows(client, &question).await?;
        let known = rows.iter().filter_map(|row| {
            let (process, lower, near) = (number(row, 0)?, number(row, 1)?, number(row, 2)?);
            Some((process, KnownTransaction { id: whole(lower, near), life: Arc::clone(life) }))
        });
        Ok(known.collect())
    }

    async fn fate(&mut self, of: &KnownTransaction) -> Result<Fate, PostgresError> {
        let Session { client, life } = self.session().await?;
        if *life != of.life {
            // What recovery knew of. The checkpoint at its end is like that of a shutdown: the next
            // recovery would begin at its own record.
            let question =
                "SELECT next_xid, checkpoint_lsn = redo_lsn FROM pg_control_checkpoint()";
            let control = rows(client, question).await?;
            let control = control.first();
            let is_end_of_recovery = control.and_then(|row| row.get(1)) == Some("t");
            let next = control.and_then(|row| row.get(0)).and_then(from_parts);
            match next.filter(|_| is_end_of_recovery) {
                // Nothing of it had reached the disk, and its number is given again.
                Some(next) if of.id >= next => return Ok(Fate::Aborted),
                Some(_) => {}
                None => {
                    return Ok(Fate::Forgotten(
                        "the server was started anew and has written a checkpoint since: the number \
                         of the transaction may have been given to another one"
                            .to_owned(),
                    ));
                }
            }
        }
        let status = match rows(client, &format!("SELECT pg_xact_status('{}')", of.id)).await {
            Ok(rows) => rows.first().and_then(|row| row.get(0)).map(str::to_owned),
            Err(PostgresError::Sql { source, .. })
                if source.code() == Some(&SqlState::INVALID_PARAMETER_VALUE) =>
            {
                return Ok(Fate::Forgotten("the server has never heard of it".to_owned()));
            }
            Err(error) => return Err(error),
        };
        Ok(match status.as_deref() {
            Some("committed") => Fate::Committed,
            Some("aborted") => Fate::Aborted,
            Some(_) => Fate::InProgress,
            None => Fate::Forgotten("the transaction is too old for the server to tell".to_owned()),
        })
    }
}

async fn rows(client: &Client, sql: &str) -> Result<Vec<SimpleQueryRow>, PostgresError> {
    let messages = client.simple_query(sql).await;
    let messages = messages.map_err(PostgresError::sql("ask for a transaction"))?;
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    Ok(rows.collect())
}

fn number<N: FromStr>(row: &SimpleQueryRow, column: usize) -> Option<N> {
    row.get(column)?.parse().ok()
}
