//! Reading the bodies of requests, as lax as the original: names of fields in any case, unknown
//! fields ignored, `null` for whatever is missing, and anything at all behind the first value.
//!
//! What it does refuse it refuses in the words of the original, which clients show to people.

use serde_json::{Map, Value};

/// Why a body cannot be used, in the words of the original.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct BodyError(String);

/// The first value of a body.
pub(super) fn parse(body: &[u8]) -> Result<Value, BodyError> {
    let text = String::from_utf8_lossy(body);
    let mut values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    match values.next() {
        None => Err(BodyError("EOF".to_owned())),
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) if error.is_eof() => Err(BodyError("unexpected EOF".to_owned())),
        Some(Err(error)) => Err(syntax_error(&text, &error)),
    }
}

/// What stands where something else was expected.
fn syntax_error(text: &str, error: &serde_json::Error) -> BodyError {
    let message = error.to_string();
    let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let found = line.as_bytes().get(error.column().saturating_sub(1)).copied();
    let Some(found) = found.filter(u8::is_ascii).map(char::from) else {
        return BodyError(message);
    };
    let known = [
        ("expected value", "looking for beginning of value"),
        ("key must be a string", "looking for beginning of object key string"),
        ("trailing comma", "looking for beginning of object key string"),
        ("expected `:`", "after object key"),
        ("expected `,` or `}`", "after object key:value pair"),
        ("expected `,` or `]`", "after array element"),
        ("control character", "in string literal"),
        ("invalid escape", "in string escape code"),
        ("expected ident", "in literal"),
        ("invalid number", "in numeric literal"),
    ];
    let place = known.iter().find(|(ours, _)| message.starts_with(ours));
    place.map_or(BodyError(message.clone()), |(_, theirs)| {
        BodyError(format!("invalid character {found:?} {theirs}"))
    })
}

/// The fields of an object.
#[derive(Debug)]
pub(super) struct Fields<'body> {
    fields: Option<&'body Map<String, Value>>,
    /// What the original calls what it reads, for its messages.
    owner: &'static str,
}

impl<'body> Fields<'body> {
    /// The fields of the whole body, which `owner` is read from.
    pub(super) fn of_body(value: &'body Value, owner: &'static str) -> Result<Self, BodyError> {
        Self::of(value, owner).ok_or_else(|| {
            let found = kind(value);
            BodyError(format!("json: cannot unmarshal {found} into Go value of type {owner}"))
        })
    }

    fn of(value: &'body Value, owner: &'static str) -> Option<Self> {
        match value {
            Value::Null => Some(Self { fields: None, owner }),
            Value::Object(fields) => Some(Self { fields: Some(fields), owner }),
            _ => None,
        }
    }

    /// The fields of a field; none of them if it is missing.
    pub(super) fn inner(&self, name: &str, owner: &'static str) -> Result<Self, BodyError> {
        match self.get(name) {
            None => Ok(Self { fields: None, owner }),
            Some(value) => Self::of(value, owner).ok_or_else(|| self.mismatch(name, value, owner)),
        }
    }

    /// A field by its name in any case, and first of all in the very case.
    fn get(&self, name: &str) -> Option<&'body Value> {
        let fields = self.fields?;
        let alike = || fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        let value = fields.get(name).or_else(|| alike().map(|(_, value)| value));
        value.filter(|value| !value.is_null())
    }

    fn mismatch(&self, name: &str, value: &Value, wanted: &str) -> BodyError {
        let (found, owner) = (kind(value), self.owner.rsplit('.').next().unwrap_or_default());
        BodyError(format!(
            "json: cannot unmarshal {found} into Go struct field {owner}.{name} of type {wanted}"
        ))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, BodyError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| self.mismatch(name, value, "string"))?;
        Ok(Some(text.to_owned()))
    }

    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, BodyError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| self.mismatch(name, value, "bool"))
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, BodyError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_i64().map(Some).ok_or_else(|| match value {
            Value::Number(number) => {
                let owner = self.owner.rsplit('.').next().unwrap_or_default();
                BodyError(format!(
                    "json: cannot unmarshal number {number} into Go struct field \
                     {owner}.attributes.{name} of type int64"
                ))
            }
            _ => self.mismatch(name, value, "int64"),
        })
    }

    pub(super) fn float(&self, name: &str) -> Result<Option<f32>, BodyError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        #[expect(clippy::cast_possible_truncation, reason = "the original keeps 32 bits")]
        let float = value.as_f64().map(|float| float as f32).filter(|float| float.is_finite());
        float.map(Some).ok_or_else(|| self.mismatch(name, value, "float32"))
    }
}

/// The elements of an array; none of `null`.
pub(super) fn elements(value: &Value) -> Result<&[Value], BodyError> {
    match value {
        Value::Null => Ok(&[]),
        Value::Array(elements) => Ok(elements),
        _ => Err(BodyError(format!(
            "json: cannot unmarshal {} into Go value of type []toxiproxy.Proxy",
            kind(value)
        ))),
    }
}

/// What the original calls this kind of value.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbage_is_refused_in_the_words_of_the_original() {
        for (body, expected) in [
            ("", "EOF"),
            ("  ", "EOF"),
            ("{", "unexpected EOF"),
            (r#"{"name": "a"#, "unexpected EOF"),
            ("hello", "invalid character 'h' looking for beginning of value"),
            ("{name}", "invalid character 'n' looking for beginning of object key string"),
            (r#"{"a" 1}"#, "invalid character '1' after object key"),
            (r#"{"a": 1 "b"}"#, "invalid character '\"' after object key:value pair"),
            ("[1 2]", "invalid character '2' after array element"),
        ] {
            assert_eq!(parse(body.as_bytes()).unwrap_err().to_string(), expected, "{body}");
        }
    }

    #[test]
    fn what_follows_the_first_value_and_the_case_of_names_do_not_matter() {
        let value = parse(br#"{"NAME": "x", "enabled": null, "more": []} trailing {"#).unwrap();
        let fields = Fields::of_body(&value, "toxiproxy.Proxy").unwrap();
        assert_eq!(fields.text("name").unwrap().as_deref(), Some("x"));
        assert_eq!(fields.boolean("enabled").unwrap(), None);
        let value = parse(br#"{"name": 5}"#).unwrap();
        let fields = Fields::of_body(&value, "toxiproxy.Proxy").unwrap();
        assert_eq!(
            fields.text("name").unwrap_err().to_string(),
            "json: cannot unmarshal number into Go struct field Proxy.name of type string"
        );
    }
}
