//! Which tests run, and in which order.
//!
//! First the arguments decide, as those of ordinary tests do. Of what they leave, a selection that was
//! asked for by name ([`named`]) leaves those that belong to it, or the most informative ones for which
//! there is time ([`choice`]).

use chaos_core::seed::Seed;

use crate::arguments::{Arguments, IgnoredTests};
use crate::environment::Environment;
use crate::gate::part::Why;
use crate::phases::Plan;
use crate::registry::TestCase;
use crate::test_history::History;

mod choice;
pub(crate) mod listing;
pub(crate) mod named;
mod score;
mod timetable;

use self::named::Named;

/// A test of this binary, and what becomes of it.
#[derive(Debug)]
pub(crate) struct Selected {
    pub(crate) case: &'static TestCase,
    pub(crate) name: String,
    /// Whether it is shown as ignored instead of being run.
    pub(crate) ignored: bool,
}

/// The tests that are selected, in the order in which they start.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    pub(crate) tests: Vec<Selected>,
    pub(crate) filtered_out: Vec<&'static TestCase>,
    /// What a selection that was asked for by name has made of it.
    pub(crate) named: Option<Named>,
    /// What such a selection was made from, for the run to go on with.
    pub(crate) history: Option<History>,
    /// Whether the order is one that was asked for.
    is_shuffled: bool,
}

impl Selection {
    /// Applies the arguments to the tests, which are sorted by name.
    pub(crate) fn of(
        cases: Vec<&'static TestCase>,
        arguments: &Arguments,
        environment: &Environment,
    ) -> Self {
        let mut selection = Self::default();
        for case in cases {
            let name = case.name();
            if is_selected(case, &name, arguments) {
                let ignored = is_ignored(case, arguments);
                selection.tests.push(Selected { case, name, ignored });
            } else {
                selection.filtered_out.push(case);
            }
        }
        let shuffle_seed = arguments.shuffle_seed.or(environment.shuffle_seed);
        selection.is_shuffled = shuffle_seed.is_some() || arguments.shuffle || environment.shuffle;
        if let Some(seed) = shuffle_seed {
            shuffle(&mut selection.tests, Seed(seed));
        } else if arguments.shuffle || environment.shuffle {
            let seed = Seed::random();
            // On standard error, because formats for machines own standard output.
            eprintln!("shuffled; repeat this order with `--shuffle-seed {seed}`");
            shuffle(&mut selection.tests, seed);
        }
        selection
    }

    /// Puts the tests into an order in which phases can wait for one another.
    pub(crate) fn arranged(self, plan: &Plan) -> Self {
        let tests = plan.arrange(self.tests, |test| &test.name);
        Self { tests, ..self }
    }

    /// The domains of the tests that are left out, and why they are. Those that are ignored would not run
    /// in any case.
    pub(crate) fn left_out(&self) -> Vec<(Option<String>, Why)> {
        let of = |case: &TestCase, why| {
            let is_left_out = case.options.ignore.is_none();
            is_left_out.then(|| (case.options.domain.map(str::to_owned), why))
        };
        let filtered = self.filtered_out.iter().filter_map(|case| of(case, Why::Filtered));
        let named = self.named.iter().flat_map(|named| {
            let why = || Why::NotSelected(named.name.clone());
            named.left_out.iter().filter_map(move |case| of(case, why()))
        });
        filtered.chain(named).collect()
    }

    /// One test that was begun by somebody else.
    pub(crate) fn of_one(test: Selected) -> Self {
        Self { tests: vec![test], ..Self::default() }
    }
}

fn is_selected(case: &TestCase, name: &str, arguments: &Arguments) -> bool {
    let matches = |filter: &String| match arguments.exact {
        true => name == filter,
        false => name.contains(filter.as_str()),
    };
    let options = &case.options;
    (arguments.filters.is_empty() || arguments.filters.iter().any(matches))
        && !arguments.skip.iter().any(matches)
        && (arguments.ignored != IgnoredTests::Only || options.ignore.is_some())
        && !(arguments.exclude_should_panic && options.should_panic.is_some())
}

fn is_ignored(case: &TestCase, arguments: &Arguments) -> bool {
    let skipped = case.options.ignore.is_some() && arguments.ignored == IgnoredTests::Skip;
    skipped || arguments.only_benchmarks
}

/// Fisher and Yates.
fn shuffle(tests: &mut [Selected], seed: Seed) {
    let mut draws = seed.draws();
    for last in (1..tests.len()).rev() {
        let other = usize::try_from(draws.below(last as u64 + 1)).unwrap_or(last);
        tests.swap(last, other);
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::registry::{Options, ShouldPanic};

    macro_rules! case {
        ($function:literal, $options:expr) => {
            &TestCase {
                module: "chaos::pool",
                function: $function,
                file: file!(),
                line: 1,
                column: 1,
                description: "",
                fingerprint: 0,
                options: $options,
                run: |_| Box::pin(async { Ok(()) }),
            }
        };
    }

    static CASES: &[&TestCase] = &[
        case!("drains", Options::DEFAULT),
        case!("drains_slowly", Options { ignore: Some("slow"), ..Options::DEFAULT }),
        case!(
            "panics",
            Options { should_panic: Some(ShouldPanic { expected: None }), ..Options::DEFAULT }
        ),
        case!("refills", Options::DEFAULT),
    ];

    fn select(line: &str) -> Vec<String> {
        let arguments = line.split_whitespace().map(OsString::from);
        let arguments = Arguments::parse(arguments).unwrap();
        let selection = Selection::of(CASES.to_vec(), &arguments, &Environment::default());
        assert_eq!(selection.tests.len() + selection.filtered_out.len(), CASES.len());
        let show = |test: &Selected| {
            let name = test.name.trim_start_matches("pool::");
            if test.ignored { format!("({name})") } else { name.to_owned() }
        };
        selection.tests.iter().map(show).collect()
    }

    #[test]
    fn filters_select_what_libtest_would_select() {
        assert_eq!(select(""), ["drains", "(drains_slowly)", "panics", "refills"]);
        assert_eq!(select("drains"), ["drains", "(drains_slowly)"]);
        assert_eq!(select("drains refills"), ["drains", "(drains_slowly)", "refills"]);
        assert_eq!(select("--exact pool::drains"), ["drains"]);
        assert_eq!(select("--exact drains"), [""; 0]);
        assert_eq!(select("--skip drains"), ["panics", "refills"]);
        assert_eq!(select("--ignored"), ["drains_slowly"]);
        assert_eq!(select("--include-ignored drains"), ["drains", "drains_slowly"]);
        assert_eq!(select("--exclude-should-panic s"), ["drains", "(drains_slowly)", "refills"]);
        assert_eq!(select("--bench refills"), ["(refills)"]);
    }

    #[test]
    fn an_order_can_be_repeated_and_another_one_asked_for() {
        let orders: Vec<_> =
            (0..20).map(|seed| select(&format!("--shuffle-seed {seed}"))).collect();
        assert_eq!(orders[3], select("--shuffle-seed 3"));
        // 24 orders are possible; twenty equal draws are not.
        assert!(orders.iter().any(|order| *order != orders[0]));
    }
}
