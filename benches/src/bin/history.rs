//! How long it takes to read and judge a large history, and how much memory.
//!
//! `cargo run --release -p chaos-benches --bin history`, and without `--release`, as test binaries are.
//!
//! 1,000 tests had 1,000 runs each. The history is as a long life leaves it: most of it compact, and the
//! latest runs as lines, as many as there may be before they are made compact, too.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use chaos_core::seed::Seed;
use chaos_core::stats::Category;
use chaos_harness::__private::judge_history;

const TESTS: u64 = 1_000;
const RUNS: u64 = 1_000;

/// How many of the latest runs are lines: eight files of 1 MiB.
const RUNS_IN_LINES: u64 = 18;

fn main() -> io::Result<()> {
    let directory = tempfile::tempdir()?;
    let size = make(&directory.path().join("ledger.chaos"))?;
    let build = if cfg!(debug_assertions) { "without optimisation" } else { "optimised" };
    println!("{TESTS} tests, {RUNS} runs each, {size} MB, {build}");
    println!(
        "\n| asked for | read and judged in | of the processor | memory at most |\n|---|---|---|---|"
    );
    // The smaller one first: memory is the most that there was so far.
    for asked in [1, TESTS] {
        let tests: Vec<String> = (0..asked).map(name).collect();
        let (began, used) = (Instant::now(), processor_time());
        let found = judge_history(directory.path(), "ledger", "chaos", &tests)?;
        let (took, used) = (began.elapsed(), processor_time() - used);
        for (test, (category, n)) in (0..).zip(&found) {
            assert_eq!(*n, RUNS, "test {test}");
            assert_eq!(*category, expected(test), "test {test}");
        }
        let noun = if asked == 1 { "test" } else { "tests" };
        println!("| {asked} {noun} | {:.2} s | {used:.2} s | {} |", took.as_secs_f64(), peak());
    }
    Ok(())
}

fn name(test: u64) -> String {
    format!("bank::accounts::test_{test:04}")
}

/// One test in ten fails once in ten runs, one in fifty once in three, the others never or nearly so.
fn one_in(test: u64) -> u64 {
    match test % 50 {
        7 => 3,
        number if number % 10 == 3 => 10,
        number if number % 10 == 5 => 1_000,
        _ => u64::MAX,
    }
}

fn expected(test: u64) -> Category {
    match one_in(test) {
        3 => Category::VeryFlaky,
        10 => Category::Flaky,
        _ => Category::Stable,
    }
}

fn fails(test: u64, run: u64) -> bool {
    Seed(0).numbered(test).numbered(run).0 < u64::MAX / one_in(test)
}

fn id(test: u64, run: u64) -> u64 {
    Seed(1).numbered(test).numbered(run).0 >> 11
}

fn run_id(run: u64) -> String {
    format!("{}-4711", ended(0, run))
}

/// When an attempt ended: a run an hour.
fn ended(test: u64, run: u64) -> u64 {
    1_700_000_000_000 + run * 3_600_000 + test * 7
}

/// Writes the history as `docs/journal-format.md` describes it, and says how many MB it has.
fn make(directory: &Path) -> io::Result<u64> {
    fs::create_dir_all(directory)?;
    let compact = RUNS - RUNS_IN_LINES;
    let mut file = BufWriter::new(fs::File::create(directory.join("00000001.compact.jsonl"))?);
    let line = |test: &str, version: u32, event: &str| {
        let names = r#""package":"ledger","binary":"chaos","#;
        format!("{{{names}\"test\":\"{test}\",\"version\":{version},\"event\":{event}}}\n")
    };
    let runs: Vec<String> = (0..compact).map(|run| format!("{:?}", run_id(run))).collect();
    let failures = r#"[{"signature":7,"kind":"check","message":"money is conserved: found #"}]"#;
    let names = format!(
        r#"{{"names":{{"runs":[{}],"systemic":[],"failures":{failures}}}}}"#,
        runs.join(",")
    );
    file.write_all(line("", 2, &names).as_bytes())?;
    for test in 0..TESTS {
        let column = |width: usize, of: &dyn Fn(u64) -> u64| {
            let letter = char::from(b'`' + u8::try_from(width).expect("at most 16"));
            (0..compact).fold(letter.to_string(), |mut text, run| {
                write!(text, "{:0width$x}", of(run)).expect("a text takes everything");
                text
            })
        };
        let after = |run| if run == 0 { 0 } else { ended(test, run) - ended(test, run - 1) };
        let failed: Vec<u64> = (0..compact).filter(|run| fails(test, *run)).collect();
        let seeds: Vec<String> = failed.iter().map(|run| format!("[{run},{}]", 77 + run)).collect();
        let failures: Vec<String> = failed.iter().map(|run| format!("[{run},0]")).collect();
        let attempts = format!(
            r#"{{"attempts":{{"id":"{}","first_unix_ms":{},"after_ms":"{}","run":"{}","outcome":"{}","attempt":[],"seed":[{}],"failure":[{}],"open":[]}}}}"#,
            column(14, &|run| id(test, run)),
            ended(test, 0),
            column(6, &after),
            column(3, &|run| run),
            column(1, &|run| 4 + u64::from(fails(test, run))),
            seeds.join(","),
            failures.join(","),
        );
        file.write_all(line(&name(test), 2, &attempts).as_bytes())?;
    }
    file.flush()?;
    let mut lines = String::new();
    let mut number = 2;
    for run in compact..RUNS {
        for test in 0..TESTS {
            let (id, unix_ms, run_id) = (id(test, run), ended(test, run), run_id(run));
            let head = format!(r#""id":{id},"run":"{run_id}","attempt":1,"seed":{}"#, 77 + run);
            let begun = format!(
                r#"{{"started":{{{head},"unix_ms":{},"os":"linux","arch":"x86_64"}}}}"#,
                unix_ms - 5
            );
            let outcome = match fails(test, run) {
                true => {
                    r#""failed","failure":"check","signature":7,"message":"money is conserved: found #""#
                }
                false => r#""passed""#,
            };
            let over = format!(
                r#"{{"ended":{{{head},"unix_ms":{unix_ms},"duration_ns":5000000,"outcome":{outcome},"counts":true}}}}"#
            );
            lines.push_str(&line(&name(test), 1, &begun));
            lines.push_str(&line(&name(test), 1, &over));
        }
        if lines.len() > 1 << 20 || run == RUNS - 1 {
            fs::write(directory.join(format!("{number:08}.jsonl")), &lines)?;
            lines.clear();
            number += 1;
        }
    }
    let files = fs::read_dir(directory)?.map(|entry| Ok(entry?.metadata()?.len()));
    Ok(files.sum::<io::Result<u64>>()? / 1_000_000)
}

/// How many seconds of the processor this process has used, on Linux: that does not depend on what else the
/// machine does.
fn processor_time() -> f64 {
    let stat = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0.0_f64) / 1e9
}

/// The most memory that this process has had, where the system tells.
fn peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.map_or_else(|| "unknown".to_owned(), |kib| format!("{} MiB", kib / 1024))
}
