//! One thing that a schema is made of.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that a schema is made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Object {
    /// What it is.
    pub kind: ObjectKind,
    /// Its name, as SQL would write it: `public.orders`, `public.orders.total`,
    /// `orders_pkey on public.orders`, `public.double(x integer)`.
    pub name: String,
    /// The table or view that it belongs to, if it comes and goes with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// What there is to say of it, by property.
    pub properties: BTreeMap<String, String>,
}

/// What a schema is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ObjectKind {
    /// A schema.
    Schema,
    /// An extension; its members are not listed.
    Extension,
    /// An enumeration, a composite or a range type.
    Type,
    /// A domain.
    Domain,
    /// A sequence, without its value.
    Sequence,
    /// A table, partitioned table or foreign table.
    Table,
    /// A column of a table.
    Column,
    /// A constraint of a table or a domain.
    Constraint,
    /// An index.
    Index,
    /// A view.
    View,
    /// A materialized view.
    MaterializedView,
    /// A function, procedure or aggregate.
    Function,
    /// A trigger.
    Trigger,
    /// A rewrite rule.
    Rule,
    /// A policy of row-level security.
    Policy,
    /// Extended statistics.
    Statistics,
    /// An event trigger.
    EventTrigger,
    /// A publication.
    Publication,
    /// What is granted on things that will be made.
    DefaultPrivileges,
    /// A setting of the database, for all roles or for one.
    Setting,
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Schema => "schema",
            Self::Extension => "extension",
            Self::Type => "type",
            Self::Domain => "domain",
            Self::Sequence => "sequence",
            Self::Table => "table",
            Self::Column => "column",
            Self::Constraint => "constraint",
            Self::Index => "index",
            Self::View => "view",
            Self::MaterializedView => "materialized view",
            Self::Function => "function",
            Self::Trigger => "trigger",
            Self::Rule => "rule",
            Self::Policy => "policy",
            Self::Statistics => "statistics",
            Self::EventTrigger => "event trigger",
            Self::Publication => "publication",
            Self::DefaultPrivileges => "default privileges",
            Self::Setting => "setting",
        })
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}
