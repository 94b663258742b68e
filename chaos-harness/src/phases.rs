//! Phases: parts of the suite that unlock one another, `[phases.<name>]` of `chaos.toml`.
//!
//! A [`Plan`] is what the file says, held beside the tests of this binary: it finds names that cannot be
//! meant, and puts the tests into an order in which no test waits for a later one. While they run,
//! [`progress`] has the tests of a phase wait for those before it, and skips them if these came to too
//! little.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use chaos_core::probability::Probability;

use crate::config::{Config, Located};
use crate::report::words;
use crate::run_directory;
use crate::selection::Selected;
use crate::settings::shown;
use crate::suggestion::suggest;

pub(crate) mod progress;

/// The phases of the file, and which tests of this binary are of which.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Plan {
    phases: Vec<Planned>,
    /// The places in `phases`.
    of_test: HashMap<String, usize>,
}

/// A phase.
#[derive(Debug, Clone, PartialEq)]
struct Planned {
    name: String,
    /// `chaos.toml:12`.
    place: String,
    /// The places of those that it comes after, as the file says.
    after: Vec<usize>,
    /// The places of all that come before it, also through others.
    before: Vec<usize>,
    /// How many stages come before it.
    stage: usize,
    /// Absent for every test that must pass.
    pass_rate: Option<Probability>,
}

/// Something about phases that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub(crate) struct Mistake {
    file: String,
    line: usize,
    message: String,
}

impl Plan {
    /// The phases of the file beside all tests of this binary.
    ///
    /// # Errors
    ///
    /// Everything that cannot be meant: phases that there are not, circles, a test in two phases, names
    /// that no test has, and a rate that nobody asks for.
    pub(crate) fn of(config: &Config, tests: &[Selected]) -> Result<Self, Vec<Mistake>> {
        let file = config.file().unwrap_or(Path::new("chaos.toml"));
        let file = shown(file, &run_directory::workspace(None));
        let mut reader = Reader { config, file, mistakes: Vec::new() };
        let of_test = reader.tests(tests);
        let after = reader.after();
        let order = reader.order(&after);
        reader.rates(&after);
        let Reader { mut mistakes, .. } = reader;
        mistakes.sort_by_key(|mistake| mistake.line);
        let Some(order) = order.filter(|_| mistakes.is_empty()) else { return Err(mistakes) };
        let mut phases: Vec<Planned> = config
            .phases()
            .iter()
            .zip(after)
            .map(|(phase, after)| Planned {
                name: phase.value.name.clone(),
                place: config.place(phase.line, "").to_string(),
                after,
                before: Vec::new(),
                stage: 0,
                pass_rate: phase.value.pass_rate.map(|rate| rate.value),
            })
            .collect();
        for place in order {
            let mut before = phases[place].after.clone();
            before.extend(phases[place].after.iter().flat_map(|it| phases[*it].before.clone()));
            before.sort_unstable();
            before.dedup();
            phases[place].stage = before.iter().map(|it| phases[*it].stage + 1).max().unwrap_or(0);
            phases[place].before = before;
        }
        Ok(Self { phases, of_test })
    }

    /// Puts tests into an order in which each comes behind those that it waits for. Otherwise their
    /// order stays. Tests of no phase are spread over the seams between the stages, so that there is
    /// something to do while the last tests of a stage end.
    pub(crate) fn arrange<T>(&self, tests: Vec<T>, name: impl Fn(&T) -> &str) -> Vec<T> {
        let stages = self.phases.iter().map(|phase| phase.stage + 1).max().unwrap_or(0);
        if stages < 2 {
            return tests;
        }
        let (mut staged, mut others) = (Vec::new(), Vec::new());
        for test in tests {
            match self.of_test.get(name(&test)) {
                Some(phase) => staged.push((self.phases[*phase].stage, test)),
                None => others.push(test),
            }
        }
        staged.sort_by_key(|(stage, _)| *stage);
        let seams = stages - 1;
        let (count, mut given) = (others.len(), 0);
        let mut others = others.into_iter();
        let mut arranged = Vec::new();
        let mut now = 0;
        for (stage, test) in staged {
            if stage > now {
                let due = (count * stage).div_ceil(seams);
                arranged.extend(others.by_ref().take(due - given));
                (given, now) = (due, stage);
            }
            arranged.push(test);
        }
        arranged.extend(others);
        arranged
    }

    /// The phase of a test.
    pub(crate) fn of_test(&self, test: &str) -> Option<usize> {
        self.of_test.get(test).copied()
    }

    /// The phases that come before a phase, also through others.
    pub(crate) fn before(&self, phase: usize) -> &[usize] {
        &self.phases[phase].before
    }

    /// Whether a test waits for others.
    pub(crate) fn waits(&self, test: &str) -> bool {
        self.of_test(test).is_some_and(|phase| !self.before(phase).is_empty())
    }

    /// How many phases there are.
    pub(crate) fn len(&self) -> usize {
        self.phases.len()
    }

    /// For `--chaos-config`: each phase, what is to be said of it, and its place.
    pub(crate) fn listing(&self) -> Vec<(String, String, String)> {
        let mut lines = Vec::new();
        for (place, phase) in self.phases.iter().enumerate() {
            let count = self.of_test.values().filter(|of| **of == place).count();
            let mut text = words::counted(count as u64, "test");
            let after: Vec<&str> = phase.after.iter().map(|it| &*self.phases[*it].name).collect();
            if !after.is_empty() {
                text.push_str(&format!(", after {}", after.join(", ")));
            }
            if let Some(rate) = phase.pass_rate {
                text.push_str(&format!(", unlocks at {rate}"));
            }
            lines.push((phase.name.clone(), text, phase.place.clone()));
        }
        lines
    }
}

/// Holds the file beside the tests.
struct Reader<'a> {
    config: &'a Config,
    file: String,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn wrong(&mut self, line: usize, message: String) {
        self.mistakes.push(Mistake { file: self.file.clone(), line, message });
    }

    /// The phase of each test.
    fn tests(&mut self, tests: &[Selected]) -> HashMap<String, usize> {
        let named: Vec<_> = tests.iter().map(|it| (&*it.name, it.case.options.domain)).collect();
        let mut of_test: HashMap<String, usize> = HashMap::new();
        let phases = self.config.phases();
        for (place, phase) in phases.iter().enumerate() {
            for (line, message) in phase.value.members.unmatched(&named) {
                self.wrong(line, message);
            }
            // The other phase, and the tests that are of both.
            let mut of_two: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
            for (name, domain) in &named {
                if !phase.value.members.include(name, *domain) {
                    continue;
                }
                match of_test.get(*name) {
                    Some(other) => of_two.entry(*other).or_default().push(name),
                    None => drop(of_test.insert((*name).to_owned(), place)),
                }
            }
            for (other, names) in of_two {
                let (one, two) = (&phases[other].value.name, &phase.value.name);
                let message = format!(
                    "{} of the phase `{one}` and of the phase `{two}`; a test can be of one only",
                    subject(&names)
                );
                self.wrong(phase.line, message);
            }
        }
        of_test
    }

    /// The places of the phases that each comes after.
    fn after(&mut self) -> Vec<Vec<usize>> {
        let phases = self.config.phases();
        let names = || phases.iter().map(|phase| &*phase.value.name);
        let mut all = Vec::new();
        for phase in phases {
            let mut after = Vec::new();
            if let Some(Located { value: wanted, line }) = &phase.value.after {
                for name in wanted {
                    match names().position(|known| known == name) {
                        Some(place) => after.push(place),
                        None => {
                            let help = suggest(name, names().collect::<Vec<_>>());
                            self.wrong(*line, format!("there is no phase `{name}`; {help}"));
                        }
                    }
                }
            }
            all.push(after);
        }
        all
    }

    /// The places of the phases, each behind those that it comes after.
    fn order(&mut self, after: &[Vec<usize>]) -> Option<Vec<usize>> {
        let mut order: Vec<usize> = Vec::new();
        let mut has_circle = false;
        while order.len() < after.len() {
            let is_next = |place: &usize| {
                !order.contains(place) && after[*place].iter().all(|it| order.contains(it))
            };
            let Some(next) = (0..after.len()).find(is_next) else {
                let circle = circle(after, &order);
                let phases = self.config.phases();
                let names: Vec<_> =
                    circle.iter().map(|it| format!("`{}`", phases[*it].value.name)).collect();
                let line = phases[circle[0]].value.after.as_ref().map_or(1, |after| after.line);
                let message = format!(
                    "phases wait for one another: {}; take one `after` away",
                    names.join(" after ")
                );
                self.wrong(line, message);
                // As if it were resolved: there may be others.
                has_circle = true;
                order.extend(&circle[1..]);
                continue;
            };
            order.push(next);
        }
        (!has_circle).then_some(order)
    }

    /// A rate of a phase that unlocks nothing says nothing.
    fn rates(&mut self, after: &[Vec<usize>]) {
        for (place, phase) in self.config.phases().iter().enumerate() {
            let Some(rate) = &phase.value.pass_rate else { continue };
            if !after.iter().flatten().any(|it| *it == place) {
                let name = &phase.value.name;
                let message = format!(
                    "`phases.{name}.pass-rate` is what unlocks the phases after `{name}`, and there is \
                     none; say which one is: after = \"{name}\", or write the rate as a gate of a \
                     domain: [gates.domains.<name>]"
                );
                self.wrong(rate.line, message);
            }
        }
    }
}

/// ``the test `a` is``, ``the tests `a`, `b`, `c` and 4 others are``.
fn subject(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 | 1 => format!("the test {} is", shown.join("")),
        2 => format!("the tests {} are", shown.join(" and ")),
        SHOWN => format!("the tests {}, {} and {} are", shown[0], shown[1], shown[2]),
        more => format!(
            "the tests {} and {} are",
            shown.join(", "),
            words::counted((more - SHOWN) as u64, "other")
        ),
    }
}

/// A circle among the phases that `order` could not take in: the first comes again at the end.
fn circle(after: &[Vec<usize>], order: &[usize]) -> Vec<usize> {
    let is_left = |place: &usize| !order.contains(place);
    let mut way: Vec<usize> = (0..after.len()).find(is_left).into_iter().collect();
    while let Some(last) = way.last() {
        // Each that is left waits for one that is left.
        let Some(next) = after[*last].iter().copied().find(is_left) else { break };
        if let Some(begin) = way.iter().position(|place| *place == next) {
            way.drain(..begin);
            way.push(next);
            break;
        }
        way.push(next);
    }
    way
}

#[cfg(test)]
mod tests;
