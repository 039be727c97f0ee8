//! An inventory in YAML: groups, hosts, and pgha's variables among those of others.

use serde_json::{Map, Value, json};

use super::DIALECT;
use super::loose::loose;
use crate::inventory::{connection_variables, schema};

/// The schema of an inventory in YAML. What stands there for other roles is allowed.
pub fn inventory() -> Value {
    let mut definitions = Map::new();
    let mut variables = loose(schema().to_value(), &mut definitions);
    definitions.values_mut().for_each(or_template);
    or_template(&mut variables);
    variables["type"] = json!(["object", "null"]);
    variables["additionalProperties"] = json!(true);
    for name in connection_variables() {
        variables["properties"][*name] = json!({"type": ["string", "integer", "boolean", "null"]});
    }
    definitions.insert("variables".to_owned(), variables);
    let group = json!({
        "type": ["object", "null"],
        "properties": {
            "hosts": named("variables"),
            "children": named("group"),
            "vars": {"$ref": "#/$defs/variables"},
        },
        "additionalProperties": false,
    });
    definitions.insert("group".to_owned(), group);
    json!({
        "$schema": DIALECT,
        "title": "An inventory of pgha's",
        "type": "object",
        "additionalProperties": {"$ref": "#/$defs/group"},
        "$defs": definitions,
    })
}

/// Lets a text stand for every list and mapping: a template that gives one.
fn or_template(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(or_template),
        Value::Object(map) => {
            let kinds = match map.get("type") {
                Some(Value::Array(kinds)) => kinds.clone(),
                Some(kind @ Value::String(_)) => vec![kind.clone()],
                _ => Vec::new(),
            };
            let is_many = |kind: &Value| matches!(kind.as_str(), Some("array" | "object"));
            if kinds.iter().any(is_many) && !kinds.contains(&json!("string")) {
                let kinds = kinds.into_iter().chain([json!("string")]);
                map.insert("type".to_owned(), kinds.collect());
            }
            map.values_mut().for_each(or_template);
        }
        _ => {}
    }
}

/// A mapping by names, or a single name.
fn named(what: &str) -> Value {
    let reference = format!("#/$defs/{what}");
    json!({"type": ["object", "string", "null"], "additionalProperties": {"$ref": reference}})
}
