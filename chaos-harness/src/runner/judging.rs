//! What the run as a whole comes to: its baselines, and its gates.

use std::path::Path;

use chaos_core::error::with_sources;
use chaos_core::machine::Machine;

use super::Runner;
use crate::baselines::{self, Conclusion, Mode, StoreError};
use crate::gate::part::{Part, Why};
use crate::gate::{self, GateJudged};
use crate::quarantine::Date;
use crate::report::json;
use crate::run_event::RunEvent;
use crate::settings::Source;

impl Runner {
    /// Judges the gates, tells the reporters, and says whether all are passed.
    ///
    /// Under nextest a process knows of one test only, and judges the baselines of that. What cannot be
    /// judged is not passed.
    pub(super) fn passes_gates(&self, left_out: Vec<(Option<String>, Why)>) -> bool {
        // It comes first, as a gate judges what it says.
        let baselines = self.conclude_baselines(left_out.is_empty());
        let judged = match (&self.nextest, baselines) {
            (None, _) => self.judge_gates(left_out),
            (Some(_), Some(conclusion)) => {
                Some(gate::of_baselines(&self.settings.config, &conclusion))
            }
            (Some(_), None) => Some(Vec::new()),
        };
        let Some(judged) = judged else { return false };
        let passes = judged.iter().all(|gate| gate.passed);
        for gate in judged {
            self.reporters.event(&RunEvent::GateJudged(gate));
        }
        passes
    }

    /// None, and said why, if the journal of the run cannot be read, or lacks what they are judged by.
    fn judge_gates(&self, left_out: Vec<(Option<String>, Why)>) -> Option<Vec<GateJudged>> {
        let records = match json::records(self.directory.path()) {
            Ok(records) => records,
            Err(error) => {
                eprintln!("failed to judge the gates of the run: {}", with_sources(&error));
                return None;
            }
        };
        let (config, quarantine) = (&self.settings.config, &self.settings.quarantine);
        let today = Date::today();
        let (binary, part) = (&self.identity.target, Part::of(left_out, &records));
        let mut judged = gate::judge(config, quarantine, binary, today, &records, &part);
        judged.extend(self.phases.gates());
        if self.directory.is_incomplete() && !judged.is_empty() {
            eprintln!("failed to judge the gates of the run: its journal is incomplete");
            return None;
        }
        Some(judged)
    }

    /// Saves or compares baselines if that was asked for, and tells the reporters.
    fn conclude_baselines(&self, is_whole: bool) -> Option<Conclusion> {
        let mode = self.settings.baseline_mode()?;
        let path = baselines::path_of(&self.identity.target);
        let machine = self.settings.machine.clone().unwrap_or_else(Machine::detect);
        let concluded = match mode.value {
            Mode::Save => self.measured.save(&path, &machine),
            Mode::Compare => {
                let criteria = self.settings.baseline_criteria();
                // Under nextest each process would say the same of all other tests.
                let tests = self.nextest.is_none().then_some(self.tests.as_slice());
                self.measured.compare_among(&path, &machine, &criteria, tests)
            }
        };
        if matches!(concluded, Err(StoreError::NothingMeasured))
            && !self.has_to_measure(&mode.source, &path, is_whole)
        {
            return None;
        }
        let mut conclusion = concluded
            .unwrap_or_else(|error| Conclusion::refused(mode.value, &path, with_sources(&error)));
        conclusion.source = mode.source.to_string();
        self.reporters.event(&RunEvent::BaselinesConcluded(conclusion.clone()));
        Some(conclusion)
    }

    /// Whether something is wrong if no test of this run measured anything. Whoever asks for baselines on the
    /// command line means this run. A variable and the file mean all test binaries and all parts of them:
    /// there only the whole of one that has baselines has to.
    fn has_to_measure(&self, asked_by: &Source, file: &Path, is_whole: bool) -> bool {
        let is_meant = matches!(asked_by, Source::CommandLine(_));
        self.nextest.is_none() && (is_meant || (is_whole && file.exists()))
    }
}
