//! The text of an issue about a test: what its history says of it, what became of it last, and how to see it
//! again. Markdown, to be pasted into a tracker.

use std::fmt::Write as _;
use std::time::Duration;

use super::record::{RunRecord, TestRecord};
use super::redact::redact;
use super::{reproduce, words};
use crate::identity::Identity;
use crate::quarantine::Date;
use crate::registry::TestCase;
use crate::run_event::{
    CategorySummary, Elsewhere, KnownFailure, KnownSeed, Regression, RetryRate, Trend,
};

/// How many of the latest outcomes are shown.
const OUTCOMES: usize = 20;

/// How many runs tell the commits before a regression from those after it: see `docs/flakiness.md`.
const RUNS_TO_BISECT: u32 = 200;

/// What an issue is made of.
#[derive(Debug)]
pub(crate) struct Issue<'a> {
    pub(crate) case: &'a TestCase,
    pub(crate) identity: &'a Identity,
    pub(crate) category: &'a CategorySummary,
    pub(crate) trend: &'a Trend,
    /// Where this is asked, in words.
    pub(crate) surroundings: String,
    /// The latest run in which it failed, if that is still there.
    pub(crate) latest: Option<&'a RunRecord>,
}

impl Issue<'_> {
    /// The text, which ends with a line.
    pub(crate) fn render(&self) -> String {
        let mut text = format!("# {}\n\n", self.title());
        if !self.case.description.trim().is_empty() {
            let _fits =
                writeln!(text, "> {}\n", self.case.description.trim().replace('\n', "\n> "));
        }
        text.push_str("| | |\n|---|---|\n");
        for (name, value) in self.facts() {
            let _fits = writeln!(text, "| {name} | {} |", cell(&value));
        }
        if !self.trend.failures.is_empty() {
            text.push_str("\n## How it fails\n\n| times | first | last | kind | message |\n");
            text.push_str("|---|---|---|---|---|\n");
            for failure in &self.trend.failures {
                let KnownFailure { kind, message, count, first_unix_ms, last_unix_ms, .. } =
                    failure;
                let (first, last) =
                    (Date::of_unix_ms(*first_unix_ms), Date::of_unix_ms(*last_unix_ms));
                let message = cell(message);
                let _fits = writeln!(text, "| {count} | {first} | {last} | {kind} | {message} |");
            }
        }
        text.push_str(&self.latest_failure().unwrap_or_default());
        text.push_str(&self.commands());
        redact(&text).into_owned()
    }

    fn title(&self) -> String {
        let name = self.case.name();
        let CategorySummary { n, failures, .. } = self.category;
        match &self.trend.regression {
            Some(Regression { latest, before, .. }) => format!(
                "`{name}` fails in {} of {} runs, and failed in {} of {} before",
                latest.failures, latest.n, before.failures, before.n
            ),
            None if *n > 0 => format!("`{name}` fails in {failures} of {n} runs"),
            None => format!("`{name}` fails"),
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![("category", words::category(self.category))];
        if let Some(regression) = &self.trend.regression {
            let (rates, since) = (words::regression(regression), words::since(regression));
            facts.push(("regression", format!("{rates}; {since}")));
        }
        if let Some(changed) = &self.trend.changed {
            facts.push(("changed", words::change(changed, self.category.n)));
        }
        let recent = &self.trend.recent;
        let latest = &recent[recent.len().saturating_sub(OUTCOMES)..];
        if !latest.is_empty() {
            let count = words::counted(latest.len() as u64, "first attempt");
            facts.push(("outcomes", format!("`{latest}` (the latest {count}, `F` failed)")));
        }
        if let Some(RetryRate { n, passed, reproduced, .. }) = self.trend.retries {
            facts.push((
                "retries",
                format!(
                    "of {n} with the seed that failed {passed} passed, {reproduced} failed in the same way"
                ),
            ));
        }
        let seed = |KnownSeed { seed, attempts, failures }: &KnownSeed| {
            format!("`{seed}` ({failures} of {attempts} failed)")
        };
        let seeds: Vec<String> = self.trend.seeds.iter().map(seed).collect();
        if !seeds.is_empty() {
            facts.push(("seeds", seeds.join(", ")));
        }
        for Elsewhere { surroundings, rate } in &self.trend.elsewhere {
            facts.push(("elsewhere", format!("{surroundings}: {}", words::rate(rate))));
        }
        facts.push(("test", format!("`{}:{}`", self.case.file, self.case.line)));
        facts.push(("here", self.surroundings.clone()));
        facts.extend(self.machine().map(|machine| ("machine", machine)));
        facts
    }

    /// The machine of the latest failure.
    fn machine(&self) -> Option<String> {
        let started = &self.process()?.0.started;
        let mut machine = words::counted(started.cores as u64, "core");
        if let Some(kernel) = started.machine.as_ref().and_then(|it| it.kernel.as_ref()) {
            let _fits = write!(machine, ", kernel {kernel}");
        }
        if let Some(commit) = &started.commit {
            let _fits = write!(machine, ", commit {commit}");
        }
        Some(machine)
    }

    fn process(&self) -> Option<(&super::record::ProcessRecord, &TestRecord)> {
        let run = self.latest?;
        let name = self.case.name();
        let test =
            run.tests.iter().find(|test| test.name == name && test.last_failed().is_some())?;
        Some((run.process_of(test)?, test))
    }

    /// What the latest attempt that failed came to.
    fn latest_failure(&self) -> Option<String> {
        let (process, test) = self.process()?;
        let attempt = test.last_failed()?;
        let failure = attempt.failure()?;
        let day = Date::of_unix_ms(process.started.unix_ms);
        let mut text = format!(
            "\n## The latest failure\n\n{day}, attempt {}, seed `{}`",
            attempt.attempt, attempt.seed
        );
        if let Some(time) = attempt.duration() {
            let _fits = write!(text, ", after {}", words::time(time));
        }
        let _fits = write!(text, ": {}\n\n", failure.kind);
        for line in failure.message.lines() {
            let _fits = writeln!(text, "    {line}");
        }
        if let Some(location) = &failure.location {
            let _fits = writeln!(text, "    at {location}");
        }
        if let Some(triage) = attempt.triage() {
            let _fits =
                writeln!(text, "\nIt points at: {}, because {}.", triage.class, triage.evidence);
        }
        for fault in attempt.ended.iter().flat_map(|ended| &ended.summary.faults) {
            let _fits = write!(
                text,
                "\n* {} on {}, {}",
                fault.label,
                fault.target,
                words::counted(fault.hits, "hit")
            );
            if let Some(recovery) = fault.recovery_ns {
                let _fits =
                    write!(text, ", recovered in {}", words::time(Duration::from_nanos(recovery)));
            }
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Some(text)
    }

    /// How to see it again, and how to find the commit.
    fn commands(&self) -> String {
        let name = self.case.name();
        let mut text = "\n## To see it again\n\n".to_owned();
        let again = self.process().and_then(|(process, test)| reproduce::command(test, process));
        let seed =
            self.trend.seeds.first().map(|seed| self.identity.reproduce(&name, seed.seed, None));
        if let Some(command) = again.or(seed) {
            let _fits = writeln!(text, "    {command}");
        }
        let test = self.identity.test(&name);
        let _fits = writeln!(text, "    {test} --chaos-runs 300\n\n## To find the commit\n");
        let regression = self.trend.regression.as_ref();
        let commit = |of: Option<&String>, unknown: &str| {
            // What differed from it cannot be checked out.
            of.map_or_else(
                || unknown.to_owned(),
                |commit| commit.trim_end_matches("-dirty").to_owned(),
            )
        };
        let bad = commit(regression.and_then(|it| it.commit.as_ref()), "HEAD");
        let good =
            commit(regression.and_then(|it| it.last_good_commit.as_ref()), "<a good commit>");
        let _fits = writeln!(
            text,
            "    git bisect start {bad} {good}\n    git bisect run sh -c '{} || exit 125; {test} --chaos-bisect --chaos-runs {RUNS_TO_BISECT}'",
            self.identity.build(),
        );
        text
    }
}

/// The text of a cell of a table.
fn cell(text: &str) -> String {
    words::one_line(text).replace('|', "\\|")
}
