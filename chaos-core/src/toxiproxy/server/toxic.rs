//! One toxic of a proxy: what the API calls it, and the fault that it is.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::{Number, Value};

use super::answer::ApiError;
use super::body::{self, Fields};
use crate::direction::{Direction, Directions};
use crate::fault::{Fault, FaultKind, Toxic};
use crate::probability::Probability;
use crate::scope::FaultRecord;
use crate::toxiproxy::toxics::{self, Attributes};
use crate::trigger::Trigger;

const OWNER: &str = "toxics.ToxicWrapper";

/// A toxic of a proxy.
#[derive(Debug, Clone)]
pub(super) struct NamedToxic {
    pub(super) name: String,
    pub(super) direction: Direction,
    /// The direction as the client wrote it.
    stream: String,
    toxicity: f32,
    does: Toxic,
    /// The fault on the link, while the proxy listens.
    pub(super) record: Option<Arc<FaultRecord>>,
}

impl NamedToxic {
    /// The toxic that a body asks for; `exists` says whether there is one of this name.
    pub(super) fn read(body: &[u8], exists: impl Fn(&str) -> bool) -> Result<Self, ApiError> {
        let value = body::parse(body)?;
        let fields = Fields::of_body(&value, OWNER)?;
        let text = |name| fields.text(name);
        let (name, kind, stream) = (text("name")?, text("type")?, text("stream")?);
        let toxicity = fields.float("toxicity")?.unwrap_or(1.0);
        let attributes = fields.inner("attributes", "toxics.Attributes")?;
        let (kind, stream) = (kind.unwrap_or_default(), stream.unwrap_or("downstream".to_owned()));
        let direction = match &*stream.to_lowercase() {
            "upstream" => Direction::Upstream,
            "downstream" => Direction::Downstream,
            _ => return Err(ApiError::invalid_stream()),
        };
        let name = name.filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| format!("{kind}_{stream}"));
        let mut does = toxics::of_type(&kind).ok_or_else(ApiError::invalid_type)?;
        if exists(&name) {
            return Err(ApiError::toxic_exists());
        }
        assign(&mut does, &attributes)?;
        Ok(Self { name, direction, stream, toxicity, does, record: None })
    }

    /// The toxic with the toxicity and those attributes changed that a body names.
    pub(super) fn updated(&self, body: &[u8]) -> Result<Self, ApiError> {
        let value = body::parse(body)?;
        let fields = Fields::of_body(&value, OWNER)?;
        let mut updated = self.clone();
        updated.toxicity = fields.float("toxicity")?.unwrap_or(self.toxicity);
        assign(&mut updated.does, &fields.inner("attributes", "toxics.Attributes")?)?;
        Ok(updated)
    }

    /// The fault that it is on a link.
    pub(super) fn fault(&self) -> Fault {
        // Any number is a toxicity: the original draws one from 0 to 1 and compares.
        let probability = Probability::new(f64::from(self.toxicity).clamp(0.0, 1.0));
        let trigger = match probability {
            Ok(Probability::ALWAYS) => Trigger::Always,
            Ok(probability) => Trigger::Probability(probability),
            Err(_) => Trigger::Probability(Probability::NEVER),
        };
        let directions = Directions::from(self.direction);
        let kind = FaultKind::Toxic { does: self.does };
        Fault { directions, trigger, may_be_idle: true, ..Fault::new(kind) }
    }
}

fn assign(toxic: &mut Toxic, attributes: &Fields<'_>) -> Result<(), ApiError> {
    for (name, number) in toxics::attributes_mut(toxic) {
        if let Some(given) = attributes.integer(name)? {
            *number = given;
        }
    }
    Ok(())
}

impl Serialize for NamedToxic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// In the order of the original.
        #[derive(Serialize)]
        struct Written<'toxic> {
            attributes: Attributes,
            name: &'toxic str,
            r#type: &'static str,
            stream: &'toxic str,
            toxicity: Value,
        }
        Written {
            attributes: self.does.into(),
            name: &self.name,
            r#type: self.does.type_name(),
            stream: &self.stream,
            toxicity: shortest(self.toxicity),
        }
        .serialize(serializer)
    }
}

/// The number with as few digits as tell it from other 32-bit numbers, as the original writes it:
/// `1` and `0.2`.
fn shortest(number: f32) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "a whole number that fits")]
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return Value::from(number as i64);
    }
    let digits: f64 = number.to_string().parse().unwrap_or_default();
    Number::from_f64(digits).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(body: &str) -> String {
        match NamedToxic::read(body.as_bytes(), |name| name == "taken") {
            Ok(toxic) => serde_json::to_string(&toxic).unwrap(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn toxics_are_read_as_the_original_reads_them() {
        for (body, expected) in [
            (
                r#"{"type": "latency"}"#,
                r#"{"attributes":{"latency":0,"jitter":0},"name":"latency_downstream","type":"latency","stream":"downstream","toxicity":1}"#,
            ),
            (
                r#"{"type":"slicer","stream":"UpStream","toxicity":7.5,"attributes":{"delay":-5,"latncy":3,"average_size":null}}"#,
                r#"{"attributes":{"average_size":0,"size_variation":0,"delay":-5},"name":"slicer_UpStream","type":"slicer","stream":"UpStream","toxicity":7.5}"#,
            ),
            (
                r#"{"type":"noop","name":"n","toxicity":0.2,"attributes":{"x":1}}"#,
                r#"{"attributes":{},"name":"n","type":"noop","stream":"downstream","toxicity":0.2}"#,
            ),
            (
                r#"{"type":"latency","stream":"sideways"}"#,
                "stream was invalid, can be either upstream or downstream",
            ),
            (r#"{"type":"packet"}"#, "invalid toxic type"),
            ("{}", "invalid toxic type"),
            ("null", "invalid toxic type"),
            (r#"{"type":"latency","name":"taken"}"#, "toxic already exists"),
            (
                r#"{"type":"latency","attributes":{"latency":1.5}}"#,
                "bad request body: json: cannot unmarshal number 1.5 into Go struct field Attributes.attributes.latency of type int64",
            ),
            (
                "[]",
                "bad request body: json: cannot unmarshal array into Go value of type toxics.ToxicWrapper",
            ),
        ] {
            assert_eq!(written(body), expected, "{body}");
        }
    }

    #[test]
    fn an_update_changes_only_what_it_names() {
        let body = br#"{"type":"latency","attributes":{"latency":100,"jitter":10}}"#;
        let toxic = NamedToxic::read(body, |_| false).unwrap();
        let update =
            br#"{"name":"other","stream":"upstream","attributes":{"latency":1000},"toxicity":0}"#;
        let updated = toxic.updated(update).unwrap();
        assert_eq!(updated.name, "latency_downstream");
        assert_eq!(updated.does, Toxic::Latency { latency: 1000, jitter: 10 });
        assert_eq!(updated.fault().trigger, Trigger::Probability(Probability::NEVER));
        assert_eq!(toxic.updated(b"{}").unwrap().fault(), toxic.fault());
    }
}
