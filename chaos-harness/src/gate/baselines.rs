//! The gate of baselines: how many may have become slower.

use super::{GateJudged, NAMED, Scope};
use crate::baselines::{BaselineCompared, Conclusion, Mode};

/// The name of the gate.
const GATE: &str = "baseline-regressions";

impl Scope<'_> {
    /// Whoever asked for baselines to be saved or compared is to know that they were not.
    pub(super) fn refused(&self, conclusions: &[&Conclusion]) -> Option<GateJudged> {
        let refused = conclusions.iter().find(|conclusion| conclusion.refused.is_some())?;
        self.domain.is_none().then(|| GateJudged {
            gate: "baselines".to_owned(),
            domain: None,
            phase: None,
            passed: false,
            not_judged: false,
            message: refused.refused.clone().unwrap_or_default(),
            place: refused.source.clone(),
        })
    }

    /// Judges what was compared. Where nobody says how many may be slower, none may, once somebody has
    /// asked for a comparison.
    pub(super) fn baselines(&self, conclusions: &[&Conclusion]) -> Option<GateJudged> {
        let limit = self.limit(|limits| limits.baseline_regressions.as_ref());
        let compared: Vec<_> =
            conclusions.iter().filter(|it| it.mode == Mode::Compare).copied().collect();
        if compared.iter().any(|conclusion| conclusion.refused.is_some()) {
            return None;
        }
        let (allowed, place) = match (limit, compared.first()) {
            (Some(limit), _) => (limit.value, limit.place.to_string()),
            (None, Some(first)) if self.domain.is_none() => (0, first.source.clone()),
            (None, _) => return None,
        };
        let judged = |passed, message| GateJudged {
            gate: GATE.to_owned(),
            domain: self.domain.map(str::to_owned),
            phase: None,
            passed,
            not_judged: false,
            message,
            place,
        };
        let of_scope = |baseline: &&BaselineCompared| {
            let is_of = |test: &str| self.tests.iter().any(|record| record.name == test);
            self.domain.is_none() || baseline.test.as_deref().is_some_and(is_of)
        };
        let count = |conclusion: &&Conclusion| conclusion.compared.iter().filter(of_scope).count();
        let total: usize = compared.iter().map(count).sum();
        let mut slower: Vec<_> =
            compared.iter().flat_map(|it| it.slower()).filter(of_scope).collect();
        if total == 0 {
            let message = "no baseline was compared (`--chaos-baseline compare` does)".to_owned();
            return Some(judged(true, message));
        }
        slower.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
        let (found, holds) = (slower.len() as u64, slower.len() as u64 <= allowed);
        let mut message = format!("{found} of {total} baselines became slower, {allowed} may");
        if !holds {
            let evidence: Vec<_> =
                slower.iter().take(NAMED).map(|it| it.message.as_str()).collect();
            message.push_str(&format!(", {} too many: {}", found - allowed, evidence.join("; ")));
            if slower.len() > NAMED {
                message.push_str(&format!("; and {} more", slower.len() - NAMED));
            }
        }
        if let Some(missing) = &self.missing {
            message.push_str(&format!("; judged by a part of the suite: {missing}"));
        }
        Some(judged(holds, message))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::profile::Hardware;
    use crate::config::{Config, File};
    use crate::gate::part::Part;
    use crate::gate::{judge, of_baselines};
    use crate::quarantine::{Date, Quarantine};
    use crate::report::record::RunRecord;
    use crate::report::sample;

    /// Of the sample, whose baseline became slower, with or without its comparison.
    fn judged(toml: &str, compared: bool) -> Vec<GateJudged> {
        let file = File::parse(Path::new("chaos.toml"), toml).unwrap();
        let config = Config::new(Some(file), "local", None, Hardware::default()).unwrap();
        let mut run = RunRecord::default();
        sample::events().iter().for_each(|event| run.add(0, event));
        if !compared {
            run.baselines.clear();
        }
        let today = Date::parse("2026-11-20").unwrap();
        judge(&config, &Quarantine::default(), "chaos", today, &[run], &Part::default())
    }

    #[test]
    fn a_comparison_is_judged_with_its_evidence_whether_or_not_a_gate_is_set() {
        // The sample has one baseline that became slower.
        let gates = judged("", true);
        let [gate] = gates.as_slice() else { panic!("{gates:?}") };
        assert!(!gate.passed);
        assert_eq!(gate.place, "command line (--chaos-baseline)");
        let start = "1 of 1 baselines became slower, 0 may, 1 too many: latency_is_survived: \
                     checkout takes 2.00 times as long";
        assert!(gate.message.starts_with(start), "{gate:?}");
        let allowed = &judged("[gates]\nbaseline-regressions = 1\n", true)[0];
        assert_eq!((allowed.passed, allowed.place.as_str()), (true, "chaos.toml:2"));
        let nothing = &judged("[gates]\nbaseline-regressions = 1\n", false)[0];
        assert!(nothing.passed && nothing.message.starts_with("no baseline was"), "{nothing:?}");
    }

    #[test]
    fn a_domain_answers_for_its_own_baselines() {
        let of_domain = |name: &str| {
            let toml = format!("[gates.domains.{name}]\nbaseline-regressions = 0\n");
            judged(&toml, true).into_iter().find(|gate| gate.domain.is_some()).unwrap()
        };
        let network = of_domain("network");
        assert!(!network.passed && network.message.contains("1 too many"), "{network:?}");
        let nobody = of_domain("nobody");
        assert!(nobody.passed && nobody.message.starts_with("no baseline was"), "{nobody:?}");
    }

    #[test]
    fn a_comparison_that_was_not_made_is_no_pass() {
        let refused = sample::refused();
        let gate = &of_baselines(&Config::default(), &refused)[0];
        assert_eq!((gate.gate.as_str(), gate.passed), ("baselines", false));
        assert_eq!(gate.message, "there is no file");
    }
}
