//! What `--chaos-config` prints: the effective value of every setting, and where it comes from.
//!
//! ```text
//! chaos.toml           bank/chaos.toml
//! environment          ci       detected: CI is set
//! timeout              60s      default
//!
//! pool::drains
//!   timeout            5m       chaos.toml:12 (override 1)
//! ```
//!
//! A test is listed with the settings in which it differs from the others: first comes what a test
//! without options gets.

use std::borrow::Cow;

use chaos_core::duration::Display;

use super::{Setting, Settings, Source, shown};
use crate::arguments::Arguments;
use crate::baselines::Mode;
use crate::phases::Plan;
use crate::registry::{Options, TestCase};
use crate::run_directory;
use crate::selection::Selected;

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
    options: Options::DEFAULT,
    run: |_| Box::pin(async { Ok(()) }),
};

/// The settings of the suite, and those of each test in which it differs.
pub(crate) fn render(
    settings: &Settings,
    arguments: &Arguments,
    plan: &Plan,
    tests: &[Selected],
) -> String {
    let workspace = run_directory::workspace(None);
    let file = match settings.config.file() {
        Some(file) => shown(file, &workspace),
        None => "none".to_owned(),
    };
    let mut text = format!("{:<22}{file}\n", "chaos.toml");
    let common = of_test(settings, &NO_TEST);
    write(&mut text, "", of_suite(settings, arguments).iter().chain(&common));
    write(&mut text, "", &of_phases(plan));
    for test in tests {
        let own = of_test(settings, test.case);
        let differing: Vec<_> = own.iter().filter(|row| !common.contains(row)).collect();
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
    // One that there is not is told when tests are to run.
    let selection = settings.selection().ok().flatten();
    let selection = selection.map(|it| {
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
    vec![
        Row::of("environment", settings.environment()),
        Row::new("profile", profile_name, &profile.source),
        Row::or("selection", selection, "none: all tests"),
        Row::or("directory", directory, "target/chaos"),
        Row::or("test threads", settings.test_threads(arguments), "one for each processor"),
        Row::or("max failures", settings.max_failures(), "any number"),
        Row::of("flaky result", settings.flaky_result()),
        Row::of("keep databases", settings.keep()),
        Row::or("baselines", baseline_mode, "neither saved nor compared"),
        Row::of("baseline effect", effect),
        Row::of("baseline alpha", alpha),
        Row::of("diagnostics", settings.diagnostics().map(|it| Display(it).to_string())),
        Row::of("trace", settings.trace()),
    ]
}

/// Each phase, with the number of its tests.
fn of_phases(plan: &Plan) -> Vec<Row> {
    let row = |(name, value, source)| Row { name: format!("phase {name}").into(), value, source };
    plan.listing().into_iter().map(row).collect()
}

/// What may differ from test to test.
fn of_test(settings: &Settings, case: &TestCase) -> Vec<Row> {
    let timeout = settings.timeout(case);
    let quiet = settings.quiet_within(case);
    let delay = settings.scheduling_delay(case);
    let shares = settings.share_bounds(case).into_iter().map(|(name, share)| {
        Row::new(name, format!("{:.0} %", share.value * 100.0), &share.source)
    });
    let mut rows = vec![
        Row::new("timeout", Display(timeout.value), &timeout.source),
        Row::of("retries", settings.retries(case)),
        Row::or("only retry", settings.only_retry(case), "every failure"),
        Row::or(
            "backoff",
            settings.backoff(case).map(|it| it.map(|time| Display(time).to_string())),
            "none",
        ),
        Row::of("passes needed", settings.min_passes(case)),
        Row::or("forgive violations", settings.forgive_violations(case), "if declared flaky"),
        Row::or("seed", settings.seed(case), "random"),
        Row::of("load multiplier", settings.load_multiplier(case)),
        Row::of("timeout multiplier", settings.timeout_multiplier(case)),
        Row::or("pool size", settings.pool_size(case), "by the load multiplier"),
        Row::of("watch", settings.watch_enabled(case)),
        Row::of("watch retries", settings.watch_retries(case)),
        Row::new("watch quiet within", Display(quiet.value), &quiet.source),
        Row::new("watch delay", Display(delay.value), &delay.source),
    ];
    rows.extend(shares);
    rows
}

fn write<'a>(text: &mut String, indent: &str, rows: impl IntoIterator<Item = &'a Row>) {
    let rows: Vec<_> = rows.into_iter().collect();
    let width = 22 - indent.len();
    // A regular expression can be of any length.
    let longest = rows.iter().map(|row| row.value.chars().count()).max().unwrap_or(0);
    let column = (longest + 2).max(24);
    for Row { name, value, source } in rows {
        text.push_str(&format!("{indent}{name:<width$}{value:<column$}{source}\n"));
    }
}
