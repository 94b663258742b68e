//! The file of baselines.
//!
//! It is written by hand-made lines, because people read it in reviews: the figures stand beside the
//! values, and only the values are read again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chaos_core::baseline::Baseline;
use chaos_core::duration::{Display, rounded};
use chaos_core::stats::Interval;
use serde::Deserialize;

use super::host::{self, Host};

/// The version of the format.
const VERSION: u32 = 1;

/// All that a file holds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Store {
    version: u32,
    #[serde(default)]
    machine: Vec<Machine>,
}

impl Default for Store {
    fn default() -> Self {
        Self { version: VERSION, machine: Vec::new() }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Machine {
    #[serde(flatten)]
    host: Host,
    /// The load average at the time.
    #[serde(default)]
    load: Option<f64>,
    #[serde(default)]
    metric: Vec<Stored>,
}

/// What was measured of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Stored {
    /// Its name.
    pub name: String,
    /// The values, in nanoseconds.
    #[serde(rename = "samples-ns")]
    pub samples_ns: Vec<u64>,
}

impl Stored {
    pub(super) fn seconds(&self) -> Vec<f64> {
        let seconds = |ns: &u64| Duration::from_nanos(*ns).as_secs_f64();
        self.samples_ns.iter().map(seconds).collect()
    }
}

/// Why baselines could not be saved or compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No test that passed had measured anything.
    #[error(
        "no baseline was measured by a test that passed; measure one with `cx.baseline(\"checkout\", \
         async || pool.get().await).await?`"
    )]
    NothingMeasured,
    /// There is no file yet.
    #[error("there are no baselines in {}; `--chaos-baseline save` writes them", path.display())]
    NoFile {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file has nothing of such a machine.
    #[error(
        "the baselines in {} are not of a machine like this one, so nothing is compared: {}; \
         `--chaos-baseline save` adds those of this machine", path.display(), differences.join("; or: ")
    )]
    NotComparable {
        /// The file.
        path: PathBuf,
        /// What is different about each machine in it.
        differences: Vec<String>,
    },
    /// The file has none of what was measured.
    #[error(
        "{} has no baseline of what was measured ({}); `--chaos-baseline save` adds them",
        path.display(), unknown.join(", ")
    )]
    NothingStored {
        /// The file.
        path: PathBuf,
        /// What was measured.
        unknown: Vec<String>,
    },
    /// The file is not what is written into it.
    #[error("cannot understand {}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where, and why.
        source: toml::de::Error,
    },
    /// The file is of a newer version of the library.
    #[error("{} has version {version}, and this library reads up to {VERSION}", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The file cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was done to it.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Store {
    /// Reads a file; nothing if there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be read or understood.
    pub fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(StoreError::File { action: "read", path: path.to_owned(), source });
            }
        };
        let store: Self = toml::from_str(&text)
            .map_err(|source| StoreError::Malformed { path: path.to_owned(), source })?;
        if store.version > VERSION {
            return Err(StoreError::TooNew { path: path.to_owned(), version: store.version });
        }
        Ok(Some(store))
    }

    /// What it has of a machine like this one.
    pub(super) fn of(&self, path: &Path, host: &Host) -> Result<&[Stored], StoreError> {
        let found = self.machine.iter().find(|machine| machine.host == *host);
        let machine = found.ok_or_else(|| StoreError::NotComparable {
            path: path.to_owned(),
            differences: self
                .machine
                .iter()
                .map(|machine| host.differences(&machine.host).join(", "))
                .collect(),
        })?;
        Ok(&machine.metric)
    }

    /// Puts what was measured on this machine into the place of what it has of the same things, and
    /// keeps what was not measured this time.
    pub(super) fn put(&mut self, host: &Host, measured: &[Stored]) {
        let place = self.machine.iter().position(|machine| machine.host == *host);
        let place = place.unwrap_or_else(|| {
            let (host, metric) = (host.clone(), Vec::new());
            self.machine.push(Machine { host, load: None, metric });
            self.machine.len() - 1
        });
        let machine = &mut self.machine[place];
        machine.load = host::load();
        machine.metric.retain(|old| measured.iter().all(|new| new.name != old.name));
        machine.metric.extend(measured.iter().cloned());
        machine.metric.sort_by(|a, b| a.name.cmp(&b.name));
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), StoreError> {
        let failed =
            |action| move |source| StoreError::File { action, path: path.to_owned(), source };
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(failed("make the directory of"))?;
        }
        fs::write(path, self.to_text()).map_err(failed("write"))
    }

    fn to_text(&self) -> String {
        let mut text = String::from(
            "# How long things took, written by `--chaos-baseline save` and read by `--chaos-baseline \
             compare`.\n# Commit it. Only the machine and `samples-ns` are read; the rest is for you.\n",
        );
        text.push_str(&format!("version = {VERSION}\n"));
        for machine in &self.machine {
            let Host { os, arch, cores, processor, build } = &machine.host;
            text.push_str(&format!(
                "\n[[machine]]\nos = {os:?}\narch = {arch:?}\ncores = {cores}\n\
                 processor = {}\nbuild = {build:?}\n",
                toml_text(processor)
            ));
            if let Some(load) = machine.load {
                text.push_str(&format!("load = {load:?}\n"));
            }
            for metric in &machine.metric {
                write_metric(&mut text, metric);
            }
        }
        text
    }
}

fn write_metric(text: &mut String, metric: &Stored) {
    let Stored { name, samples_ns } = metric;
    let name_text = toml_text(name);
    text.push_str(&format!("\n[[machine.metric]]\nname = {name_text}\n"));
    let durations = samples_ns.iter().copied().map(Duration::from_nanos).collect();
    if let Ok(baseline) = Baseline::of(name, durations) {
        let summary = baseline.summary();
        let time = |seconds: f64| {
            let time = Duration::try_from_secs_f64(seconds).unwrap_or_default();
            Display(rounded(time)).to_string()
        };
        let range = |of: Interval| format!("[\"{}\", \"{}\"]", time(of.low), time(of.high));
        text.push_str(&format!(
            "n = {}\nmean = \"{}\"\ndeviation = \"{}\"\nmin = \"{}\"\np50 = \"{}\"\np95 = \"{}\"\n\
             p99 = \"{}\"\nmax = \"{}\"\nmean-95 = {}\nmean-99 = {}\nmedian-95 = {}\n\
             median-99 = {}\n",
            summary.n,
            time(summary.mean),
            time(summary.deviation),
            time(summary.min),
            time(summary.median),
            time(summary.p95),
            time(summary.p99),
            time(summary.max),
            range(summary.mean_95),
            range(summary.mean_99),
            range(summary.median_95),
            range(summary.median_99),
        ));
    }
    text.push_str(&format!("samples-ns = {samples_ns:?}\n"));
}

/// A string of TOML. JSON's escapes are among those of TOML.
fn toml_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
