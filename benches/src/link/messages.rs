//! What it costs that a link reads the messages of PostgreSQL: beside a link that does not, and beside
//! no link, on a select of one row and on a transaction of five statements.

use std::time::{Duration, Instant};

use chaos_core::fault::Fault;
use chaos_core::journal::Journal;
use chaos_core::link::{Link, Upstream};
use chaos_core::postgres::{Postgres, PostgresConnector};
use chaos_core::prelude::*;
use chaos_core::scope::Scope;
use chaos_core::seed::Seed;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool};
use tokio_postgres::config::Host;
use tokio_postgres::{Config, NoTls, Statement};

use super::{median, micros, quantile};

/// Rounds are short, so that a change of the machine's speed meets all ways.
const ROUNDS: usize = 60;
const OPERATIONS: usize = 25;

/// Measures and prints.
pub fn run() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    if let Err(error) = runtime.block_on(measure()) {
        println!("messages: not measured: {error}\n");
    }
}

async fn measure() -> TestResult {
    let cx = Chaos::new(Seed(1), Journal::in_memory());
    let pg: Postgres = cx.postgres().await?;
    let client = pg.connect().await?;
    let table = "CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL);
                 INSERT INTO account SELECT id, 1000 FROM generate_series(1, 1000) id;
                 CREATE TABLE entry (account int, amount bigint)";
    client.batch_execute(table).await?;
    let direct = pg.direct_config();
    let upstream = upstream_of(&direct)?;
    let scope = Scope::new(Seed(1), Journal::in_memory());
    let plain = Link::tcp(&scope, "plain", upstream.clone())?;
    let read = Link::postgres(&scope, "read", upstream.clone())?;
    let struck = Link::postgres(&scope, "struck", upstream)?;
    let waits = Fault::from(cut().on(query("nothing like this")).may_be_idle());
    let _fault = struck.inject(waits);
    let through = |link: &Link| stream_pool(link, &direct);
    let port = |link: &Link| {
        let mut config = pg.config();
        config = rebuilt(&config, link);
        pool_of(Manager::new(config, NoTls))
    };
    let ways = [
        ("direct", pool_of(Manager::new(direct.clone(), NoTls))?),
        ("stream, plain link", through(&plain)?),
        ("stream, link that reads", through(&read)?),
        ("stream, a fault waits", through(&struck)?),
        ("port, plain link", port(&plain)?),
        ("port, link that reads", port(&read)?),
        ("port, a fault waits", port(&struck)?),
    ];
    let mut sessions = Vec::new();
    for (name, pool) in &ways {
        sessions.push((*name, Session::open(pool).await?));
    }
    for kind in [Kind::Select, Kind::Transaction] {
        let mut times = vec![Vec::new(); sessions.len()];
        let mut ratios = vec![Vec::new(); sessions.len()];
        for round in 0..ROUNDS + 4 {
            let mut medians = Vec::new();
            for (way, (_, session)) in sessions.iter_mut().enumerate() {
                let mut measured = session.operations(kind).await?;
                medians.push(micros(quantile(&mut measured, 0.5)));
                if round >= 4 {
                    times[way].extend(measured);
                }
            }
            if round >= 4 {
                let all = ratios.iter_mut().zip(&medians);
                all.for_each(|(ratios, it)| ratios.push(it / medians[0]));
            }
        }
        println!("{:28}   p50 µs    p99 µs   p50 / direct", kind.name());
        for (way, (name, _)) in sessions.iter().enumerate() {
            let (p50, p99) = (quantile(&mut times[way], 0.5), quantile(&mut times[way], 0.99));
            let (p50, p99, ratio) = (micros(p50), micros(p99), median(&mut ratios[way]));
            println!("  {name:26} {p50:8.1}  {p99:8.1}   {ratio:9.3}");
        }
    }
    println!("  (the stream of a link that reads is to stay below 1.15 on the select)\n");
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Select,
    Transaction,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Select => "a select of one row",
            Self::Transaction => "a transaction of 5 statements",
        }
    }
}

/// A connection, and what was prepared on it.
struct Session {
    client: Object,
    select: Statement,
    lock: Statement,
    update: Statement,
    insert: Statement,
}

impl Session {
    async fn open(pool: &Pool) -> TestResult<Self> {
        let client = pool.get().await?;
        let select = client.prepare("SELECT balance FROM account WHERE id = $1").await?;
        let lock = client.prepare("SELECT balance FROM account WHERE id = $1 FOR UPDATE").await?;
        let update =
            client.prepare("UPDATE account SET balance = balance - 1 WHERE id = $1").await?;
        let insert = client.prepare("INSERT INTO entry VALUES ($1, -1)").await?;
        Ok(Self { client, select, lock, update, insert })
    }

    async fn operations(&mut self, kind: Kind) -> TestResult<Vec<Duration>> {
        let mut times = Vec::with_capacity(OPERATIONS);
        for id in 1..=i32::try_from(OPERATIONS)? {
            let begun = Instant::now();
            match kind {
                Kind::Select => {
                    self.client.query_one(&self.select, &[&id]).await?;
                }
                Kind::Transaction => {
                    let transaction = self.client.transaction().await?;
                    transaction.query_one(&self.lock, &[&id]).await?;
                    transaction.execute(&self.update, &[&id]).await?;
                    transaction.execute(&self.insert, &[&id]).await?;
                    transaction.commit().await?;
                }
            }
            times.push(begun.elapsed());
        }
        Ok(times)
    }
}

fn upstream_of(config: &Config) -> TestResult<Upstream> {
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match config.get_hosts().first() {
        Some(Host::Tcp(host)) => Ok(Upstream::Tcp(format!("{host}:{port}").parse()?)),
        #[cfg(unix)]
        Some(Host::Unix(directory)) => {
            Ok(Upstream::Unix(directory.join(format!(".s.PGSQL.{port}"))))
        }
        _ => Err("the server is nowhere".into()),
    }
}

/// The same settings, to the port of this link.
fn rebuilt(config: &Config, link: &Link) -> Config {
    let mut other = Config::new();
    other.host(link.address().ip().to_string()).port(link.address().port());
    other.user(config.get_user().unwrap_or_default());
    other.password(config.get_password().unwrap_or_default());
    other.dbname(config.get_dbname().unwrap_or_default());
    other
}

fn stream_pool(link: &Link, config: &Config) -> TestResult<Pool> {
    let connector = PostgresConnector::new(link);
    pool_of(Manager::from_connect(config.clone(), connector, ManagerConfig::default()))
}

fn pool_of(manager: Manager) -> TestResult<Pool> {
    Ok(Pool::builder(manager).max_size(1).build()?)
}
