//! How long it takes to read and to check a history of transactions, and how much memory.
//!
//! `cargo run --release -p chaos-benches --bin checkers [transactions]`
//!
//! The history is of a serializable list-append workload like Elle's generator makes them: ten
//! processes, one to four steps, five keys at a time with 32 appends each. Times are processor time
//! of the process, so that a busy machine does not change them; memory is its peak.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufReader, Cursor};

use chaos_core::check::transactions::{Model, Transactions};
use chaos_core::seed::Seed;

type Result<T = (), E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

const PROCESSES: usize = 10;
const KEYS: usize = 5;
const APPENDS: usize = 32;

fn main() -> Result {
    let transactions = std::env::args().nth(1).map_or(Ok(1_000_000), |number| number.parse())?;
    let lines = history(transactions)?;
    println!("history: {transactions} transactions, {} MB of JSON lines", lines.len() / 1_000_000);
    let before = (processor_time()?, peak_memory()?);
    let loaded = Transactions::from_jsonl(BufReader::with_capacity(1 << 20, Cursor::new(&lines)))?;
    let read = processor_time()?;
    println!("read:    {:.2} s, {} MB kept", read - before.0, loaded.bytes() / 1_000_000);
    let mut checked = read;
    for model in [Model::Serializable, Model::StrictSerializable] {
        let report = loaded.check(model);
        let now = processor_time()?;
        println!("check:   {:.2} s: {report}", now - checked);
        checked = now;
    }
    println!("peak:    {} MB above the history itself", (peak_memory()? - before.1) / 1_000);
    Ok(())
}

/// Transactions that take effect at their completion, one after another, ten at a time under way.
fn history(transactions: u64) -> Result<Vec<u8>> {
    let mut draws = Seed(7).draws();
    let mut lists: Vec<(u64, Vec<u64>)> = (0..KEYS as u64).map(|key| (key, Vec::new())).collect();
    let mut next_key = KEYS as u64;
    let mut lines = String::new();
    let mut index = 0_u64;
    for first in (0..transactions).step_by(PROCESSES) {
        let under_way = PROCESSES.min(usize::try_from(transactions - first)?);
        let mut completed = Vec::with_capacity(under_way);
        for process in 0..under_way {
            let (mut asked, mut answered) = (String::new(), String::new());
            for step in 0..1 + draws.next_u64() % 4 {
                let comma = if step > 0 { "," } else { "" };
                let (key, list) = &mut lists[usize::try_from(draws.next_u64() % KEYS as u64)?];
                if draws.next_u64() % 2 == 0 {
                    write!(asked, r#"{comma}["r",{key},null]"#)?;
                    write!(answered, r#"{comma}["r",{key},{list:?}]"#)?;
                    continue;
                }
                list.push(list.len() as u64 + 1);
                let append = format!(r#"{comma}["append",{key},{}]"#, list.len());
                asked.push_str(&append);
                answered.push_str(&append);
                if list.len() == APPENDS {
                    (*key, *list) = (next_key, Vec::new());
                    next_key += 1;
                }
            }
            line(&mut lines, &mut index, process, "invoke", &asked)?;
            completed.push((process, answered));
        }
        for (process, answered) in completed {
            line(&mut lines, &mut index, process, "ok", &answered)?;
        }
    }
    Ok(lines.into_bytes())
}

fn line(lines: &mut String, index: &mut u64, process: usize, kind: &str, steps: &str) -> Result {
    let time = *index * 1_000;
    writeln!(
        lines,
        r#"{{"index":{index},"time":{time},"type":"{kind}","process":{process},"f":"txn","value":[{steps}]}}"#
    )?;
    *index += 1;
    Ok(())
}

/// What the process has used of the processors, in seconds.
fn processor_time() -> Result<f64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Ok(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

/// The most memory that the process had at once, in kilobytes. Linux tells; elsewhere it is 0.
fn peak_memory() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(peak.map_or(Ok(0), |peak| peak.trim().trim_end_matches(" kB").parse())?)
}
