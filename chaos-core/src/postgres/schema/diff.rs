//! What differs between two snapshots of a schema, in words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use super::object::{Object, ObjectKind};
use crate::check::{CheckFailed, Finding};

/// The property whose values say by themselves what they are: `valid`, `disabled`.
pub(super) const STATE: &str = "state";

/// The states of what is new that go without saying.
const USUAL: [&str; 3] = ["valid", "enabled", "populated"];

/// The property of a table that lists its columns.
pub(super) const COLUMN_ORDER: &str = "order of columns";

/// Values that are longer are not shown.
const SHOWN: usize = 120;

/// What differs between two snapshots of a schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct SchemaDiff {
    changes: Vec<SchemaChange>,
}

/// One difference between two snapshots of a schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change")]
#[non_exhaustive]
pub enum SchemaChange {
    /// Something is new. What it is made of is not listed again.
    Added {
        /// What.
        object: Object,
    },
    /// Something is gone. What it was made of is not listed again.
    Removed {
        /// What.
        object: Object,
    },
    /// Something is not as it was.
    Changed {
        /// Its kind.
        kind: ObjectKind,
        /// Its name.
        name: String,
        /// What about it.
        property: String,
        /// What that was; absent if it had none.
        before: Option<String>,
        /// What it is; absent if it has none.
        after: Option<String>,
    },
}

impl SchemaDiff {
    pub(super) fn between(before: &[Object], after: &[Object]) -> Self {
        let by_name = |objects: &[Object]| -> BTreeMap<(ObjectKind, String), Object> {
            let named = objects.iter().map(|o| ((o.kind, o.name.clone()), o.clone()));
            named.collect()
        };
        let (before, after) = (by_name(before), by_name(after));
        let has = |objects: &BTreeMap<(ObjectKind, String), Object>, name: &str| {
            let whole = [ObjectKind::Table, ObjectKind::View, ObjectKind::MaterializedView];
            whole.iter().any(|kind| objects.contains_key(&(*kind, name.to_owned())))
        };
        // Of something that came or went with its table only the table is told.
        let with_its_table = |object: &Object| {
            object.of.as_ref().is_some_and(|table| has(&before, table) != has(&after, table))
        };
        let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let mut changes = Vec::new();
        for name in names {
            match (before.get(name), after.get(name)) {
                (Some(object), None) if !with_its_table(object) => {
                    changes.push(SchemaChange::Removed { object: object.clone() });
                }
                (None, Some(object)) if !with_its_table(object) => {
                    changes.push(SchemaChange::Added { object: object.clone() });
                }
                (Some(before), Some(after)) => changes.extend(changed(before, after)),
                _ => {}
            }
        }
        Self { changes }
    }

    /// The differences, by kind and by name.
    #[must_use]
    pub fn changes(&self) -> &[SchemaChange] {
        &self.changes
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Fails the test with everything that differs.
    ///
    /// # Errors
    ///
    /// When something differs.
    #[track_caller]
    pub fn into_result(self) -> Result<(), CheckFailed> {
        if self.is_empty() {
            return Ok(());
        }
        let finding = Finding::Report { text: self.to_string() };
        let name = "the schema is the same".to_owned();
        Err(CheckFailed { name, finding, location: Location::caller() })
    }
}

fn changed(before: &Object, after: &Object) -> Vec<SchemaChange> {
    let properties: BTreeSet<_> = before.properties.keys().chain(after.properties.keys()).collect();
    let mut changes = Vec::new();
    for property in properties {
        let (was, is) = (before.properties.get(property), after.properties.get(property));
        let same_order = property == COLUMN_ORDER && was.zip(is).is_some_and(is_same_order);
        if was != is && !same_order {
            changes.push(SchemaChange::Changed {
                kind: before.kind,
                name: before.name.clone(),
                property: property.clone(),
                before: was.cloned(),
                after: is.cloned(),
            });
        }
    }
    changes
}

/// Whether the columns that both have come in the same order: the others are told one by one.
fn is_same_order((before, after): (&String, &String)) -> bool {
    let columns = |text: &str| text.split(", ").map(str::to_owned).collect::<Vec<_>>();
    let (mut before, mut after) = (columns(before), columns(after));
    let (had, have): (BTreeSet<_>, BTreeSet<_>) =
        (before.iter().cloned().collect(), after.iter().cloned().collect());
    before.retain(|column| have.contains(column));
    after.retain(|column| had.contains(column));
    before == after
}

impl fmt::Display for SchemaDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("no differences");
        }
        for (index, change) in self.changes.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{change}")?;
        }
        Ok(())
    }
}

impl fmt::Display for SchemaChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name, property, before, after) = match self {
            Self::Added { object } => {
                write!(f, "{object}: new")?;
                // What a failed CREATE INDEX CONCURRENTLY leaves behind is no index that is used.
                let state = object.properties.get(STATE).map(String::as_str);
                return match state.filter(|state| !USUAL.contains(state)) {
                    Some(state) => write!(f, ", {state}"),
                    None => Ok(()),
                };
            }
            Self::Removed { object } => return write!(f, "{object}: gone"),
            Self::Changed { kind, name, property, before, after } => {
                (kind, name, property, before.as_deref(), after.as_deref())
            }
        };
        write!(f, "{kind} {name}: ")?;
        if property != STATE {
            write!(f, "{property} ")?;
        }
        let is_long = |value: Option<&str>| {
            value.is_some_and(|value| value.len() > SHOWN || value.contains('\n'))
        };
        if is_long(before) || is_long(after) {
            return f.write_str("differs");
        }
        write!(f, "{} before, {} now", before.unwrap_or("none"), after.unwrap_or("none"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: ObjectKind, name: &str, of: Option<&str>, state: &[(&str, &str)]) -> Object {
        let properties = state.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Object { kind, name: name.to_owned(), of: of.map(str::to_owned), properties }
    }

    #[test]
    fn changes_are_told_in_words_and_a_table_speaks_for_what_it_is_made_of() {
        let table = |columns: &str| {
            object(ObjectKind::Table, "public.orders", None, &[(COLUMN_ORDER, columns)])
        };
        let index = |state| {
            let name = "orders_pkey on public.orders";
            object(ObjectKind::Index, name, Some("public.orders"), &[(STATE, state)])
        };
        let column = |table: &str, name: &str, kind: &str| {
            let name = format!("{table}.{name}");
            object(ObjectKind::Column, &name, Some(table), &[("type", kind)])
        };
        let old = object(ObjectKind::Table, "public.old", None, &[]);
        let before = [
            table("id, total"),
            column("public.orders", "id", "integer"),
            column("public.orders", "total", "integer"),
            index("valid"),
            old,
            column("public.old", "id", "integer"),
        ];
        let after = [
            table("id, total, note"),
            column("public.orders", "id", "bigint"),
            column("public.orders", "total", "integer"),
            column("public.orders", "note", "text"),
            index("invalid"),
        ];
        let diff = SchemaDiff::between(&before, &after);
        assert_eq!(
            diff.to_string(),
            "table public.old: gone\n\
             column public.orders.id: type integer before, bigint now\n\
             column public.orders.note: new\n\
             index orders_pkey on public.orders: valid before, invalid now"
        );
        assert!(diff.clone().into_result().unwrap_err().to_string().contains("bigint"));
        let swapped = SchemaDiff::between(&[table("a, b, c")], &[table("b, a, d")]);
        assert_eq!(
            swapped.to_string(),
            "table public.orders: order of columns a, b, c before, b, a, d now"
        );
        assert!(SchemaDiff::between(&before, &before).is_empty());
        let table = table("id");
        let added = |state| {
            SchemaDiff::between(std::slice::from_ref(&table), &[table.clone(), index(state)])
                .to_string()
        };
        assert_eq!(added("valid"), "index orders_pkey on public.orders: new");
        assert_eq!(added("invalid"), "index orders_pkey on public.orders: new, invalid");
    }
}
