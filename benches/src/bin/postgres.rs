//! How long it takes until the first query of a test is answered, beside what a plain
//! `initdb && pg_ctl start` takes on the same machine at the same time.
//!
//! `cargo run --release -p chaos-benches --bin postgres`

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chaos_core::journal::Journal;
use chaos_core::postgres::{Postgres, supervise_if_asked};
use chaos_core::seed::Seed;
use chaos_core::{Chaos, TestError};

/// Says what a process that is measured is to do.
const ROLE: &str = "BENCH_ROLE";

type Result<T = (), E = TestError> = std::result::Result<T, E>;

fn main() -> Result {
    supervise_if_asked();
    chaos_core::reexec::set_arguments([]);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match std::env::var(ROLE) {
        Ok(role) => runtime.block_on(measured(&role)),
        Err(_) => compare(&runtime),
    }
}

/// What happens in a process of its own.
async fn measured(role: &str) -> Result {
    let cx = Chaos::new(Seed(1), Journal::in_memory());
    let mut times = Vec::new();
    match role {
        "shared" => times.push(first_query(|| cx.postgres()).await?),
        "own" => times.push(first_query(|| cx.postgres_server()).await?),
        "many" => {
            // The first one starts the server and is not counted.
            let _holder = cx.postgres().await?;
            for _ in 0..20 {
                times.push(first_query(|| cx.postgres()).await?);
            }
        }
        "hold" => {
            let _holder = cx.postgres().await?;
            println!("held");
            std::io::stdin().read_line(&mut String::new())?;
        }
        other => return Err(format!("there is no role {other}").into()),
    }
    for time in times {
        println!("{}", time.as_nanos());
    }
    Ok(())
}

async fn first_query<F>(open: impl FnOnce() -> F) -> Result<Duration, TestError>
where
    F: Future<Output = Result<Postgres, chaos_core::Error>>,
{
    let begin = Instant::now();
    let pg = open().await?;
    pg.connect().await?.simple_query("SELECT 1").await?;
    Ok(begin.elapsed())
}

fn compare(runtime: &tokio::runtime::Runtime) -> Result {
    let memory = Path::new("/dev/shm");
    let memory = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let warm = Place::new(&std::env::temp_dir())?;
    let mut rows = Vec::new();

    // Taken in turn, so that a change of the machine's speed meets all of them.
    let mut measured: [Vec<Duration>; 5] = Default::default();
    let [disk, plain, cold, shared, own] = &mut measured;
    for _ in 0..7 {
        disk.push(initdb_and_pg_ctl(runtime, &std::env::temp_dir())?);
        plain.push(initdb_and_pg_ctl(runtime, &memory)?);
        cold.extend(in_new_place("shared", Place::new(&std::env::temp_dir())?.path())?);
        in_new_place("shared", warm.path())?;
        shared.extend(in_new_place("shared", warm.path())?);
        own.extend(in_new_place("own", warm.path())?);
    }
    let [disk, plain, cold, shared, own] = measured;
    rows.push(("initdb && pg_ctl start, temporary directory", disk));
    rows.push(("initdb && pg_ctl start, in memory", plain));
    rows.push(("shared server, cold cache", cold));
    rows.push(("shared server, warm cache", shared));
    rows.push(("own server, warm cache", own));

    let place = Place::new(&memory)?;
    let mut holder = process("hold", place.path(), warm.path()).stdin(Stdio::piped()).spawn()?;
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(holder.stdout.take().ok_or("no output")?),
        &mut line,
    )?;
    let mut another = Vec::new();
    for _ in 0..20 {
        another.extend(times_of(process("shared", place.path(), warm.path()))?);
    }
    rows.push(("database on a running server, new process", another));
    let same = times_of(process("many", place.path(), warm.path()))?;
    rows.push(("database on a running server, same process", same));
    drop(holder.stdin.take());
    holder.wait()?;
    await_empty(place.path());

    print(rows);
    Ok(())
}

fn print(rows: Vec<(&str, Vec<Duration>)>) {
    println!("| until the first query is answered | least | median | of plain, in memory |");
    println!("|---|--:|--:|--:|");
    let median = |times: &[Duration]| times[times.len() / 2].as_secs_f64() * 1e3;
    let mut rows = rows;
    rows.iter_mut().for_each(|(_, times)| times.sort());
    let plain = median(&rows[1].1);
    for (what, times) in &rows {
        let least = times[0].as_secs_f64() * 1e3;
        let median = median(times);
        println!("| {what} | {least:.1} ms | {median:.1} ms | {:.3} |", median / plain);
    }
}

/// A directory that is removed when this is dropped, and that the server's user can enter.
struct Place(PathBuf);

impl Place {
    fn new(parent: &Path) -> Result<Self> {
        let path = parent.join(format!("chaos-bench-{}", Seed::random()));
        fs::create_dir(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o1777))?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Measures where no server runs, with this cache, and waits until everything is gone again.
fn in_new_place(role: &str, cache: &Path) -> Result<Vec<Duration>> {
    let memory = Path::new("/dev/shm");
    let temporary = std::env::temp_dir();
    let place = Place::new(if memory.is_dir() { memory } else { &temporary })?;
    let times = times_of(process(role, place.path(), cache))?;
    await_empty(place.path());
    Ok(times)
}

fn await_empty(directory: &Path) {
    while fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some()) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn process(role: &str, place: &Path, cache: &Path) -> Command {
    let program = std::env::current_exe().unwrap_or_default();
    let mut command = Command::new(program);
    command
        .env(ROLE, role)
        .env("CHAOS_PG_DIR", place)
        .env("CHAOS_CACHE_DIR", cache)
        .env_remove("CHAOS_POSTGRES_URL")
        .env_remove("CHAOS_KEEP")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

fn times_of(mut command: Command) -> Result<Vec<Duration>> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("a measured process failed: {}", output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    text.lines().map(|nanos| Ok(Duration::from_nanos(nanos.parse()?))).collect()
}

/// What people do by hand.
fn initdb_and_pg_ctl(runtime: &tokio::runtime::Runtime, parent: &Path) -> Result<Duration> {
    let place = Place::new(parent)?;
    let data = place.path().join("data");
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let options = format!("-p {port} -k {} -c listen_addresses=127.0.0.1", place.path().display());
    let begin = Instant::now();
    run(program("initdb")?.args(["-A", "trust", "-U", "postgres", "-D"]).arg(&data))?;
    let log = place.path().join("log");
    let mut start = program("pg_ctl")?;
    run(start.arg("-D").arg(&data).arg("-l").arg(log).args(["-w", "-o", &options, "start"]))?;
    runtime.block_on(async {
        let url = format!("postgresql://postgres@127.0.0.1:{port}/postgres");
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        client.simple_query("SELECT 1").await
    })?;
    let elapsed = begin.elapsed();
    run(program("pg_ctl")?.arg("-D").arg(&data).args(["-w", "-m", "immediate", "stop"]))?;
    Ok(elapsed)
}

fn run(command: &mut Command) -> Result {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} failed: {status}").into()) }
}

/// A program of the PostgreSQL that the library finds too, as an unprivileged user.
fn program(name: &str) -> Result<Command> {
    let mut command = Command::new(chaos_core::postgres::locate()?.programs.join(name));
    command.current_dir("/");
    let id = |user: &str, option: &str| -> Option<u32> {
        let output = Command::new("id").args([option, user]).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    let ourselves = Command::new("id").arg("-u").output()?;
    if ourselves.stdout.trim_ascii() == b"0" {
        let user = if id("postgres", "-u").is_some() { "postgres" } else { "nobody" };
        let numbers = id(user, "-u").zip(id(user, "-g")).ok_or("no user to step down to")?;
        command.uid(numbers.0).gid(numbers.1);
    }
    Ok(command)
}
