//! What is remembered, as the lines of a compact file, and back.

use std::collections::HashSet;
use std::num::{NonZeroU32, NonZeroU64};

use super::{Memory, Record, TIMED};
use crate::test_history::line::{Attempts, LineEvent, Names, Outcome};
use crate::test_history::numbers::Numbers;
use crate::test_history::surroundings::Surroundings;

impl Memory {
    /// What has been read, as the lines of a compact file. Of each test the latest `most` attempts are
    /// kept.
    pub(in crate::test_history) fn compact(
        &mut self,
        most: usize,
    ) -> Vec<(String, LineEvent<'static>)> {
        let mut runs = vec![String::new(); self.runs.places.len()];
        for (run, place) in &self.runs.places {
            runs[*place as usize].clone_from(run);
        }
        let about = || (0_u32..).zip(&self.about_runs);
        let systemic = about().filter(|(_, about)| about.is_systemic).map(|(run, _)| run).collect();
        let commits =
            about().filter_map(|(run, about)| Some((run, about.commit.clone()?))).collect();
        let mut surroundings: Vec<(Surroundings, Numbers)> =
            self.surroundings.iter().map(|it| (it.clone(), Numbers::default())).collect();
        for (run, about) in about() {
            if let Some(place) = about.surroundings {
                surroundings[place as usize].1.0.push(run.into());
            }
        }
        let failures = self.failure_names.clone();
        let names = Names { runs, systemic, failures, commits, surroundings };
        let mut lines = vec![(String::new(), LineEvent::Names(names))];
        let mut tests: Vec<_> = self.tests.iter_mut().collect();
        tests.sort_by_key(|(test, _)| test.as_str());
        for (test, remembered) in tests {
            remembered.sort();
            let kept = remembered.records.len().saturating_sub(most);
            let mut attempts = columns(&remembered.records[kept..]);
            attempts.open = remembered.open.iter().map(|(id, run)| (*id, *run)).collect();
            attempts.open.sort_unstable();
            lines.push((test.clone(), LineEvent::Attempts(attempts)));
        }
        lines
    }

    pub(super) fn add_names(&mut self, names: Names) {
        let runs: Vec<u32> = names.runs.iter().map(|run| self.runs.place(run.as_str())).collect();
        for run in names.systemic.iter().filter_map(|place| runs.get(*place as usize)) {
            self.about_run(*run).is_systemic = true;
        }
        let failures = names.failures.into_iter().map(|name| self.failure_place(name)).collect();
        for (run, commit) in names.commits {
            if let Some(run) = runs.get(run as usize) {
                self.about_run(*run).commit = Some(commit);
            }
        }
        for (surroundings, of) in names.surroundings {
            let place = self.surroundings_place(surroundings);
            for run in of.0.iter().filter_map(|run| runs.get(usize::try_from(*run).ok()?)) {
                self.about_run(*run).surroundings = Some(place);
            }
        }
        self.names = (runs, failures);
    }

    pub(super) fn add_attempts(&mut self, test: &str, attempts: &Attempts) {
        let (runs, failures) = std::mem::take(&mut self.names);
        let run_at = |place: u64| {
            let known = usize::try_from(place).ok().and_then(|place| runs.get(place));
            known.copied().unwrap_or(u32::MAX)
        };
        let remembered = self.test(test);
        remembered.is_sorted = false;
        let first = remembered.records.len();
        let mut unix_ms = attempts.first_unix_ms;
        let Attempts { id, after_ms, run, outcome, .. } = attempts;
        let columns = id.0.iter().zip(&after_ms.0).zip(run.0.iter().zip(&outcome.0));
        remembered.records.reserve(id.0.len());
        for ((id, after_ms), (run, code)) in columns {
            unix_ms += after_ms;
            remembered.records.push(Record {
                unix_ms,
                id: *id,
                seed: None,
                run: run_at(*run),
                failure: None,
                fingerprint: None,
                attempt: 1,
                took_ms: None,
                outcome: Outcome::of_code(code & 3),
                counts: code & 4 != 0,
            });
        }
        let added = &mut remembered.records[first..];
        for (place, attempt) in &attempts.attempt {
            if let Some(record) = added.get_mut(*place as usize) {
                record.attempt = *attempt;
            }
        }
        let timed = added.len().saturating_sub(attempts.took_ms.len());
        for (record, took_ms) in added[timed..].iter_mut().zip(&attempts.took_ms) {
            record.took_ms = NonZeroU32::new(*took_ms);
        }
        for (place, seed) in &attempts.seed {
            if let Some(record) = added.get_mut(*place as usize) {
                record.seed = Some(*seed);
            }
        }
        for (place, failure) in &attempts.failure {
            if let Some(record) = added.get_mut(*place as usize) {
                record.failure = failures.get(*failure as usize).copied();
            }
        }
        for (place, (from, fingerprint)) in attempts.fingerprint.iter().enumerate() {
            let to =
                attempts.fingerprint.get(place + 1).map_or(added.len(), |next| next.0 as usize);
            let same = added.get_mut(*from as usize..to).into_iter().flatten();
            same.for_each(|record| record.fingerprint = NonZeroU64::new(*fingerprint));
        }
        remembered.open.extend(attempts.open.iter().map(|(id, run)| (*id, run_at((*run).into()))));
        self.names = (runs, failures);
    }
}

/// The records in columns.
fn columns(records: &[Record]) -> Attempts {
    // What is asked later is how often a seed failed that failed once.
    let failed: HashSet<u64> = records
        .iter()
        .filter(|record| record.outcome == Outcome::Failed)
        .filter_map(|record| record.seed)
        .collect();
    let mut attempts = Attempts::default();
    let mut fingerprint = None;
    let mut before = records.first().map_or(0, |record| record.unix_ms);
    attempts.first_unix_ms = before;
    for (place, record) in records.iter().enumerate() {
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        attempts.id.0.push(record.id);
        attempts.after_ms.0.push(record.unix_ms - before);
        before = record.unix_ms;
        attempts.run.0.push(record.run.into());
        attempts.outcome.0.push(record.outcome.code() | (u64::from(record.counts) << 2));
        if record.fingerprint != fingerprint {
            fingerprint = record.fingerprint;
            attempts.fingerprint.push((place, fingerprint.map_or(0, NonZeroU64::get)));
        }
        if record.attempt != 1 {
            attempts.attempt.push((place, record.attempt));
        }
        attempts
            .seed
            .extend(record.seed.filter(|seed| failed.contains(seed)).map(|seed| (place, seed)));
        attempts.failure.extend(record.failure.map(|failure| (place, failure)));
    }
    let timed = &records[records.len().saturating_sub(TIMED)..];
    attempts.took_ms =
        timed.iter().map(|record| record.took_ms.map_or(0, NonZeroU32::get)).collect();
    attempts
}
