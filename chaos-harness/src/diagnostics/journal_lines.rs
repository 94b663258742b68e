//! The lines of the journal, for people.

use std::time::Duration;

use chaos_core::duration::{Display, rounded};
use chaos_core::event::{Event, EventKind};
use chaos_core::outcome::Outcome;
use serde_json::Value;

use super::excerpt::Line;

/// Of a fault in a server, a value of a check and the like so much is told, in characters.
const VALUE_LENGTH: usize = 300;

/// All events that are worth a line.
pub(super) fn of(events: &[Event]) -> Vec<Line> {
    let line = |event: &Event| {
        let (at, source) = (event.time(), "journal".to_owned());
        Some(Line { at, source, text: text_of(event)?, is_routine: false })
    };
    events.iter().filter_map(line).collect()
}

/// How many operations have no line because they succeeded.
pub(super) fn succeeded(events: &[Event], from: Duration) -> u64 {
    let is_one = |event: &&Event| {
        event.time() >= from
            && matches!(event.what, EventKind::Operation { outcome: Outcome::Ok, .. })
    };
    events.iter().filter(is_one).count() as u64
}

fn text_of(event: &Event) -> Option<String> {
    match &event.what {
        // Thousands a second, and what is looked for is what went wrong.
        EventKind::Operation { outcome: Outcome::Ok, .. } => None,
        EventKind::Operation { client, began, outcome, error, .. } => {
            let took = Duration::from_nanos(event.at.saturating_sub(*began));
            let error = error.as_ref().map_or_else(String::new, |error| format!(": {error}"));
            let took = Display(rounded(took));
            let outcome = if *outcome == Outcome::Failed { "failed" } else { "unknown" };
            Some(format!("operation of client {client}: {outcome} after {took}{error}"))
        }
        EventKind::BoundChecked { held, bound } => {
            Some(format!("bound_checked {}: {bound}", if *held { "held" } else { "missed" }))
        }
        // Figures of a whole run, which the report has.
        EventKind::PhaseMeasured { .. }
        | EventKind::ImpactMeasured { .. }
        | EventKind::AlertJudged { .. }
        | EventKind::BaselineMeasured { .. }
        | EventKind::MetricsMeasured { .. } => None,
        other => Some(plain(other)),
    }
}

/// The name of the event and its fields, without those that have fields of their own.
fn plain(what: &EventKind) -> String {
    let Ok(Value::Object(fields)) = serde_json::to_value(what) else { return String::new() };
    let mut text = fields.get("event").and_then(Value::as_str).unwrap_or_default().to_owned();
    for (name, value) in &fields {
        let value = match value {
            _ if name == "event" => continue,
            Value::Array(_) | Value::Object(_) | Value::Null => continue,
            Value::String(value) if is_word(value) => value.clone(),
            other => other.to_string(),
        };
        let value = crate::report::words::shortened(&value, VALUE_LENGTH);
        text.push_str(&format!(" {name}={value}"));
    }
    text
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '"' || c.is_control())
}

#[cfg(test)]
mod tests {
    use chaos_core::event::FaultId;
    use chaos_core::fault::{Fault, cut};
    use serde_json::json;

    use super::*;

    fn operation(outcome: Outcome, error: Option<&str>) -> EventKind {
        let error = error.map(str::to_owned);
        EventKind::Operation { client: 3, began: 1_000_000, outcome, error, sqlstate: None }
    }

    #[test]
    fn an_event_is_its_name_and_its_fields() {
        let started = EventKind::FaultStarted {
            fault: FaultId(1),
            target: "postgres".to_owned(),
            label: "latency 80ms".to_owned(),
            spec: Fault::from(cut()).into(),
        };
        let demand = json!({
            "event": "bound_checked", "held": false, "bound": {
                "subject": "the run", "figure": "error rate", "unit": "share", "side": "at_most",
                "bound": 0.25, "found": 0.5, "n": 8,
            },
        });
        let events: Vec<Event> = [
            started,
            serde_json::from_value(demand).unwrap(),
            operation(Outcome::Ok, None),
            operation(Outcome::Unknown, Some("connection closed")),
            EventKind::TestEnded,
        ]
        .into_iter()
        .map(|what| Event::new(Duration::from_millis(3), what))
        .collect();
        let texts: Vec<String> = of(&events).into_iter().map(|line| line.text).collect();
        assert_eq!(
            texts,
            [
                "fault_started fault=1 label=\"latency 80ms\" target=postgres",
                "bound_checked missed: the error rate of `the run` was 50 %, which is 25 points above \
                 the bound of 25 % (n = 8)",
                "operation of client 3: unknown after 2ms: connection closed",
                "test_ended",
            ]
        );
        assert_eq!(succeeded(&events, Duration::from_millis(3)), 1);
        assert_eq!(succeeded(&events, Duration::from_millis(4)), 0);
    }
}
