//! Our faults as spans of the `tracing` crate.

use parking_lot::Mutex;
use tracing::Span;

use crate::event::FaultId;

/// The target of the spans and events that tell of our faults, by which filters know them.
pub const FAULT_TARGET: &str = "chaos_core::fault";

/// The span of a fault, open from its injection to its end.
#[derive(Debug)]
pub(crate) struct FaultSpan(Mutex<Option<Span>>);

impl FaultSpan {
    /// The fault takes effect.
    pub(crate) fn begin(id: FaultId, target: &str, label: &str) -> Self {
        // It may outlive the span in which it was injected.
        let span = tracing::info_span!(
            target: FAULT_TARGET,
            parent: None,
            "fault",
            id = id.0,
            on = target,
            fault = label
        );
        tracing::info!(target: FAULT_TARGET, parent: &span, "fault injected");
        Self(Mutex::new(Some(span)))
    }

    /// The fault has ended, having acted so often on so many connections.
    pub(crate) fn end(&self, hits: u64, connections: u64) {
        if let Some(span) = self.0.lock().take() {
            tracing::info!(
                target: FAULT_TARGET,
                parent: &span,
                hits,
                connections,
                "fault cleared"
            );
        }
    }
}
