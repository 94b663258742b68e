//! What `--chaos-config` prints: the effective value of every setting, and where it comes from.
//!
//! ```text
//! chaos.toml                    bank/chaos.toml
//! environment                   ci       detected: CI is set
//! attempts.timeout              1m       default
//!
//! pool::drains
//!   attempts.timeout            5m       chaos.toml:12 (override 1)
//! ```
//!
//! A value that can be set has the name of its key, as `--chaos-set` takes it.
//! A test is listed with the settings in which it differs from the others: first comes what a test
//! without options gets.

use std::borrow::Cow;

use chaos_core::duration::Display;
use chaos_core::machine::Machine;

use super::{Setting, Settings, Source, shown};
use crate::arguments::Arguments;
use crate::baselines::Mode;
use crate::config::size::Size;
use crate::phases::Plan;
use crate::registry::{Options, TestCase};
use crate::report::words;
use crate::run_directory;
use crate::selection::Selected;

mod gates;

/// The width of the column of names: that of the longest key that is always there.
const NAME: usize = 30;

/// A setting, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    name: Cow<'static, str>,
    value: String,
    source: String,
}

impl Row {
    fn new(name: &'static str, value: impl ToString, source: &Source) -> Self {
        Self { name: name.into(), value: value.to_string(), source: source.to_string() }
    }

    fn of<T: ToString>(name: &'static str, setting: Setting<T>) -> Self {
        Self::new(name, setting.value, &setting.source)
    }

    /// Adds what the attribute of the test says, where something else goes before it.
    fn before<T: ToString>(mut self, attribute: Option<T>) -> Self {
        if let Some(value) = attribute.filter(|_| self.source != Source::Attribute.to_string()) {
            self.source.push_str(&format!(" (before the attribute's {})", value.to_string()));
        }
        self
    }

    fn or<T: ToString>(name: &'static str, setting: Option<Setting<T>>, otherwise: &str) -> Self {
        match setting {
            Some(setting) => Self::of(name, setting),
            None => Self::new(name, otherwise, &Source::Default),
        }
    }
}

/// A test of which nothing is said.
static NO_TEST: TestCase = TestCase {
    module: "",
    function: "",
    file: "",
    line: 0,
    column: 0,
    description: "",
    fingerprint: 0,
    options: Options::DEFAULT,
    run: |_| Box::pin(async { Ok(()) }),
};

/// The settings of the suite, and those of each test in which it differs; all those of the tests that
/// are asked for by filters.
pub(crate) fn render(
    settings: &Settings,
    arguments: &Arguments,
    plan: &Plan,
    tests: &[Selected],
    binary: &str,
) -> String {
    let workspace = run_directory::workspace(None);
    let file = match settings.config.file() {
        Some(file) => shown(file, &workspace),
        None => "none".to_owned(),
    };
    let mut text = format!("{:<NAME$}{file}\n", "chaos.toml");
    let common = of_test(settings, &NO_TEST, binary);
    let are_asked_for = !arguments.filters.is_empty();
    let shown = if are_asked_for { &[][..] } else { &common };
    write(&mut text, "", of_suite(settings, arguments).iter().chain(shown));
    write(&mut text, "", &gates::of(settings, binary));
    write(&mut text, "", &of_phases(plan));
    for test in tests {
        let own = of_test(settings, test.case, binary);
        let differs = |row: &&Row| are_asked_for || !common.contains(row);
        let differing: Vec<_> = own.iter().filter(differs).collect();
        if !differing.is_empty() {
            text.push_str(&format!("\n{}\n", test.name));
            write(&mut text, "  ", differing);
        }
    }
    text
}

/// What concerns the run as a whole.
fn of_suite(settings: &Settings, arguments: &Arguments) -> Vec<Row> {
    let profile = settings.profile();
    let selection = settings.selection().map(|it| {
        it.map(|spec| {
            let budget = spec.budget().map(|time| format!(", {}", Display(time)));
            format!("{}{}", spec.name, budget.unwrap_or_default())
        })
    });
    let profile_name = profile.value.as_deref().unwrap_or("none");
    let (effect, alpha) = settings.baseline_bounds();
    let word = |mode| Mode::ALL.into_iter().find(|it| it.1 == mode).map_or("", |it| it.0);
    let baseline_mode = settings.baseline_mode().map(|it| it.map(word));
    let directory = settings.directory().map(|it| it.map(|path| path.display().to_string()));
    let mut rows = settings.machine.as_ref().map_or_else(Vec::new, of_machine);
    rows.extend([
        Row::of("environment", settings.environment()),
        Row::new("profile", profile_name, &profile.source),
        Row::or("selection", selection, "none: all tests"),
        Row::or("run.directory", directory, "target/chaos"),
        Row::or("run.test-threads", settings.test_threads(arguments), "one for each processor"),
        Row::or("run.max-failures", settings.max_failures(), "any number"),
        Row::of("run.flaky-result", settings.flaky_result()),
        Row::of("run.keep", settings.keep()),
        Row::of("run.diagnostics", settings.diagnostics().map(|it| Display(it).to_string())),
        Row::of("run.trace", settings.trace()),
        Row::or("coverage.requirements", settings.requirements_setting(), "none"),
        Row::or("baselines.mode", baseline_mode, "neither saved nor compared"),
        Row::of("baselines.effect", effect),
        Row::of("baselines.alpha", alpha),
    ]);
    rows
}

/// What was found out about the machine.
fn of_machine(machine: &Machine) -> Vec<Row> {
    let row = |name: &'static str, value: String, source: String| Row {
        name: name.into(),
        value,
        source,
    };
    let size =
        |bytes: Option<u64>| bytes.map_or_else(|| "unknown".to_owned(), |it| Size(it).to_string());
    let quota = match machine.cpu_quota {
        Some(quota) => format!("a quota of {quota}"),
        None => "no quota".to_owned(),
    };
    let load =
        machine.load_average.map_or_else(String::new, |[minute, ..]| format!(", load {minute:.1}"));
    let place = match (&machine.ci, &machine.container) {
        (None, None) => "no CI, no container".to_owned(),
        (ci, container) => {
            let container = container.as_ref().map(|kind| format!("a container ({kind})"));
            let ci = ci.as_ref().map(|ci| format!("CI ({ci})"));
            ci.into_iter().chain(container).collect::<Vec<_>>().join(", ")
        }
    };
    let disk = machine.disk.as_ref();
    let free = size(disk.map(|disk| disk.free));
    let kind = disk.and_then(|disk| disk.file_system.as_deref()).unwrap_or("unknown");
    vec![
        row(
            "cores",
            machine.cores.to_string(),
            format!("{} allowed, {quota}{load}", machine.allowed_cores),
        ),
        row(
            "memory",
            size(machine.memory),
            format!(
                "of {}, {} available",
                size(machine.total_memory),
                size(machine.available_memory)
            ),
        ),
        row(
            "temporary files",
            format!("{free} free"),
            format!("of {}, {kind}", size(disk.map(|disk| disk.total))),
        ),
        row(
            "open files",
            machine.descriptors.map_or_else(|| "unknown".to_owned(), |most| most.to_string()),
            "at most, for a process".to_owned(),
        ),
        row("clock step", format!("{} ns", machine.clock_step_ns), "seen".to_owned()),
        row("runs in", place, "detected".to_owned()),
    ]
}

/// Each phase, with the number of its tests.
fn of_phases(plan: &Plan) -> Vec<Row> {
    let row = |(name, value, source)| Row { name: format!("phase {name}").into(), value, source };
    plan.listing().into_iter().map(row).collect()
}

/// What may differ from test to test.
fn of_test(settings: &Settings, case: &TestCase, binary: &str) -> Vec<Row> {
    let options = &case.options;
    let timeout = settings.timeout(case);
    let quiet = settings.quiet_within(case);
    let delay = settings.scheduling_delay(case);
    let shares = settings.share_bounds(case).into_iter().map(|(name, share)| {
        Row::new(name, format!("{:.0} %", share.value * 100.0), &share.source)
    });
    let mut rows = vec![
        Row::new("attempts.timeout", Display(timeout.value), &timeout.source)
            .before(options.timeout.map(Display)),
        Row::of("attempts.retries", settings.retries(case))
            .before(Some(options.retries).filter(|retries| *retries > 0)),
        Row::or("attempts.only-retry", settings.only_retry(case), "every failure")
            .before(options.only_retry),
        Row::or(
            "attempts.backoff",
            settings.backoff(case).map(|it| it.map(|time| Display(time).to_string())),
            "none",
        )
        .before(options.backoff.map(Display)),
        min_passes(settings, case),
        Row::or(
            "attempts.forgive-violations",
            settings.forgive_violations(case),
            "if flaky, or only-retry",
        ),
        Row::or("attempts.seed", settings.seed(case), "random").before(options.seed),
        Row::or("triage.owner", settings.owner(case, binary), "nobody"),
        Row::of("load.multiplier", settings.load_multiplier(case)),
        Row::of("load.timeout-multiplier", settings.timeout_multiplier(case)),
        Row::or("load.pool-size", settings.pool_size(case), "by the load multiplier"),
        Row::of("watch.enabled", settings.watch_enabled(case)),
        Row::of("watch.retries", settings.watch_retries(case)),
        Row::new("watch.quiet-within", Display(quiet.value), &quiet.source),
        Row::new("watch.scheduling-delay", Display(delay.value), &delay.source),
    ];
    rows.extend(shares);
    rows
}

/// How many attempts have to pass, and that there cannot be as many where that is so.
fn min_passes(settings: &Settings, case: &TestCase) -> Row {
    let (passes, retries) = (settings.min_passes(case), settings.retries(case).value);
    let attempts = words::counted(u64::from(retries) + 1, "attempt");
    let is_too_much = passes.value > retries.saturating_add(1);
    let declared = Some(case.options.min_passes).filter(|passes| *passes > 1);
    let mut row = Row::of("attempts.min-passes", passes).before(declared);
    if is_too_much {
        row.source.push_str(&format!(", of {attempts}: all of them"));
    }
    row
}

fn write<'a>(text: &mut String, indent: &str, rows: impl IntoIterator<Item = &'a Row>) {
    let rows: Vec<_> = rows.into_iter().collect();
    let names = rows.iter().map(|row| row.name.chars().count() + 2);
    let width = names.max().unwrap_or(0).max(NAME - indent.len());
    // A regular expression can be of any length.
    let longest = rows.iter().map(|row| row.value.chars().count()).max().unwrap_or(0);
    let column = (longest + 2).max(24);
    for Row { name, value, source } in rows {
        text.push_str(&format!("{indent}{name:<width$}{value:<column$}{source}\n"));
    }
}
