//! What came of the baselines of a run: an event of its journal, and what is printed.

use std::fmt;
use std::path::Path;

use chaos_core::baseline::{Change, Comparison};
use serde::{Deserialize, Serialize};

use super::Mode;
use super::figures::{BaselineFigures, Range};
use super::store::Metric;
use crate::report::words::counted;

/// What came of the baselines of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Conclusion {
    /// What was asked for.
    pub mode: Mode,
    /// The file.
    pub file: String,
    /// Who asked for it.
    pub source: String,
    /// Why nothing was saved or compared, if that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// How many were saved.
    #[serde(default)]
    pub saved: u64,
    /// The probability with which anything may be called slower although nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// What was measured and is in the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compared: Vec<BaselineCompared>,
    /// What was measured and is not in the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// What is in the file and nothing measures any more, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// What is to be said of the machine, and of what was left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// A baseline that was compared, and the evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BaselineCompared {
    /// The test that measures it; absent where none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// What was measured.
    pub name: String,
    /// What the comparison came to.
    pub change: Change,
    /// How many times as large the median is as it was.
    pub ratio: f64,
    /// The 95 % interval of the ratio, by the bootstrap.
    pub ratio_95: Range,
    /// How many times as large it has to be to matter.
    pub least_effect: f64,
    /// How likely such values are if nothing had changed, corrected for the number of comparisons.
    pub p_value: f64,
    /// How many neighbours count as one value, because they are alike, on the side where that is more.
    #[serde(default = "one")]
    pub group: usize,
    /// The stored values.
    pub base: BaselineFigures,
    /// The new values.
    pub new: BaselineFigures,
    /// What the comparison says, for a person.
    pub message: String,
}

/// Journals of earlier versions say nothing of groups, because there were none.
const fn one() -> usize {
    1
}

impl BaselineCompared {
    pub(super) fn new(metric: &Metric, comparison: &Comparison) -> Self {
        Self {
            test: metric.test.clone(),
            name: metric.name.clone(),
            change: comparison.change,
            ratio: comparison.ratio(),
            ratio_95: comparison.ratio_95.into(),
            least_effect: comparison.least_effect,
            p_value: comparison.p_value,
            group: comparison.base_group.max(comparison.new_group),
            base: (&comparison.base).into(),
            new: (&comparison.new).into(),
            message: comparison.to_string(),
        }
    }
}

impl Conclusion {
    pub(super) fn new(mode: Mode, path: &Path) -> Self {
        Self {
            mode,
            file: path.display().to_string(),
            source: String::new(),
            refused: None,
            saved: 0,
            alpha: None,
            compared: Vec::new(),
            unknown: Vec::new(),
            missing: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// That nothing was done, and why.
    pub(crate) fn refused(mode: Mode, path: &Path, reason: String) -> Self {
        Self { refused: Some(reason), ..Self::new(mode, path) }
    }

    /// What became slower.
    pub fn slower(&self) -> impl Iterator<Item = &BaselineCompared> {
        self.compared.iter().filter(|compared| compared.change == Change::Slower)
    }

    /// What is to be shown: the changes with the evidence, the worst first, and how many there are.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(reason) = &self.refused {
            lines.push(format!("REFUSED {reason}"));
            return lines;
        }
        let mut changed: Vec<_> = self.compared.iter().collect();
        changed.retain(|compared| compared.change != Change::None);
        changed.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
        for compared in changed {
            let mark = if compared.change == Change::Slower { "SLOWER " } else { "faster " };
            lines.push(format!("{mark} {}", compared.message));
        }
        let added =
            |name| format!("new     {name} has no baseline; `--chaos-baseline save` adds it");
        lines.extend(self.unknown.iter().map(added));
        lines.extend(self.missing.iter().map(|text| format!("gone    {text}; it is in the file")));
        lines.extend(self.remarks.iter().map(|text| format!("note    {text}")));
        let file = &self.file;
        lines.push(match self.mode {
            Mode::Save => format!("{} saved to {file}", counted(self.saved, "baseline")),
            Mode::Compare => {
                let count = |change| self.compared.iter().filter(|it| it.change == change).count();
                format!(
                    "{} compared with {file}: {} slower, {} faster, {} without a change that matters",
                    counted(self.compared.len() as u64, "baseline"),
                    count(Change::Slower),
                    count(Change::Faster),
                    count(Change::None),
                )
            }
        });
        lines
    }
}

impl fmt::Display for Conclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
