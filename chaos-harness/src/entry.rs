//! How a process begins: as a helper, as an attempt, or as the harness.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;

use chaos_core::error::with_sources;
use chaos_core::postgres::supervise_if_asked;
use chaos_core::{packets, reexec};

use crate::arguments::{Arguments, HELP, IgnoredTests, LATEST};
use crate::attempt::spec::{self, Spec};
use crate::attempt::{child, orphan};
use crate::config::selections::SMOKE;
use crate::coverage::Requirements;
use crate::environment::{self, Environment};
use crate::identity::Identity;
use crate::judge::{self, CannotJudge};
use crate::nextest::Nextest;
use crate::phases::Plan;
use crate::registry::{self, TestCase};
use crate::report::inventory::{self, Comparison};
use crate::report::issue::Issue;
use crate::report::json;
use crate::report::record::RunRecord;
use crate::report::terminal::judged;
use crate::runner::{Answer, Policy, Runner, threads};
use crate::selection::named::{CannotSelect, Suitable};
use crate::selection::{Selected, Selection};
use crate::settings::{Settings, listing};
use crate::suite_check::{self, Checked};
use crate::test_history::{History, Suite, Surroundings};
use crate::{baselines, exit_code, list, run_directory, selection, test_history};

/// The variable that names a selection.
const SELECT: &str = "CHAOS_SELECT";

/// What `chaos_harness::main!()` calls.
#[must_use]
pub fn main() -> ExitCode {
    reexec::set_arguments([]);
    packets::serve_if_asked();
    supervise_if_asked();
    if std::env::args_os().nth(1).is_some_and(|argument| argument == spec::ARGUMENT) {
        match Spec::from_variable() {
            Ok(Some(spec)) => child::main(&spec),
            Ok(None) => eprintln!("error: the option `{}` is the harness's own", spec::ARGUMENT),
            Err(error) => eprintln!("error: {error}"),
        }
        return ExitCode::from(exit_code::USAGE);
    }
    ExitCode::from(harness())
}

fn harness() -> u8 {
    let arguments = match Arguments::parse(std::env::args_os().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = usage(&[error.to_string()]);
            let bisects = std::env::args_os().any(|argument| argument == "--chaos-bisect");
            return if bisects { exit_code::BISECTION_ENDS } else { code };
        }
    };
    if !arguments.bisects {
        return asked_for(arguments);
    }
    if let Err(errors) = Settings::check_command(&arguments) {
        usage(&errors);
        return exit_code::BISECTION_ENDS;
    }
    exit_code::for_bisection(asked_for(arguments))
}

/// Does what the command line asks for.
fn asked_for(arguments: Arguments) -> u8 {
    if arguments.help {
        return print(|out| out.write_all(HELP.as_bytes()));
    }
    let cases = registry::all();
    if arguments.list && !asks_for_a_selection(&arguments) {
        // Variables and files that the list does not need cannot spoil it.
        let selection = Selection::of(cases, &arguments, &Environment::default());
        return print(|out| list::write(out, &selection.tests, arguments.format));
    }
    let settings = match Settings::read(&arguments, Nextest::detect().as_ref()) {
        Ok(settings) => settings,
        Err(errors) => return usage(&errors),
    };
    if !arguments.list {
        for warning in environment::warnings() {
            eprintln!("warning: {warning}");
        }
    }
    if let Some(run) = &arguments.report {
        return make_report(run, &settings);
    }
    if let Some(run) = &arguments.inventory {
        return list_failures(run, &settings);
    }
    if let Some(runs) = &arguments.compare {
        return compare(runs, &settings);
    }
    if arguments.merge {
        return merge_histories(&arguments.filters, &settings);
    }
    // All tests of this binary, whatever the filters leave out.
    let all: Vec<Selected> =
        Selection::of(cases.clone(), &Arguments::default(), &Environment::default()).tests;
    let identity = Identity::of(&cases);
    let Checked { plan, requirements, warnings } =
        match suite_check::check(&settings, &identity.target, &all) {
            Ok(checked) => checked,
            Err(mistakes) => return usage(&mistakes),
        };
    if arguments.show_config {
        let selection = Selection::of(cases, &arguments, &settings.environment);
        let text =
            listing::render(&settings, &arguments, &plan, &selection.tests, &identity.target);
        return print(|out| out.write_all(text.as_bytes()));
    }
    if let Some(part) = &arguments.issue {
        return write_issue(part, &cases, &settings);
    }
    if let Some(run) = &arguments.judge {
        return judge_run(run, &arguments, &settings, plan, &all);
    }
    if arguments.coverage {
        return cover(requirements.as_ref(), &all, &settings, &identity);
    }
    let warnings = warnings.iter().filter(|_| !arguments.list);
    warnings.for_each(|warning| eprintln!("warning: {warning}"));
    for notice in &arguments.notices {
        eprintln!("{notice}");
    }
    let selection = Selection::of(cases.clone(), &arguments, &settings.environment);
    let mut selection = match select(selection, &arguments, &settings, &plan, &all) {
        Ok(selection) => selection,
        Err(code) => return code,
    };
    if arguments.list {
        return print(|out| list::write(out, &selection.tests, arguments.format));
    }
    if arguments.show_selection {
        let text = selection.named.as_ref().map(selection::listing::render).unwrap_or_default();
        return print(|out| out.write_all(text.as_bytes()));
    }
    let policies = selection.tests.iter().map(|test| Policy::of(&settings, test.case));
    let mut mistakes: Vec<String> = policies.filter_map(Result::err).collect();
    // One of `chaos.toml` is found for each test that it concerns.
    mistakes.dedup();
    if !mistakes.is_empty() {
        return usage(&mistakes);
    }
    if settings.baseline_mode().is_some() {
        if let Err(error) = baselines::check(&baselines::path_of(&identity.target)) {
            return usage(&[with_sources(&error)]);
        }
    }
    let names: Vec<String> = selection.tests.iter().map(|test| test.name.clone()).collect();
    let history = selection.history.take();
    let exit_code = Runner::new(&arguments, settings, &cases, &names, history, true)
        .and_then(|runner| runner.run(&arguments, selection.arranged(&plan), plan));
    exit_code.unwrap_or_else(|error| {
        eprintln!("error: {}", with_sources(&error));
        exit_code::HARNESS
    })
}

/// Whether an option or the variable names a selection.
fn asks_for_a_selection(arguments: &Arguments) -> bool {
    let mut options = arguments.settings.iter();
    options.any(|(option, _)| option.variable == SELECT)
        || std::env::var_os(SELECT).is_some_and(|value| !value.is_empty())
}

/// Leaves what the selection chooses that was asked for by name; or the exit code of a complaint.
///
/// A process of nextest runs the one test that it is told to. There the selection is made when the tests
/// are listed. So is that of the tests that nextest lists as ignored: all of them, as it takes those that
/// it does not find in that list for others.
fn select(
    selection: Selection,
    arguments: &Arguments,
    settings: &Settings,
    plan: &Plan,
    all: &[Selected],
) -> Result<Selection, u8> {
    let nextest = Nextest::detect();
    let lists_ignored = arguments.list && arguments.ignored == IgnoredTests::Only;
    let spec = match settings.selection() {
        Some(spec) => spec.value,
        None if arguments.show_selection => {
            settings.config.selection(SMOKE).map_err(|error| usage(&[error.to_string()]))?
        }
        None => return Ok(selection),
    };
    if lists_ignored || (nextest.is_some() && !arguments.list) {
        return Ok(selection);
    }
    let suitable = Suitable {
        settings,
        identity: &Identity::of(&registry::all()),
        plan,
        threads: threads(settings, arguments),
        root: &run_directory::root(settings, nextest.as_ref()),
    };
    suitable.choose(selection, &spec, all).map_err(|error| match error {
        CannotSelect::History(error) => {
            eprintln!("error: {}", with_sources(&error));
            exit_code::HARNESS
        }
        CannotSelect::Unmatched(mistakes) => usage(&mistakes),
        other @ CannotSelect::NoRoom { .. } => usage(&[other.to_string()]),
    })
}

/// Makes the report of a run again, and prints where it is.
fn make_report(run: &str, settings: &Settings) -> u8 {
    let root = run_directory::root(settings, Nextest::detect().as_ref());
    let directory = match run_directory::find(&root, run) {
        Ok(directory) => directory,
        Err(error) => return usage(&[error.to_string()]),
    };
    match json::make(&directory, &root) {
        Ok(path) => print(|out| writeln!(out, "{}", path.display())),
        Err(error) => {
            eprintln!("error: {}", with_sources(&error));
            exit_code::HARNESS
        }
    }
}

/// Judges the gates and phases of a run that is over, and prints what it came to.
fn judge_run(
    run: &str,
    arguments: &Arguments,
    settings: &Settings,
    plan: Plan,
    all: &[Selected],
) -> u8 {
    let root = run_directory::root(settings, Nextest::detect().as_ref());
    let directory = match run_directory::find(&root, run) {
        Ok(directory) => directory,
        Err(error) => return usage(&[error.to_string()]),
    };
    let identity = Identity::of(&registry::all());
    match judge::judge(&directory, &root, settings, &identity, plan, all) {
        Ok(found) => {
            let text = judged::render(&found, &directory, arguments.color);
            let printed = print(|out| write!(out, "\n{text}"));
            if printed == exit_code::PASSED { found.ended.exit_code } else { printed }
        }
        Err(error @ CannotJudge::NotOurs { .. }) => usage(&[error.to_string()]),
        Err(error) => {
            eprintln!("error: {}", with_sources(&error));
            exit_code::HARNESS
        }
    }
}

/// Writes the failures of a run as tables, and prints where they are.
fn list_failures(run: &str, settings: &Settings) -> u8 {
    let root = run_directory::root(settings, Nextest::detect().as_ref());
    let (directory, records) = match records(&root, run) {
        Ok(found) => found,
        Err(code) => return code,
    };
    match inventory::write(&root, &name_of(&directory), &records) {
        Ok(paths) => print(|out| paths.iter().try_for_each(|it| writeln!(out, "{}", it.display()))),
        Err(error) => {
            eprintln!("error: failed to write the failures into {}: {error}", root.display());
            exit_code::HARNESS
        }
    }
}

/// Prints the text of an issue about the test of this name, or with this part in its name.
fn write_issue(part: &str, cases: &[&'static TestCase], settings: &Settings) -> u8 {
    let named: Vec<_> = match cases.iter().find(|case| case.name() == part) {
        Some(case) => vec![case],
        None => cases.iter().filter(|case| case.name().contains(part)).collect(),
    };
    let [case] = named.as_slice() else {
        let names: Vec<String> = named.iter().map(|case| format!("`{}`", case.name())).collect();
        return usage(&[match names.is_empty() {
            true => format!("there is no test `{part}`; `--list` lists them"),
            false => format!("more than one test has `{part}` in its name: {}", names.join(", ")),
        }]);
    };
    let root = run_directory::root(settings, Nextest::detect().as_ref());
    let identity = Identity::of(cases);
    let name = case.name();
    let suite = Suite::to_be_asked(&identity, cases, std::slice::from_ref(&name), settings);
    let judged = History::open(&root.join("history"), suite).and_then(|it| it.judge(&name));
    let (category, trend) = match judged {
        Ok(judged) => judged,
        Err(error) => {
            eprintln!("error: {}", with_sources(&error));
            return exit_code::HARNESS;
        }
    };
    let has_failed = |run: &RunRecord| {
        let of_it = |it: &crate::report::record::TestRecord| it.name == name;
        run.tests.iter().any(|test| of_it(test) && test.last_failed().is_some())
    };
    // A run that cannot be read has nothing to add.
    let runs = run_directory::newest(&root).into_iter();
    let latest = runs.filter_map(|it| json::records(&it).ok()).flatten().find(has_failed);
    let issue = Issue {
        case,
        identity: &identity,
        category: &category,
        trend: &trend,
        surroundings: Surroundings::of(settings).to_string(),
        latest: latest.as_ref(),
    };
    print(|out| out.write_all(issue.render().as_bytes()))
}

/// Prints what has become of the failures of a run.
fn compare(runs: &str, settings: &Settings) -> u8 {
    let root = run_directory::root(settings, Nextest::detect().as_ref());
    let (before, after) = runs.split_once("..").unwrap_or((runs, LATEST));
    let after = if after.is_empty() { LATEST } else { after };
    if before.is_empty() {
        let help =
            "`--chaos-compare` needs the run that was before: `<before>` or `<before>..<after>`";
        return usage(&[help.to_owned()]);
    }
    let found = records(&root, before).and_then(|one| Ok((one, records(&root, after)?)));
    let ((one, before), (other, after)) = match found {
        Ok(found) => found,
        Err(code) => return code,
    };
    let comparison = Comparison::of((&name_of(&one), &before), (&name_of(&other), &after));
    print(|out| write!(out, "{comparison}"))
}

/// Prints which requirements have a test, and how those fared in the latest run of this test binary.
fn cover(
    requirements: Option<&Requirements>,
    tests: &[Selected],
    settings: &Settings,
    identity: &Identity,
) -> u8 {
    let Some(requirements) = requirements else {
        let help = "name the file of requirements in chaos.toml: [coverage] requirements = \
                    \"docs/requirements.md\"";
        return usage(&[help.to_owned()]);
    };
    let root = run_directory::root(settings, Nextest::detect().as_ref());
    // Tests of another binary may have the same names. Before the first run there is nothing to say of
    // how ours fare.
    let latest = run_directory::find(&root, LATEST).into_iter().chain(run_directory::newest(&root));
    let records = latest.filter_map(|directory| json::records(&directory).ok()).flatten();
    let run: Vec<_> = records.filter(|run| run.is_of(identity)).take(1).collect();
    let text = requirements.render(tests, &run);
    print(|out| out.write_all(text.as_bytes()))
}

/// The directory of a run, and what its journals say; or the exit code of a complaint.
fn records(root: &Path, run: &str) -> Result<(PathBuf, Vec<RunRecord>), u8> {
    let directory = run_directory::find(root, run).map_err(|error| usage(&[error.to_string()]))?;
    let records = json::records(&directory).map_err(|error| {
        eprintln!("error: {}", with_sources(&error));
        exit_code::HARNESS
    })?;
    Ok((directory, records))
}

fn name_of(directory: &Path) -> String {
    directory.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Adds other histories to ours, and prints what was added.
fn merge_histories(sources: &[String], settings: &Settings) -> u8 {
    if sources.is_empty() {
        let example = "`--chaos-merge shard-1/chaos shard-2/chaos`";
        return usage(&[format!("--chaos-merge needs the directories to add: {example}")]);
    }
    let sources: Vec<PathBuf> = sources.iter().map(PathBuf::from).collect();
    let directory = run_directory::root(settings, Nextest::detect().as_ref()).join("history");
    match test_history::merge(&directory, &sources) {
        Ok(suites) => print(|out| {
            for test_history::Merged { suite, added, known, problems } in suites {
                writeln!(out, "{suite}: {added} attempts added, {known} known")?;
                for problem in problems {
                    writeln!(out, "{suite}: {problem}")?;
                }
            }
            Ok(())
        }),
        Err(error @ test_history::MergeError::NoHistory(_)) => usage(&[error.to_string()]),
        Err(error) => {
            eprintln!("error: {}", with_sources(&error));
            exit_code::HARNESS
        }
    }
}

fn usage(errors: &[String]) -> u8 {
    for error in errors {
        eprintln!("error: {error}");
    }
    exit_code::USAGE
}

fn print(write: impl FnOnce(&mut io::StdoutLock<'static>) -> io::Result<()>) -> u8 {
    let mut out = io::stdout().lock();
    match write(&mut out).and_then(|()| out.flush()) {
        // `head` and its like stop reading when they have seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("error: failed to write to standard output: {error}");
            exit_code::HARNESS
        }
        _ => exit_code::PASSED,
    }
}

/// What the ordinary test function beside each chaos test calls, so that the test also runs where
/// libtest is the harness.
///
/// # Panics
///
/// When the test fails: that is how libtest hears of it.
pub fn run_under_libtest(case: &'static TestCase) {
    let name = case.name();
    // The first test sets them; any test leads here, and the specification says which one to run.
    reexec::set_arguments([&name, "--exact", "--nocapture", "--include-ignored"].map(Into::into));
    packets::serve_if_asked();
    supervise_if_asked();
    match Spec::from_variable() {
        // What an attempt starts inherits the variable, and is no attempt.
        Ok(Some(spec)) if orphan::is_child_of(spec.harness) => child::main(&spec),
        Ok(_) => {}
        Err(error) => fail(error.to_string()),
    }
    let selected = Selected { case, name, ignored: false };
    match run_of_this_process(&selected) {
        Ok(runner) => match runner.test(&selected) {
            Answer::Passed => {}
            Answer::Ignored(reason) => eprintln!("skipped: {reason}"),
            // libtest knows only two answers, and this is not the good one.
            Answer::Environment(reason) => fail(format!(
                "nothing is known of the test, the machine could not carry it: {reason}"
            )),
            Answer::Failed(text) => fail(text),
        },
        Err(error) => fail(error),
    }
}

/// Fails a test of libtest. A panic with this text would put a place in this file before it, which
/// is nobody's mistake.
fn fail(text: String) -> ! {
    eprintln!("{text}");
    std::panic::resume_unwind(Box::new(text))
}

/// The one run that all tests of a libtest process belong to.
fn run_of_this_process(first: &Selected) -> Result<&'static Runner, String> {
    static RUN: OnceLock<Result<Runner, String>> = OnceLock::new();
    let begin = || {
        // libtest has read its arguments; what concerns attempts is read again.
        let no_capture = std::env::args_os().any(|a| a == "--nocapture" || a == "--no-capture");
        let arguments = Arguments { no_capture, ..Arguments::default() };
        let nextest = Nextest::detect();
        let settings =
            Settings::read(&arguments, nextest.as_ref()).map_err(|errors| errors.join("\n"))?;
        if settings.environment.select.is_some() || !settings.config.phases().is_empty() {
            eprintln!(
                "libtest runs the tests, so nothing is selected and no phase is locked; set \
                 `harness = false` for the test in Cargo.toml"
            );
        }
        let cases = registry::all();
        let names: Vec<String> = cases.iter().map(|case| case.name()).collect();
        let runner = Runner::new(&arguments, settings, &cases, &names, None, false)
            .map_err(|error| with_sources(&error))?;
        let Selected { case, ref name, ignored } = *first;
        let first = Selected { case, name: name.clone(), ignored };
        runner.announce(&Selection::of_one(first), 1);
        Ok(runner)
    };
    RUN.get_or_init(begin).as_ref().map_err(Clone::clone)
}
