//! From what a type is to what may be written for it.

use serde_json::{Map, Value, json};

/// Moves the definitions of a schema into `definitions`, and lets a text stand for every number and boolean: these are read from
/// texts as well, and a text may be a template.
pub(super) fn loose(mut schema: Value, definitions: &mut Map<String, Value>) -> Value {
    if let Some(map) = schema.as_object_mut() {
        map.remove("$schema");
        if let Some(Value::Object(own)) = map.remove("$defs") {
            for (name, definition) in own {
                let definition = loose(definition, definitions);
                definitions.insert(name, definition);
            }
        }
    }
    text_too(&mut schema);
    schema
}

fn text_too(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(text_too),
        Value::Object(map) => {
            let is_scalar =
                |kind: &Value| matches!(kind.as_str(), Some("integer" | "number" | "boolean"));
            let kinds = match map.get("type") {
                Some(Value::Array(kinds)) => kinds.clone(),
                Some(kind @ Value::String(_)) => vec![kind.clone()],
                _ => Vec::new(),
            };
            if kinds.iter().any(is_scalar) {
                let kinds = kinds.into_iter().chain([json!("string")]);
                map.insert("type".to_owned(), kinds.collect());
                map.remove("format");
            }
            map.values_mut().for_each(text_too);
        }
        _ => {}
    }
}
