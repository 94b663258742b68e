//! What `GET /metrics` answers, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::direction::Direction;
use crate::link::Traffic;

/// Which metrics are published.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Published {
    pub(super) proxies: bool,
    pub(super) process: bool,
}

/// Whose bytes were counted: the name of a proxy, where it listens and what it leads to.
type Key = (String, String, String);

/// The bytes of all proxies that there ever were.
#[derive(Debug)]
pub(super) struct Ledger {
    /// Otherwise nothing is kept: there may be a port for every test of a year.
    is_kept: bool,
    traffic: Mutex<BTreeMap<Key, Sums>>,
}

/// What was counted under one name: by the links of now, and by those that are gone.
#[derive(Debug, Default)]
struct Sums {
    current: Option<Arc<Traffic>>,
    past: [(u64, u64); 2],
}

const DIRECTIONS: [(Direction, &str); 2] =
    [(Direction::Downstream, "downstream"), (Direction::Upstream, "upstream")];

impl Ledger {
    pub(super) fn new(is_kept: bool) -> Self {
        Self { is_kept, traffic: Mutex::default() }
    }

    /// Counts the bytes of a link that was opened.
    pub(super) fn add(&self, proxy: &str, listen: &str, upstream: &str, traffic: Arc<Traffic>) {
        if !self.is_kept {
            return;
        }
        let key = (proxy.to_owned(), listen.to_owned(), upstream.to_owned());
        let mut all = self.traffic.lock();
        let sums = all.entry(key).or_default();
        let totals = sums.totals();
        *sums = Sums { current: Some(traffic), past: totals };
    }

    fn write(&self, text: &mut String) {
        let all = self.traffic.lock();
        for (metric, is_sent) in [("received", false), ("sent", true)] {
            let mut begun = false;
            for (index, (_, direction)) in DIRECTIONS.iter().enumerate() {
                for ((proxy, listener, upstream), sums) in &*all {
                    let (received, sent) = sums.totals()[index];
                    if received == 0 && sent == 0 {
                        continue;
                    }
                    let name = format!("toxiproxy_proxy_{metric}_bytes_total");
                    if !std::mem::replace(&mut begun, true) {
                        *text += &format!("# HELP {name} \n# TYPE {name} counter\n");
                    }
                    let (listener, proxy) = (escaped(listener), escaped(proxy));
                    let (upstream, value) =
                        (escaped(upstream), if is_sent { sent } else { received });
                    *text += &format!(
                        "{name}{{direction=\"{direction}\",listener=\"{listener}\",\
                         proxy=\"{proxy}\",upstream=\"{upstream}\"}} {value}\n"
                    );
                }
            }
        }
    }
}

impl Sums {
    /// What was received and sent, in both directions.
    fn totals(&self) -> [(u64, u64); 2] {
        let mut totals = self.past;
        if let Some(current) = &self.current {
            for (total, (direction, _)) in totals.iter_mut().zip(DIRECTIONS) {
                let (received, sent) = current.totals(direction);
                *total = (total.0 + received, total.1 + sent);
            }
        }
        totals
    }
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// All that is published.
pub(super) fn text(published: Published, ledger: &Ledger) -> String {
    let mut text = String::new();
    if published.process {
        process(&mut text);
    }
    if published.proxies {
        ledger.write(&mut text);
    }
    text
}

/// What Prometheus' own library publishes of a process, where there is `/proc`.
fn process(text: &mut String) {
    /// In these units Linux tells times to programs, whatever its own clock is.
    const TICKS_PER_SECOND: f64 = 100.0;
    const PAGE: f64 = 4096.0;
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return };
    // The name of the program, in parentheses, may have blanks.
    let Some((_, rest)) = stat.rsplit_once(')') else { return };
    let fields: Vec<f64> = rest.split_whitespace().map(|it| it.parse().unwrap_or(0.0)).collect();
    // The fields as proc(5) counts them, from the third on, which is the first here.
    let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0.0);
    let descriptors = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 descriptors")]
    let descriptors = descriptors as f64;
    for (name, kind, help, value) in [
        (
            "process_cpu_seconds_total",
            "counter",
            "Total user and system CPU time spent in seconds.",
            (field(14) + field(15)) / TICKS_PER_SECOND,
        ),
        ("process_open_fds", "gauge", "Number of open file descriptors.", descriptors),
        (
            "process_resident_memory_bytes",
            "gauge",
            "Resident memory size in bytes.",
            field(24) * PAGE,
        ),
        ("process_threads", "gauge", "Number of OS threads.", field(20)),
        ("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", field(23)),
    ] {
        *text += &format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
    }
}
