//! How long the commonest things take, measured as `docs/baselines.md` says, to be saved and compared.
//!
//! ```console
//! $ cargo run --release -p chaos-benches --bin baselines              # a table
//! $ cargo run --release -p chaos-benches --bin baselines -- save      # benches/chaos-baselines/library.toml
//! $ cargo run --release -p chaos-benches --bin baselines -- compare   # what became slower: exit code 4
//! ```
//!
//! Each of more than fifty has 80 values, a recovery 24 or 40, taken in eight passes over all of them: it
//! takes about a minute.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chaos_core::journal::Journal;
use chaos_core::machine::Machine;
use chaos_core::postgres::supervise_if_asked;
use chaos_core::prelude::*;
use chaos_core::seed::Seed;
use chaos_harness::baselines::{Criteria, Measured, Mode};
use chaos_harness::exit_code;

use crate::bench::{Bench, Result};

mod bench;
mod connections;
mod faults;
mod library;
mod statements;
mod transactions;

/// How often everything is measured: ten values of most things each time.
const PASSES: usize = 8;

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
    let measured = runtime.block_on(measure(&machine))?;
    let path = path();
    let conclusion = match mode {
        None => return Ok(ExitCode::SUCCESS),
        Some(Mode::Save) => measured.save(&path, &machine)?,
        Some(Mode::Compare) => measured.compare(&path, &machine, &Criteria::default())?,
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

/// Everything in several passes, so that what the machine does for some seconds meets a few values of
/// each, and is seen in their order.
async fn measure(machine: &Machine) -> Result<Measured> {
    let cx = Chaos::new(Seed(1), Journal::in_memory());
    let own = cx.postgres_server().await?;
    let bench = Bench::begin(machine, own.version());
    for _ in 0..PASSES {
        let pg = cx.postgres().await?;
        pg.connect().await?.batch_execute(TABLES).await?;
        bench.part("connections");
        bench.connections(&cx, &pg).await?;
        bench.part("reads");
        bench.reads(&pg).await?;
        bench.part("writes");
        bench.writes(&pg).await?;
        bench.part("transactions");
        bench.transactions(&pg).await?;
        bench.part("bulk");
        bench.bulk(&pg).await?;
        bench.part("faults");
        bench.faults(&pg).await?;
        bench.part("recovery, to the first answer");
        bench.recoveries(&pg).await?;
        bench.restarts(&own).await?;
        bench.part("the library itself");
        bench.library().await?;
    }
    bench.end()
}
