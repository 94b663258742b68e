//! Selections by name: `--chaos-select smoke`, `CHAOS_SELECT`.

use std::path::Path;
use std::time::Duration;

use chaos_core::duration::Display;

use super::choice::{self, Candidate, Choice};
use super::score::{self, Times};
use super::{Selected, Selection};
use crate::capability;
use crate::config::members::without_names;
use crate::config::selections::NamedSelection;
use crate::identity::Identity;
use crate::phases::Plan;
use crate::quarantine::Date;
use crate::registry::{Gate, TestCase};
use crate::report::words;
use crate::revision;
use crate::run_directory;
use crate::run_event::SelectionSummary;
use crate::settings::Settings;
use crate::test_history::{History, HistoryError, Past, Suite};

/// How long a test is expected to take that never ran, unless its deadline is earlier.
const UNKNOWN: Duration = Duration::from_secs(10);

/// What a named selection has made of the tests that the arguments left.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) name: String,
    /// How long it may take.
    pub(crate) budget: Option<Duration>,
    /// How many tests run at once.
    pub(crate) threads: usize,
    /// How long the chosen tests are expected to take together.
    pub(crate) expected: Duration,
    /// Those that were chosen, the most informative for its time first.
    pub(crate) chosen: Vec<Choice>,
    /// Those that belong and for which there is no time.
    pub(crate) no_room: Vec<Choice>,
    /// Those that do not belong.
    pub(crate) others: Vec<Choice>,
    /// How long all that was left out would take by itself.
    pub(crate) left_out_takes: Duration,
    /// The tests that were left out, with their domains.
    pub(crate) left_out: Vec<&'static TestCase>,
}

impl Named {
    /// What the journal and the reports say of it.
    pub(crate) fn summary(&self) -> SelectionSummary {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        SelectionSummary {
            name: self.name.clone(),
            budget_ms: self.budget.map(ms),
            chosen: self.chosen.len() as u64,
            expected_ms: ms(self.expected),
            not_selected: (self.no_room.len() + self.others.len()) as u64,
            not_selected_ms: ms(self.left_out_takes),
        }
    }
}

/// A selection cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotSelect {
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error("{}", .0.join("\n"))]
    Unmatched(Vec<String>),
    #[error(
        "the selection `{name}` has time for no test: of its {count} tests the shortest is expected to \
         take {}, and its budget is {}; give it more: [selections.{name}] budget = \"..\"",
        words::time(*.shortest), Display(*.budget)
    )]
    NoRoom { name: String, count: usize, shortest: Duration, budget: Duration },
}

/// What there is to know of the suite to choose from it.
pub(crate) struct Suitable<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) identity: &'a Identity,
    pub(crate) plan: &'a Plan,
    /// How many tests run at once.
    pub(crate) threads: usize,
    /// The directory of all runs.
    pub(crate) root: &'a Path,
}

impl Suitable<'_> {
    /// Leaves the tests that the selection chooses, in the order of the choice if it has a budget and no
    /// other order was asked for. Tests that are only shown, as ignored ones are, stay.
    ///
    /// # Errors
    ///
    /// When it names a domain or a test that is not there, when there is time for no test, and when the
    /// history cannot be read.
    pub(crate) fn choose(
        &self,
        selection: Selection,
        spec: &NamedSelection,
        all: &[Selected],
    ) -> Result<Selection, CannotSelect> {
        self.check(spec, all)?;
        let Selection { tests, filtered_out, is_shuffled, .. } = selection;
        let history = self.history(&tests)?;
        let pasts = tests.iter().map(|test| history.past(&test.name));
        let pasts: Vec<Past> = pasts.collect::<Result<_, _>>()?;
        let times = Times {
            latest: pasts.iter().filter_map(|past| past.last_unix_ms).max().unwrap_or(0),
            head_moved: revision::head_moved_unix_ms(&run_directory::workspace(None)),
        };
        let (mut shown, mut candidates, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for (test, past) in tests.iter().zip(&pasts) {
            let candidate = || self.candidate(test, past, times);
            match self.excluded(spec, test) {
                Some(why) => others.push((candidate(), why)),
                None if is_only_shown(test) => shown.push(test.name.clone()),
                None => candidates.push(candidate()),
            }
        }
        let named = self.named(spec, &candidates, others)?;
        let (mut kept, left_out): (Vec<Selected>, Vec<Selected>) =
            tests.into_iter().partition(|test| {
                let is_chosen = named.chosen.iter().any(|choice| choice.name == test.name);
                is_chosen || shown.contains(&test.name)
            });
        if named.budget.is_some() && !is_shuffled {
            let place = |test: &Selected| named.chosen.iter().position(|it| it.name == test.name);
            // Those that are only shown come last.
            kept.sort_by_cached_key(|test| place(test).unwrap_or(usize::MAX));
        }
        let left_out = left_out.iter().map(|test| test.case).collect();
        let (named, history) = (Some(Named { left_out, ..named }), Some(history));
        Ok(Selection { tests: kept, filtered_out, named, history, is_shuffled })
    }

    /// Whatever the selection names has to be there, of all tests of this binary.
    fn check(&self, spec: &NamedSelection, all: &[Selected]) -> Result<(), CannotSelect> {
        if !spec.binaries.include(&self.identity.target) {
            return Ok(());
        }
        let all: Vec<_> = all.iter().map(|it| (&*it.name, it.case.options.domain)).collect();
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        let skipped = spec.skip.iter().flat_map(|skip| {
            let nobody = |pattern| Some((skip.line, without_names(pattern, &names)?));
            skip.value.iter().filter_map(nobody)
        });
        let mut wrong: Vec<_> = spec.members.unmatched(&all).into_iter().chain(skipped).collect();
        wrong.sort_by_key(|(line, _)| *line);
        let told = wrong.into_iter().map(|(line, message)| {
            let place = self.settings.config.place(line, "");
            format!("{place}: the selection `{}`: {message}", spec.name)
        });
        let told: Vec<String> = told.collect();
        if told.is_empty() { Ok(()) } else { Err(CannotSelect::Unmatched(told)) }
    }

    fn history(&self, tests: &[Selected]) -> Result<History, HistoryError> {
        let names: Vec<String> = tests.iter().map(|test| test.name.clone()).collect();
        let cases: Vec<_> = tests.iter().map(|test| test.case).collect();
        let suite = Suite::to_be_asked(self.identity, &cases, &names, self.settings);
        History::open(&self.root.join("history"), suite)
    }

    /// Why a test does not belong to the selection.
    fn excluded(&self, spec: &NamedSelection, test: &Selected) -> Option<String> {
        let domain = test.case.options.domain;
        let mut skip = spec.skip.iter().flat_map(|skip| &skip.value);
        if !spec.binaries.include(&self.identity.target) {
            Some(format!("`{}` is for other test binaries", spec.name))
        } else if !spec.members.is_empty() && !spec.members.include(&test.name, domain) {
            Some("neither its domain nor its name is asked for".to_owned())
        } else if let Some(pattern) = skip.find(|pattern| pattern.matches(&test.name)) {
            Some(format!("skipped by `{}`", pattern.as_str()))
        } else if spec.must_pass_only.is_some_and(|it| it.value) && self.may_fail(test) {
            Some("may fail, and only what must pass is asked for".to_owned())
        } else {
            None
        }
    }

    fn may_fail(&self, test: &Selected) -> bool {
        let binary = &self.identity.target;
        test.case.options.gate == Gate::MayFail
            || self.settings.quarantine.entry(binary, &test.name, Date::today()).is_some()
    }

    fn candidate(&self, test: &Selected, past: &Past, times: Times) -> Candidate {
        let timeout = self.settings.timeout(test.case).value;
        let once = past.expected.unwrap_or(UNKNOWN.min(timeout));
        Candidate {
            name: test.name.clone(),
            expected: once * self.settings.environment.runs.unwrap_or(1),
            exclusive: test.case.options.exclusive,
            may_fail: self.may_fail(test),
            covers: test.case.options.covers,
            reasons: score::reasons(past, times),
        }
    }

    fn named(
        &self,
        spec: &NamedSelection,
        candidates: &[Candidate],
        others: Vec<(Candidate, String)>,
    ) -> Result<Named, CannotSelect> {
        // Without a budget there is time for all, and the points tell an order all the same.
        let budget = spec.budget();
        let most = budget.unwrap_or(Duration::MAX);
        let found = choice::choose(candidates, most, self.threads, self.plan);
        if let (true, Some(budget)) = (found.chosen.is_empty(), budget) {
            if let Some(shortest) = candidates.iter().map(|it| it.expected).min() {
                let (name, count) = (spec.name.clone(), candidates.len());
                return Err(CannotSelect::NoRoom { name, count, shortest, budget });
            }
        }
        let is_left_out =
            |candidate: &&Candidate| found.left_out.iter().any(|it| it.name == candidate.name);
        let mut left_out: Vec<&Candidate> = candidates.iter().filter(is_left_out).collect();
        left_out.extend(others.iter().map(|(candidate, _)| candidate));
        let left_out_takes = choice::length(&left_out, self.threads, self.plan);
        let others = others.iter().map(|(candidate, why)| Choice {
            name: candidate.name.clone(),
            expected: candidate.expected,
            points: 0.0,
            why: why.clone(),
        });
        Ok(Named {
            name: spec.name.clone(),
            budget,
            threads: self.threads,
            expected: found.expected,
            chosen: found.chosen,
            no_room: found.left_out,
            others: others.collect(),
            left_out_takes,
            left_out: Vec::new(),
        })
    }
}

/// Whether the test is in the run and takes no time: it is ignored, or needs what is not here.
fn is_only_shown(test: &Selected) -> bool {
    test.ignored || capability::missing(test.case.options.requires).is_some()
}
