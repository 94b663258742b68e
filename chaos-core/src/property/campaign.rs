//! Trying a property: kept cases first, then new ones, until one fails.

use std::cell::Cell;
use std::fmt::{self, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::case::{Case, Step};
use super::error::{FailedCase, PropertyError};
use super::failure::CaseFailure;
use super::operation::Operation;
use super::plan::Plan;
use super::reduction::{Failing, Reduced, patience};
use super::regression::{self, About, Kept, Owner};
use super::runner::{Answer, Numbered, Ran, Runner};
use super::schedules::{FaultFamily, schedules};
use super::shrinking_time;
use crate::chaos::Chaos;
use crate::duration::{Display, rounded};
use crate::error::TestError;
use crate::event::{CasePurpose, EventKind, ShrunkCase};
use crate::replay::{self, Asked};
use crate::seed::Seed;

/// How often a kept case is tried.
const REPLAYS: u32 = 3;

/// How long a case may take where the attempt has no deadline.
const CASE_TIMEOUT: Duration = Duration::from_secs(15);

/// Of what is left of an attempt, a case may take the fourth part.
const SHARE_OF_A_CASE: u32 = 4;

/// What is left of an attempt for its end when cases are made smaller.
const RESERVE: Duration = Duration::from_secs(2);

/// The most connections that a case draws for a pool.
const MOST_CONNECTIONS: u64 = 4;

/// Something that has to hold whatever is done, and wherever a fault meets it. Built by
/// [`Chaos::property`].
#[derive(Debug)]
#[must_use = "a property is not tried until it is run: `.run(async |cx, plan| ..)`"]
pub struct Property<'cx, S> {
    cx: &'cx Chaos,
    strategy: S,
    cases: u32,
    operations: RangeInclusive<usize>,
    workers: u32,
    families: Vec<FaultFamily>,
    case_timeout: Option<Duration>,
    shrink_for: Option<Duration>,
    directory: Option<PathBuf>,
}

/// What trying a property came to that holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PropertyReport {
    /// How many new cases were tried.
    pub cases: u32,
    /// How many of them prove nothing, as their faults touched nothing.
    pub vacuous: u32,
    /// How many kept cases were tried.
    pub replayed: u32,
}

impl Chaos {
    /// A property of operations that `strategy` draws one by one: see [`property`](crate::property).
    pub fn property<S: Strategy>(&self, strategy: S) -> Property<'_, S> {
        Property {
            cx: self,
            strategy,
            cases: 64,
            operations: 1..=12,
            workers: 1,
            families: FaultFamily::AT_MESSAGES.to_vec(),
            case_timeout: None,
            shrink_for: None,
            directory: None,
        }
    }
}

impl<S> Property<'_, S> {
    /// How many new cases are tried; 64 unless it is said.
    ///
    /// # Panics
    ///
    /// When it is 0.
    #[track_caller]
    pub fn cases(mut self, cases: u32) -> Self {
        assert!(cases > 0, "a property that is tried on 0 cases holds always");
        self.cases = cases;
        self
    }

    /// How many operations a case has; 1 to 12 unless it is said.
    ///
    /// # Panics
    ///
    /// When the range is empty, or has 0 in it.
    #[track_caller]
    pub fn operations(mut self, operations: RangeInclusive<usize>) -> Self {
        assert!(
            *operations.start() > 0 && !operations.is_empty(),
            "a case needs at least 1 operation; write `.operations(1..=12)`"
        );
        self.operations = operations;
        self
    }

    /// How many workers carry operations out at once, at most; 1 unless it is said. Each case draws
    /// how many of them it has.
    ///
    /// # Panics
    ///
    /// When it is 0.
    #[track_caller]
    pub fn workers(mut self, workers: u32) -> Self {
        assert!(workers > 0, "somebody has to carry the operations out; write `.workers(1)`");
        self.workers = workers;
        self
    }

    /// Which families of faults cases draw from; [`FaultFamily::AT_MESSAGES`] unless it is said.
    pub fn faults(mut self, families: impl IntoIterator<Item = FaultFamily>) -> Self {
        self.families = families.into_iter().collect();
        self
    }

    /// How long one run of a case may take, or else it has failed; under the harness a quarter of the
    /// test's timeout unless it is said, and 15 s elsewhere.
    pub fn case_timeout(mut self, timeout: Duration) -> Self {
        self.case_timeout = Some(timeout);
        self
    }

    /// For how long a failing case is made smaller; as `CHAOS_SHRINK_SECS` says, or 30 s, unless it is
    /// said. Under the harness no longer than the attempt has left.
    pub fn shrink_for(mut self, time: Duration) -> Self {
        self.shrink_for = Some(time);
        self
    }

    /// In which directory failing cases are kept; `tests/chaos-regressions/<test>` in the crate of
    /// the test unless it is said. Outside of the harness, where the name of the test is not known,
    /// they are not kept unless it is said.
    pub fn regressions(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }
}

impl<S: Strategy> Property<'_, S>
where
    S::Value: Operation,
{
    /// Tries the property: first on the cases that are kept, then on new ones.
    ///
    /// `body` is called for each run of a case, with a context of its own, and has to
    /// [run](Plan::run) the plan once. The case fails if it returns an error, panics, takes too long or
    /// leaves something behind in a database.
    ///
    /// # Errors
    ///
    /// [`PropertyError::Failed`] with a case that fails, as small as it could be made; other
    /// [`PropertyError`]s; the error of `body` before it ran the plan, as nothing was broken then.
    pub async fn run<E: Into<TestError>>(
        self,
        body: impl AsyncFn(Chaos, Plan<S::Value>) -> Result<(), E>,
    ) -> Result<PropertyReport, TestError> {
        let number = self.cx.scope().begin_property();
        let directory = self.directory.clone().or_else(|| usual_directory(self.cx, number));
        let deadline = self.cx.scope().test().and_then(|test| test.deadline);
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let of_the_rest = left.map_or(CASE_TIMEOUT, |left| left / SHARE_OF_A_CASE);
        let timeout = self.case_timeout.unwrap_or(of_the_rest);
        let shrink_for = match self.shrink_for {
            Some(time) => time,
            None => shrinking_time()?,
        };
        let runner = Runner { cx: self.cx, body: &body, timeout: Cell::new(timeout) };
        let seed = self.cx.seed().named("property").numbered(number);
        let campaign = Campaign { property: &self, runner, seed, directory, shrink_for, deadline };
        campaign.run().await
    }
}

/// Where cases of the test are kept, if it is known which test it is.
fn usual_directory(cx: &Chaos, number: u64) -> Option<PathBuf> {
    let test = cx.scope().test()?.name.replace("::", ".");
    let test = if number > 0 { format!("{test}-{}", number + 1) } else { test };
    // cargo and nextest set it for the tests that they run.
    let root = std::env::var_os("CARGO_MANIFEST_DIR")?;
    Some(Path::new(&root).join("tests").join("chaos-regressions").join(test))
}

struct Campaign<'p, 'cx, S, B> {
    property: &'p Property<'cx, S>,
    runner: Runner<'p, B>,
    seed: Seed,
    directory: Option<PathBuf>,
    shrink_for: Duration,
    deadline: Option<Instant>,
}

/// A new case, and what its operations were drawn from.
struct Drawn<S: Strategy> {
    case: Case<S::Value>,
    trees: Vec<S::Tree>,
    proptest: TestRunner,
}

impl<S, B, E> Campaign<'_, '_, S, B>
where
    S: Strategy,
    S::Value: Operation,
    E: Into<TestError>,
    B: AsyncFn(Chaos, Plan<S::Value>) -> Result<(), E>,
{
    async fn run(&self) -> Result<PropertyReport, TestError> {
        let mut report = PropertyReport::default();
        if let Some(path) = self.asked()? {
            self.replay(&regression::read(&path)?, &mut report).await?;
            self.tell(&report, None, None);
            return Ok(report);
        }
        if let Some(directory) = &self.directory {
            for kept in regression::load(directory)? {
                self.replay(&kept, &mut report).await?;
            }
        }
        let cases = self.property.cases;
        for number in 1..=cases {
            self.runner.cx.phase(format!("case {number} of {cases}"));
            self.try_case(number, &mut report).await?;
        }
        self.tell(&report, None, None);
        if report.vacuous == cases {
            return Err(PropertyError::Vacuous { cases }.into());
        }
        Ok(report)
    }

    /// The case that is to be tried alone, if it is one of this property. That of another property is no
    /// matter of this one, and one that nobody keeps is an error: all cases would pass for it.
    fn asked(&self) -> Result<Option<PathBuf>, PropertyError> {
        let Some(Asked::Case(name)) = replay::asked() else { return Ok(None) };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(PropertyError::Token(name));
        }
        let directory = self.directory.clone().unwrap_or_default();
        match regression::owner(&directory, &name) {
            Owner::This(path) => Ok(Some(path)),
            Owner::Another => Ok(None),
            Owner::Nobody => {
                let path = directory.join(format!("{name}.toml"));
                Err(PropertyError::NoSuchCase { name, path })
            }
        }
    }

    /// Tries a kept case until it fails, a few times.
    async fn replay(
        &self,
        kept: &Kept<S::Value>,
        report: &mut PropertyReport,
    ) -> Result<(), TestError> {
        let Kept { path, case, failed, runs } = kept;
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.runner.cx.phase(format!("kept case {file}"));
        report.replayed += 1;
        let numbered = Numbered { number: 0, seed: self.seed.named(&file) };
        let mut vacuous = 0;
        for tried in 1..=REPLAYS {
            let ran = self.runner.run(case, numbered, CasePurpose::Replay).await;
            match ran.answer {
                Answer::Passed => {}
                Answer::Vacuous => vacuous += 1,
                Answer::Impossible(error) => return Err(error),
                Answer::Failed(failure) => {
                    self.tell(report, Some(&failure.message), None);
                    let failed = FailedCase {
                        case: format!("the case that is kept in {}", path.display()),
                        failure: failure.message,
                        location: failure.location,
                        failed: 1,
                        runs: tried,
                        listing: Listing(case).to_string(),
                        shrunk: None,
                        file: None,
                        token: path
                            .file_stem()
                            .map(|name| format!("{}{}", replay::CASE, name.to_string_lossy())),
                    };
                    return Err(PropertyError::Failed(Box::new(failed)).into());
                }
            }
        }
        let message = if vacuous == REPLAYS {
            format!(
                "the faults of the kept case {file} touch nothing any more; delete the file if the \
                 test sends other messages now"
            )
        } else if failed == runs {
            format!("the kept case {file} fails no longer, in {REPLAYS} runs")
        } else {
            format!(
                "the kept case {file} was not reproduced in {REPLAYS} runs; it failed in {failed} of \
                 {runs} when it was kept"
            )
        };
        self.runner.cx.note(message);
        Ok(())
    }

    async fn try_case(&self, number: u32, report: &mut PropertyReport) -> Result<(), TestError> {
        let numbered = Numbered { number, seed: self.seed.numbered(number.into()) };
        let mut drawn = self.draw(numbered)?;
        let began = Instant::now();
        let calm = self.runner.run(&drawn.case, numbered, CasePurpose::Recording).await;
        let took = began.elapsed();
        report.cases += 1;
        if !calm.told.ran && matches!(calm.answer, Answer::Passed) {
            return Err(PropertyError::NotRun.into());
        }
        let mut ran = calm;
        if matches!(ran.answer, Answer::Passed) {
            let faults = schedules(&ran.told.recording, &self.property.families);
            drawn.case.faults = faults
                .new_tree(&mut drawn.proptest)
                .map_err(|reason| PropertyError::Generation(reason.to_string()))?
                .current();
            if drawn.case.faults.is_empty() {
                report.vacuous += 1;
                return Ok(());
            }
            ran = self.runner.run(&drawn.case, numbered, CasePurpose::Faults).await;
        }
        match &ran.answer {
            Answer::Passed => Ok(()),
            Answer::Vacuous => {
                report.vacuous += 1;
                Ok(())
            }
            Answer::Impossible(_) => Err(impossible(ran)),
            Answer::Failed(failure) => {
                let failure = failure.clone();
                self.give_up(drawn, numbered, failure, took, report).await
            }
        }
    }

    /// Draws the operations of a case.
    fn draw(&self, numbered: Numbered) -> Result<Drawn<S>, PropertyError> {
        let mut draws = numbered.seed.named("case").draws();
        let mut key = [0_u8; 32];
        for part in key.chunks_mut(8) {
            part.copy_from_slice(&draws.next_u64().to_le_bytes());
        }
        let config = Config { failure_persistence: None, ..Config::default() };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &key);
        let mut proptest = TestRunner::new_with_rng(config, rng);

        let (least, most) = (*self.property.operations.start(), *self.property.operations.end());
        let count = least as u64 + draws.below((most - least) as u64 + 1);
        let workers = 1 + draws.below(self.property.workers.into());
        let pool_size = 1 + draws.below(MOST_CONNECTIONS);
        let mut trees = Vec::new();
        let mut steps = Vec::new();
        for _ in 0..count {
            let tree = self.property.strategy.new_tree(&mut proptest);
            let tree = tree.map_err(|reason| PropertyError::Generation(reason.to_string()))?;
            let worker = u32::try_from(draws.below(workers)).unwrap_or(0);
            steps.push(Step { worker, operation: tree.current() });
            trees.push(tree);
        }
        let pool_size = usize::try_from(pool_size).unwrap_or(1);
        Ok(Drawn { case: Case { steps, faults: Vec::new(), pool_size }, trees, proptest })
    }

    /// Makes the failing case smaller, keeps it, and says what it is.
    async fn give_up(
        &self,
        drawn: Drawn<S>,
        numbered: Numbered,
        failure: CaseFailure,
        calm: Duration,
        report: &PropertyReport,
    ) -> Result<(), TestError> {
        let number = numbered.number;
        let CaseFailure { signature, message, location } = failure;
        self.runner.cx.phase(format!("case {number} failed; making it smaller"));
        let (operations, faults) = (drawn.case.steps.len(), drawn.case.faults.len());
        let left = self.deadline.map(|deadline| {
            deadline.saturating_duration_since(Instant::now()).saturating_sub(RESERVE)
        });
        let budget = left.map_or(self.shrink_for, |left| left.min(self.shrink_for));
        self.runner.timeout.set(patience(&signature, self.runner.timeout.get(), calm));
        let failing = Failing::new(&self.runner, numbered, signature, budget);
        let began = Instant::now();
        let reduced = failing.reduce(drawn.case, drawn.trees).await;
        let took = began.elapsed();

        let about = About {
            test: self.runner.cx.scope().test().map_or("", |test| test.name.as_str()),
            failure: &message,
            failed: reduced.failed,
            runs: reduced.runs,
        };
        let file = self.keep(&reduced.case, &about);
        let shrunk = ShrunkCase {
            operations: reduced.case.steps.len() as u64,
            faults: reduced.case.faults.len() as u64,
            from_operations: operations as u64,
            from_faults: faults as u64,
            runs: reduced.tried.into(),
            failed: reduced.failed.into(),
            of: reduced.runs.into(),
        };
        let text = told(&reduced, operations, faults, took);
        self.tell(report, Some(&message), Some((shrunk, file.clone())));
        let token = file.as_ref().map(|_| regression::name(&reduced.case));
        let failed = FailedCase {
            case: format!("case {number} of {}", self.property.cases),
            failure: message,
            location,
            failed: reduced.failed,
            runs: reduced.runs,
            listing: Listing(&reduced.case).to_string(),
            shrunk: Some(text),
            file,
            token: token.map(|name| format!("{}{name}", replay::CASE)),
        };
        Err(PropertyError::Failed(Box::new(failed)).into())
    }

    fn keep(&self, case: &Case<S::Value>, about: &About<'_>) -> Option<PathBuf> {
        let directory = self.directory.as_ref()?;
        match regression::keep(directory, case, about) {
            Ok(path) => Some(path),
            Err(error) => {
                let directory = directory.display();
                self.runner.cx.note(format!("failed to keep the case in {directory}: {error}"));
                None
            }
        }
    }

    /// Has the journal tell what the property came to.
    fn tell(
        &self,
        report: &PropertyReport,
        failure: Option<&str>,
        shrunk: Option<(ShrunkCase, Option<PathBuf>)>,
    ) {
        let (shrunk, file) = shrunk.unzip();
        let is_alone = self.asked().is_ok_and(|case| case.is_some());
        self.runner.cx.scope().journal().record(EventKind::PropertyEnded {
            wanted: if is_alone { 0 } else { self.property.cases.into() },
            cases: report.cases.into(),
            vacuous: report.vacuous.into(),
            replayed: report.replayed.into(),
            failed: failure.is_some(),
            shrunk,
            file: file.flatten().map(|path| path.display().to_string()),
        });
    }
}

fn impossible(ran: Ran) -> TestError {
    match ran.answer {
        Answer::Impossible(error) => error,
        answer => format!("{answer:?}").into(),
    }
}

/// How a case was made smaller, in words.
fn told<Op>(reduced: &Reduced<Op>, operations: usize, faults: usize, took: Duration) -> String {
    let Reduced { case, tried, is_complete, .. } = reduced;
    let before = format!("{} and {}", counted(operations, "operation"), counted(faults, "fault"));
    let after = counted(case.steps.len(), "operation");
    let faults = counted(case.faults.len(), "fault");
    let took = Display(rounded(took));
    let unless = if *is_complete { "" } else { ", until the time was over" };
    format!("made smaller from {before} to {after} and {faults} in {tried} runs ({took}){unless}")
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// The operations of a case with its faults, one line for each.
struct Listing<'a, Op>(&'a Case<Op>);

impl<Op: fmt::Debug> fmt::Display for Listing<'_, Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(case) = self;
        let several = case.workers() > 1;
        let mut text = String::new();
        for (place, step) in case.steps.iter().enumerate() {
            let worker =
                if several { format!("worker {}: ", step.worker + 1) } else { String::new() };
            writeln!(text, "  {}. {worker}{:?}", place + 1, step.operation)?;
            for (_, fault) in case.during(place) {
                writeln!(text, "     with {fault}")?;
            }
        }
        if case.faults.is_empty() {
            writeln!(text, "  without any fault")?;
        }
        f.write_str(text.trim_end())
    }
}
