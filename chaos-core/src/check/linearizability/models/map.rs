//! A map of keys to values, read one by one and as a whole.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::{Answer, Asked, Model};
use super::unknown_operation;

/// A map: `get [key, value]`, `put [key, value]`, `remove [key, _]`, `cas [key, [old, new]]`, and
/// `scan`, which answers with an object of everything. It is empty at first; a key that is not there
/// has the value `null`.
///
/// Without `scan` the keys have nothing to do with each other: then a [`Register`](super::Register)
/// for [each key](super::super::Linearizability::per_key) says the same, far cheaper.
#[derive(Debug, Clone, Copy, Default)]
pub struct Map;

/// An operation on a [`Map`]. Keys are texts of JSON but for texts themselves.
#[derive(Debug, Clone, PartialEq)]
#[doc(hidden)]
pub enum MapCall {
    Get(String, Value),
    Put(String, Value),
    CompareAndSet(String, Value, Value),
    Scan(BTreeMap<String, Value>),
}

fn pair(value: &Value) -> Result<(String, &Value), String> {
    match value {
        Value::Array(pair) if pair.len() == 2 => {
            Ok((crate::check::label::label(&pair[0]), &pair[1]))
        }
        other => Err(format!("a value is a pair [key, value], and not {other}")),
    }
}

impl Model for Map {
    type State = BTreeMap<String, Value>;
    type Call = MapCall;

    fn initial(&self) -> Self::State {
        BTreeMap::new()
    }

    fn call(&self, asked: Asked<'_>) -> Result<Option<MapCall>, String> {
        let of = |value| pair(value).map(|(key, value)| (key, value.clone()));
        match (asked.f, asked.answer) {
            ("get", Answer::Ok(value)) => {
                of(value).map(|(key, value)| Some(MapCall::Get(key, value)))
            }
            ("put", _) => of(asked.argument).map(|(key, value)| Some(MapCall::Put(key, value))),
            ("remove", _) => {
                pair(asked.argument).map(|(key, _)| Some(MapCall::Put(key, Value::Null)))
            }
            ("cas", _) => match pair(asked.argument)? {
                (key, Value::Array(change)) if change.len() == 2 => {
                    let (old, new) = (change[0].clone(), change[1].clone());
                    Ok(Some(MapCall::CompareAndSet(key, old, new)))
                }
                (_, other) => Err(format!("a cas has [key, [old, new]], and not {other}")),
            },
            ("scan", Answer::Ok(Value::Object(all))) => {
                let there = all.iter().filter(|(_, value)| !value.is_null());
                let all = there.map(|(key, value)| (key.clone(), value.clone()));
                Ok(Some(MapCall::Scan(all.collect())))
            }
            ("scan", Answer::Ok(other)) => {
                Err(format!("a scan is an object of everything, and not {other}"))
            }
            ("get" | "scan", Answer::Unknown) => Ok(None),
            _ => Err(unknown_operation(asked, "get, put, remove, cas and scan")),
        }
    }

    fn step(&self, state: &Self::State, call: &MapCall) -> Option<Self::State> {
        let value = |key: &String| state.get(key).unwrap_or(&Value::Null);
        let with = |key: &String, value: &Value| {
            let mut state = state.clone();
            match value {
                Value::Null => drop(state.remove(key)),
                value => drop(state.insert(key.clone(), value.clone())),
            }
            state
        };
        match call {
            MapCall::Get(key, found) => (value(key) == found).then(|| state.clone()),
            MapCall::Put(key, new) => Some(with(key, new)),
            MapCall::CompareAndSet(key, old, new) => (value(key) == old).then(|| with(key, new)),
            MapCall::Scan(all) => (state == all).then(|| state.clone()),
        }
    }

    fn heap_bytes(&self, state: &Self::State) -> usize {
        state.keys().map(|key| key.len() + 96).sum()
    }
}
