//! The end of a comparison, as it is printed.

use std::fmt;

use chaos_core::baseline::Change;

use super::Conclusion;
use crate::report::words::counted;

impl fmt::Display for Conclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Saved { path, count } => {
                let of_them = if *count == 1 { "baseline was" } else { "baselines were" };
                writeln!(f, "{count} {of_them} saved to {}", path.display())
            }
            Self::Compared { comparisons, unknown } => {
                for comparison in comparisons {
                    let mark = match comparison.change {
                        Change::Slower => "SLOWER",
                        Change::Faster => "faster",
                        _ => "same  ",
                    };
                    writeln!(f, "{mark}  {comparison}")?;
                }
                for name in unknown {
                    writeln!(f, "new     {name} has no baseline; `--chaos-baseline save` adds it")?;
                }
                let slower = comparisons.iter().filter(|it| it.change == Change::Slower).count();
                writeln!(
                    f,
                    "{slower} of {} regressed, {} without one",
                    counted(comparisons.len() as u64, "baseline"),
                    unknown.len()
                )
            }
        }
    }
}
