//! How long the commonest things take, measured as `docs/baselines.md` says, to be saved and compared.
//!
//! ```console
//! $ cargo run --release -p chaos-benches --bin baselines              # a table
//! $ cargo run --release -p chaos-benches --bin baselines -- save      # benches/chaos-baselines/library.toml
//! $ cargo run --release -p chaos-benches --bin baselines -- compare   # what became slower: exit code 4
//! ```
//!
//! Each of more than fifty takes 30 to 1000 values and about a second at most, a recovery 12 or 30: all
//! of it seconds on a quiet machine, and two minutes at most.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chaos_core::journal::Journal;
use chaos_core::machine::Machine;
use chaos_core::postgres::supervise_if_asked;
use chaos_core::prelude::*;
use chaos_core::seed::Seed;
use chaos_harness::baselines::{Criteria, Mode};
use chaos_harness::exit_code;

use crate::bench::{Bench, Result};

mod bench;
mod connections;
mod faults;
mod library;
mod statements;
mod transactions;

const TABLES: &str = "
    CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL, details jsonb NOT NULL);
    INSERT INTO account
        SELECT n, 100, jsonb_build_object('name', 'n' || n, 'tags', jsonb_build_array(n, n + 1))
        FROM generate_series(1, 1000) n;
    CREATE INDEX ON account USING gin (details);
    CREATE TABLE entry (id bigserial PRIMARY KEY, account int REFERENCES account, amount bigint);
    CREATE TABLE loaded (id int, text text);
    ANALYZE;
";

fn main() -> Result<ExitCode> {
    supervise_if_asked();
    chaos_core::reexec::set_arguments([]);
    let mode = match std::env::args().nth(1) {
        None => None,
        Some(word) => Some(Mode::parse(&word).ok_or("write `save`, `compare` or nothing")?),
    };
    let machine = Machine::detect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let bench = runtime.block_on(measure(&machine))?;
    let path = path();
    let conclusion = match mode {
        None => return Ok(ExitCode::SUCCESS),
        Some(Mode::Save) => bench.measured.save(&path, &machine)?,
        Some(Mode::Compare) => bench.measured.compare(&path, &machine, &Criteria::default())?,
    };
    print!("\n{conclusion}");
    let has_regressed = conclusion.slower().next().is_some();
    Ok(ExitCode::from(if has_regressed { exit_code::GATE } else { exit_code::PASSED }))
}

/// Where the baselines are: in the directory of the crate, or where `CHAOS_BENCH_BASELINES` says.
fn path() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("chaos-baselines/library.toml");
    std::env::var_os("CHAOS_BENCH_BASELINES").map_or(own, PathBuf::from)
}

async fn measure(machine: &Machine) -> Result<Bench> {
    let cx = Chaos::new(Seed(1), Journal::in_memory());
    let pg = cx.postgres().await?;
    let client = pg.connect().await?;
    client.batch_execute(TABLES).await?;
    let bench = Bench::begin(machine, pg.version());
    bench.part("connections");
    bench.connections(&cx, &pg).await?;
    bench.part("reads");
    bench.reads(&client).await?;
    bench.part("writes");
    bench.writes(&client).await?;
    bench.part("transactions");
    bench.transactions(&client).await?;
    bench.part("bulk");
    bench.bulk(&client).await?;
    bench.part("faults");
    bench.faults(&pg).await?;
    bench.part("recovery, to the first answer");
    bench.recoveries(&pg).await?;
    let own = cx.postgres_server().await?;
    bench.restarts(&own).await?;
    bench.part("the library itself");
    bench.library().await?;
    bench.end();
    Ok(bench)
}
