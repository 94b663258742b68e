//! One table of `chaos.toml`, read key by key.
//!
//! A key that nobody has asked for when the table has been read is a mistake, and the suggestion is
//! the nearest one that was asked for: so the list of known keys is never written down twice.

use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::time::Duration;

use chaos_core::duration::{self, Display};
use chaos_core::probability::Probability;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::{Document, Located};
use super::size;
use crate::suggestion::suggest;

/// A table of the file, and which of its keys were asked for.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    document: &'a Document<'a>,
    values: &'a DeTable<'a>,
    /// The keys that lead to it: `environments.ci.attempts`, empty for the whole file.
    path: String,
    known: Vec<String>,
    /// Keys that belong elsewhere, with where that is.
    homes: Vec<(String, String)>,
}

impl<'a> Table<'a> {
    pub(super) fn new(document: &'a Document<'a>, values: &'a DeTable<'a>, path: String) -> Self {
        let (known, homes) = Default::default();
        Self { document, values, path, known, homes }
    }

    /// Says of a key that is no setting of this table where it belongs.
    pub(crate) fn belongs(&mut self, key: &str, home: impl Into<String>) {
        self.homes.push((key.to_owned(), home.into()));
    }

    /// The keys that `read` asks a table for.
    pub(crate) fn keys_of<T>(read: impl FnOnce(&mut Table<'_>) -> T) -> Vec<String> {
        let mut keys = Vec::new();
        let noted = Document::read(Path::new(""), "", |table| {
            read(table);
            keys.clone_from(&table.known);
        });
        debug_assert!(noted.is_ok(), "there is nothing in it");
        keys
    }

    /// Whether there is such a key, whatever its value.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.values.keys().any(|known| known.get_ref() == key)
    }

    /// A duration within these bounds, as text with a unit: `"30s"`.
    pub(crate) fn duration(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<Duration>,
    ) -> Option<Located<Duration>> {
        let (least, most) = (in_words(*bounds.start()), in_words(*bounds.end()));
        let expected = format!(
            "a duration from {least} to {most} with its unit (us, ms, s, m, h), such as \"30s\""
        );
        self.parse(key, &expected, |value| {
            let duration = duration::parse(value.as_str()?).ok()?;
            bounds.contains(&duration).then_some(duration)
        })
    }

    /// A whole number within these bounds.
    pub(crate) fn count(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<u64>,
    ) -> Option<Located<u64>> {
        let expected = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        self.parse(key, &expected, |value| integer(value).filter(|number| bounds.contains(number)))
    }

    /// A number within these bounds.
    pub(crate) fn number(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<f64>,
    ) -> Option<Located<f64>> {
        let expected = format!("a number from {} to {}", bounds.start(), bounds.end());
        self.parse(key, &expected, |value| {
            let text = match value {
                DeValue::Integer(number) => number.as_str(),
                DeValue::Float(number) => number.as_str(),
                _ => return None,
            };
            text.parse().ok().filter(|number| bounds.contains(number))
        })
    }

    /// A share of a whole, in percent: `"20 %"`.
    pub(crate) fn share(&mut self, key: &'static str) -> Option<Located<Probability>> {
        let expected = "a share from 0 % to 100 % with its unit, such as \"20 %\"";
        self.parse(key, expected, |value| {
            let percent: f64 = value.as_str()?.trim().strip_suffix('%')?.trim().parse().ok()?;
            Probability::new(percent / 100.0).ok()
        })
    }

    /// A size in bytes: `"4 GiB"`.
    pub(crate) fn size(&mut self, key: &'static str) -> Option<Located<u64>> {
        self.parse(key, size::EXPECTED, |value| size::parse(value.as_str()?))
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, key: &'static str) -> Option<Located<bool>> {
        self.parse(key, "`true` or `false`", |value| value.as_bool())
    }

    /// A text that is not empty.
    pub(crate) fn text(&mut self, key: &'static str) -> Option<Located<String>> {
        self.parse(key, "a text of at least one character", |value| {
            value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        })
    }

    /// A text that `parse` understands; `expected` completes "is not ..".
    #[allow(dead_code, reason = "for the sections that are still to come")]
    pub(crate) fn parsed<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Located<T>> {
        self.parse(key, expected, |value| parse(value.as_str()?))
    }

    /// One of these words.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Option<Located<T>> {
        let words: Vec<_> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let expected = format!("one of {}", words.join(", "));
        self.parse(key, &expected, |value| {
            let word = value.as_str()?;
            choices.iter().find(|(choice, _)| *choice == word).map(|(_, value)| *value)
        })
    }

    /// A text, or a list of texts.
    pub(crate) fn texts(&mut self, key: &'static str) -> Option<Located<Vec<String>>> {
        self.parse(key, "a text, or a list of texts such as [\"a\", \"b\"]", |value| match value {
            DeValue::String(text) => Some(vec![text.to_string()]),
            DeValue::Array(values) => {
                let text = |value: &Spanned<_>| DeValue::as_str(value.get_ref()).map(str::to_owned);
                values.iter().map(text).collect()
            }
            _ => None,
        })
    }

    /// The table of this name, read by `read`.
    pub(crate) fn table<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Table<'_>) -> T,
    ) -> Option<T> {
        let value = self.ask(key)?;
        match value.get_ref().as_table() {
            Some(values) => Some(self.child(values, self.path_of(key), read)),
            None => {
                let path = self.path_of(key);
                self.wrong(value.span(), format_args!(
                    "`{path}` is a table; write [{path}] and its settings below, or {path}.<setting>"
                ));
                None
            }
        }
    }

    /// The tables of any names in the table `key`: `[environments.ci]`.
    pub(crate) fn named_tables<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&str, &mut Table<'_>) -> T,
    ) -> Vec<Located<T>> {
        let Some(value) = self.ask(key) else { return Vec::new() };
        let path = self.path_of(key);
        let Some(values) = value.get_ref().as_table() else {
            self.wrong(value.span(), format_args!("write [{path}.<name>]"));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (name, value) in values {
            let path = format!("{path}.{}", name.get_ref());
            match value.get_ref().as_table() {
                Some(values) => tables.push(Located {
                    value: self.child(values, path, |table| read(name.get_ref(), table)),
                    line: self.document.line(&name.span()),
                }),
                None => {
                    self.wrong(name.span(), format_args!("`{path}` is a table; write [{path}]"));
                }
            }
        }
        tables
    }

    /// The tables of the list `[[key]]`, in order.
    pub(crate) fn table_list<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Table<'_>) -> T,
    ) -> Vec<Located<T>> {
        let Some(value) = self.ask(key) else { return Vec::new() };
        let path = self.path_of(key);
        let mut tables = Vec::new();
        for value in value.get_ref().as_array().into_iter().flat_map(|values| values.iter()) {
            if let Some(values) = value.get_ref().as_table() {
                let line = self.document.line(&value.span());
                tables.push(Located { value: self.child(values, path.clone(), &mut read), line });
            }
        }
        let complete = value.get_ref().as_array().is_some_and(|all| all.len() == tables.len());
        if !complete {
            self.wrong(value.span(), format_args!("`{path}` is a list; write [[{path}]]"));
        }
        tables
    }

    /// Notes that the table as a whole is wrong, at the first of its keys that is one of `keys`.
    pub(crate) fn mistake(&self, keys: &[&str], message: &str) {
        let named = self.values.keys().find(|key| keys.contains(&key.get_ref().as_ref()));
        let span = named.or_else(|| self.values.keys().next()).map(Spanned::span);
        self.wrong(span.unwrap_or_default(), message);
    }

    /// Notes the keys that nobody asked for.
    pub(super) fn finish(self) {
        for key in self.values.keys() {
            let name = key.get_ref().as_ref();
            if self.known.iter().any(|known| known == name) {
                continue;
            }
            let known = self.known.iter().map(String::as_str);
            let help = suggest(name, known);
            let home = self.homes.iter().find(|(key, _)| key == name);
            let message = match (home, self.path.as_str()) {
                (Some((_, home)), _) => format!("`{name}` does not stand here; {home}"),
                (None, "") => format!("there is no setting `{name}`; {help}"),
                (None, path) => format!("`{path}` has no setting `{name}`; {help}"),
            };
            self.wrong(key.span(), message);
        }
    }

    fn child<T>(
        &self,
        values: &DeTable<'_>,
        path: String,
        read: impl FnOnce(&mut Table<'_>) -> T,
    ) -> T {
        let mut table = Table::new(self.document, values, path);
        let value = read(&mut table);
        table.finish();
        value
    }

    fn parse<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&DeValue<'_>) -> Option<T>,
    ) -> Option<Located<T>> {
        let value = self.ask(key)?;
        let Some(parsed) = parse(value.get_ref()) else {
            let path = self.path_of(key);
            let written = as_written(value.get_ref());
            // What is to be a text shows an example in quotes.
            let is_quoted = value.get_ref().as_str().is_some_and(|text| !text.is_empty());
            let hint = match is_quoted && !expected.contains('"') {
                true => "; write it without quotes",
                false => "",
            };
            self.wrong(
                value.span(),
                format_args!("`{path}` is {written}, which is not {expected}{hint}"),
            );
            return None;
        };
        Some(Located { value: parsed, line: self.document.line(&value.span()) })
    }

    fn ask(&mut self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.push(key.to_owned());
        self.values.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    fn path_of(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }

    fn wrong(&self, span: Range<usize>, message: impl std::fmt::Display) {
        self.document.mistake(span, message);
    }
}

/// Bounds of many hours are days.
fn in_words(duration: Duration) -> String {
    const DAY: u64 = 24 * 60 * 60;
    match duration.as_secs() / DAY {
        1 if duration == Duration::from_secs(DAY) => "1 day".to_owned(),
        days @ 2.. if duration == Duration::from_secs(days * DAY) => format!("{days} days"),
        _ => Display(duration).to_string(),
    }
}

fn integer(value: &DeValue<'_>) -> Option<u64> {
    let number = value.as_integer()?;
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn as_written(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
