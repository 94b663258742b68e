//! The file as text.

use std::time::Duration;

use chaos_core::baseline::Baseline;
use chaos_core::duration::{Display, rounded};
use chaos_core::stats::Interval;
use serde_json::Value;

use super::{Metric, Store, VERSION};

const HEAD: &str = "\
# How long things took, written by `--chaos-baseline save` and read by `--chaos-baseline compare`.
# Commit it. Only `build`, `state` and `samples-ns` are read; the rest is for you.
";

impl Store {
    pub(super) fn to_text(&self) -> String {
        let mut text = format!("{HEAD}version = {VERSION}\n");
        for machine in &self.machines {
            text.push_str(&format!(
                "\n[[machine]]\nbuild = {}\n\n[machine.state]\n",
                toml(&Value::from(machine.build.as_str()))
            ));
            let state = serde_json::to_value(&machine.state).expect("a machine has text as keys");
            for (key, value) in state.as_object().into_iter().flatten() {
                text.push_str(&format!("{key} = {}\n", toml(value)));
            }
            machine.metrics.iter().for_each(|metric| write_metric(&mut text, metric));
        }
        text
    }
}

fn write_metric(text: &mut String, metric: &Metric) {
    let Metric { test, name, saved, beside, samples_ns } = metric;
    text.push_str("\n[[machine.metric]]\n");
    let name_of = Some(name.clone());
    let texts = [("test", test), ("name", &name_of), ("saved", saved), ("beside", beside)];
    for (key, value) in texts {
        if let Some(value) = value {
            text.push_str(&format!("{key} = {}\n", toml(&Value::from(value.as_str()))));
        }
    }
    let durations = samples_ns.iter().copied().map(Duration::from_nanos).collect();
    if let Ok(baseline) = Baseline::of(name, durations) {
        write_figures(text, &baseline);
    }
    text.push_str("samples-ns = [");
    // Lines of a length that reviews can show.
    for (place, sample) in samples_ns.iter().enumerate() {
        text.push_str(if place % 12 == 0 { "\n    " } else { " " });
        text.push_str(&format!("{sample},"));
    }
    text.push_str("\n]\n");
}

fn write_figures(text: &mut String, baseline: &Baseline) {
    let summary = baseline.summary();
    let time = |seconds: f64| {
        let time = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Display(rounded(time)).to_string()
    };
    text.push_str(&format!("n = {}\n", summary.n));
    for (key, value) in [
        ("mean", summary.mean),
        ("deviation", summary.deviation),
        ("min", summary.min),
        ("p50", summary.median),
        ("p95", summary.p95),
        ("p99", summary.p99),
        ("max", summary.max),
    ] {
        text.push_str(&format!("{key} = \"{}\"\n", time(value)));
    }
    for (key, Interval { low, high }) in [
        ("mean-95", summary.mean_95),
        ("mean-99", summary.mean_99),
        ("median-95", summary.median_95),
        ("median-99", summary.median_99),
    ] {
        text.push_str(&format!("{key} = [\"{}\", \"{}\"]\n", time(low), time(high)));
    }
}

/// A value of TOML. JSON's numbers, texts and lists are TOML too; only its objects look otherwise.
fn toml(value: &Value) -> String {
    let Value::Object(fields) = value else { return value.to_string() };
    let fields: Vec<_> = fields.iter().map(|(key, it)| format!("{key} = {}", toml(it))).collect();
    format!("{{ {} }}", fields.join(", "))
}
