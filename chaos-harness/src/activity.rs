//! What an attempt does at a moment, taken from its journal.

use std::fmt;

use chaos_core::event::{EventKind, FaultId};
use chaos_core::outcome::Outcome;

/// What an attempt does at a moment: the state after a part of its journal.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Activity {
    pub(crate) phase: Option<String>,
    active: Vec<(FaultId, String)>,
    pub(crate) ok: u64,
    pub(crate) not_ok: u64,
}

impl Activity {
    /// The state after these events.
    pub(crate) fn after<'a>(events: impl IntoIterator<Item = &'a EventKind>) -> Self {
        let mut activity = Self::default();
        for event in events {
            activity.apply(event);
        }
        activity
    }

    /// The state after one more event.
    pub(crate) fn apply(&mut self, event: &EventKind) {
        match event {
            EventKind::PhaseStarted { phase } => self.phase = Some(phase.clone()),
            EventKind::FaultStarted { fault, target, label, .. } => {
                self.active.push((*fault, format!("{target}: {label}")));
            }
            EventKind::FaultEnded { fault, .. } => self.active.retain(|(id, _)| id != fault),
            EventKind::Operation { outcome: Outcome::Ok, .. } => self.ok += 1,
            EventKind::Operation { .. } => self.not_ok += 1,
            _ => {}
        }
    }

    /// The active faults, each with its target, in the order of their beginnings.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.active.iter().map(|(_, label)| label.clone()).collect()
    }
}

/// `in phase "checks", with no active fault`.
impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(phase) = &self.phase {
            write!(f, "in phase \"{phase}\", ")?;
        }
        match self.faults().as_slice() {
            [] => f.write_str("with no active fault"),
            [fault] => write!(f, "with the active fault `{fault}`"),
            faults => write!(f, "with the active faults `{}`", faults.join("`, `")),
        }
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::fault::{Fault, cut};

    use super::*;

    #[test]
    fn it_names_the_phase_and_the_faults_that_have_not_ended() {
        let start = |fault| EventKind::FaultStarted {
            fault: FaultId(fault),
            target: format!("link{fault}"),
            label: "cut".to_owned(),
            spec: Fault::from(cut()).into(),
        };
        let end = |fault| EventKind::FaultEnded { fault: FaultId(fault), hits: 0, connections: 0 };
        let phase = EventKind::PhaseStarted { phase: "storm".to_owned() };
        let events = [start(1), phase, start(2), start(3), end(1)];
        let activity = Activity::after(&events);
        assert_eq!(
            activity.to_string(),
            "in phase \"storm\", with the active faults `link2: cut`, `link3: cut`"
        );
        assert_eq!(Activity::after([]).to_string(), "with no active fault");
    }
}
