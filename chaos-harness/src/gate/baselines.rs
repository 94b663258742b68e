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
            passed: false,
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
            passed,
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
        Some(judged(holds, message))
    }
}
