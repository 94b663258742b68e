//! Reading a schema from the system catalogs.
//!
//! Every statement returns a name, the table that the object belongs to, and its properties as JSON.
//! Properties that are null are left out.

mod relations;
mod rest;

use std::collections::BTreeMap;

use serde_json::Value;

use super::object::Object;
use crate::postgres::error::PostgresError;
use crate::postgres::inspection::{Inspection, text};

/// Reads everything, in order.
pub(super) async fn read(inspection: &Inspection) -> Result<Vec<Object>, PostgresError> {
    // So that definitions name everything in full.
    inspection.rows("set the search path", "SET LOCAL search_path = pg_catalog").await?;
    let mut objects = Vec::new();
    for (kind, sql) in relations::STATEMENTS.iter().chain(rest::STATEMENTS) {
        let sql = expand(sql);
        for row in inspection.rows(&format!("list every {kind}"), &sql).await? {
            let of = row.get(1).map(str::to_owned);
            let properties = properties(&text(&row, 2));
            objects.push(Object { kind: *kind, name: text(&row, 0), of, properties });
        }
    }
    objects.sort();
    Ok(objects)
}

/// Writes out what the statements have in common.
///
/// * `@own(n)`: the schema `n` is no schema of the system;
/// * `@free(catalog, x)`: `x` of this catalog does not belong to an extension;
/// * `@owner(x)`: the name of a role, the same for the owners of all databases;
/// * `@grants(acl, type, owner)`: what is granted to others than the owner.
fn expand(sql: &str) -> String {
    let mut expanded = String::new();
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once('@') {
        expanded.push_str(before);
        let (call, remaining) = after.split_once(')').unwrap_or((after, ""));
        let (name, arguments) = call.split_once('(').unwrap_or((call, ""));
        let arguments: Vec<_> = arguments.split(", ").collect();
        let role = |oid: &str| {
            format!(
                "(CASE WHEN {oid} = 0 THEN 'PUBLIC' \
                  WHEN {oid} = (SELECT datdba FROM pg_database WHERE datname = current_database()) \
                  THEN 'the owner of the database' \
                  ELSE (SELECT quote_ident(rolname) FROM pg_roles who WHERE who.oid = {oid}) END)"
            )
        };
        expanded.push_str(&match (name, arguments.as_slice()) {
            ("own", [n]) => {
                format!("({n}.nspname <> 'information_schema' AND {n}.nspname !~ '^pg_')")
            }
            ("free", [catalog, x]) => format!(
                "NOT EXISTS (SELECT FROM pg_depend dep WHERE dep.deptype = 'e' \
                 AND dep.classid = '{catalog}'::regclass AND dep.objid = {x})"
            ),
            ("owner", [oid]) => role(oid),
            ("grants", [acl, kind, owner]) => format!(
                "(SELECT string_agg(format('%s to %s%s', g.privilege_type, {}, \
                         CASE WHEN g.is_grantable THEN ' with grant option' ELSE '' END), ', ' \
                         ORDER BY g.privilege_type, g.grantee) \
                    FROM aclexplode(coalesce({acl}, acldefault('{kind}', {owner}))) g \
                   WHERE g.grantee <> {owner})",
                role("g.grantee")
            ),
            _ => unreachable!("no such abbreviation: {call}"),
        });
        rest = remaining;
    }
    expanded.push_str(rest);
    expanded
}

fn properties(json: &str) -> BTreeMap<String, String> {
    let Ok(Value::Object(properties)) = serde_json::from_str(json) else { return BTreeMap::new() };
    let said = properties.into_iter().filter_map(|(property, value)| match value {
        Value::Null => None,
        Value::Bool(value) => Some((property, if value { "yes" } else { "no" }.to_owned())),
        Value::String(value) => Some((property, value)),
        other => Some((property, other.to_string())),
    });
    said.collect()
}
