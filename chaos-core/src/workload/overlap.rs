//! Whether the operations of a history met at all.

use crate::check::{CheckError, Checker, Evidence, Report};
use crate::history::{EntryKind, Process};

/// Asks of a history that some of its operations were under way at the same time. It finds nothing
/// wrong; it says when nothing could have been.
pub(super) struct Overlap;

impl Checker for Overlap {
    fn name(&self) -> String {
        "operations overlap".to_owned()
    }

    fn check(&self, evidence: &Evidence<'_>) -> Result<Report, CheckError> {
        let (mut invoked, mut overlapping, mut under_way) = (0_u64, 0_u64, 0_u64);
        for entry in evidence.history().entries() {
            match (&entry.process, entry.kind) {
                (Process::Other(_), _) => {}
                (Process::Client(_), EntryKind::Invoke) => {
                    invoked += 1;
                    overlapping += u64::from(under_way > 0);
                    under_way += 1;
                }
                (Process::Client(_), _) => under_way = under_way.saturating_sub(1),
            }
        }
        let mut report = Report::of(self.name());
        report.count("operations", invoked);
        report.count("overlapping", overlapping);
        if overlapping == 0 {
            report.vacuous(format!(
                "no two of {invoked} operations were under way at the same time; let several clients \
                 work: `cx.work(schedule, 8, ..)`"
            ));
        }
        Ok(report)
    }
}
