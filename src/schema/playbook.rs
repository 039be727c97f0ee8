//! A playbook: plays with steps, each with one resource.

use serde_json::{Map, Value, json};

use super::DIALECT;
use super::loose::loose;
use crate::playbook::{PLAY_KEYS, STEP_KEYS};
use crate::resource;

/// The schema of a playbook.
pub fn playbook() -> Value {
    let mut definitions = Map::new();
    let mut shapes = Map::new();
    for (name, schema) in resource::schemas() {
        let shape = loose(schema.to_value(), &mut definitions);
        shapes.insert(name.to_owned(), or_shorthand(shape));
    }
    let import = json!({
        "type": "object",
        "properties": {"import_playbook": {"type": "string"}, "name": {"type": "string"}},
        "required": ["import_playbook"],
        "additionalProperties": false,
    });
    definitions.insert("import".to_owned(), import);
    definitions.insert("play".to_owned(), play());
    definitions.insert("step".to_owned(), step(&shapes));
    let undo = json!({"type": "object", "properties": shapes, "additionalProperties": false});
    definitions.insert("undo".to_owned(), undo);
    json!({
        "$schema": DIALECT,
        "title": "A playbook of pgha's",
        "type": "array",
        "items": {"anyOf": [{"$ref": "#/$defs/import"}, {"$ref": "#/$defs/play"}]},
        "$defs": definitions,
    })
}

fn play() -> Value {
    let mut keys = Map::new();
    for key in PLAY_KEYS {
        let schema = match key {
            "steps" => json!({"type": "array", "items": {"$ref": "#/$defs/step"}}),
            "vars" => json!({"type": "object"}),
            "in_order" | "always" => json!({"type": "boolean"}),
            "serial" | "deadline" => json!({"type": ["integer", "string"]}),
            _ => json!({"type": "string"}),
        };
        keys.insert(key.to_owned(), schema);
    }
    json!({
        "type": "object",
        "properties": keys,
        "required": ["name", "hosts", "steps"],
        "additionalProperties": false,
    })
}

fn step(shapes: &Map<String, Value>) -> Value {
    let mut keys = Map::new();
    for key in STEP_KEYS {
        let schema = match key {
            "when" => json!({"type": ["string", "boolean", "array"]}),
            "loop" => json!({"type": ["string", "array"]}),
            "undo" => json!({"$ref": "#/$defs/undo"}),
            "decides" => json!({"type": "boolean"}),
            _ => json!({"type": "string"}),
        };
        keys.insert(key.to_owned(), schema);
    }
    keys.extend(shapes.clone());
    json!({
        "type": "object",
        "properties": keys,
        "required": ["name"],
        "additionalProperties": false,
    })
}

/// The arguments as a mapping, one text that stands for the first of them, or nothing where there are none.
fn or_shorthand(shape: Value) -> Value {
    json!({"anyOf": [shape, {"type": ["string", "null"]}]})
}
