//! JSON Schema, as a table of a page.

use serde_json::Value;

/// One thing that may be given.
pub struct Row {
    /// `hosts`, and `hosts[].name` for what is inside of an item.
    pub name: String,
    pub kind: String,
    pub is_required: bool,
    pub default: Option<String>,
    pub about: String,
    /// Its part of the schema.
    pub schema: Value,
}

/// Everything that a mapping of that schema may have, in the order of the source.
pub fn rows(schema: &Value) -> Vec<Row> {
    let mut rows = Vec::new();
    add(schema, schema, "", &mut rows);
    rows
}

fn add(whole: &Value, part: &Value, prefix: &str, rows: &mut Vec<Row>) {
    let Some(properties) = part["properties"].as_object() else {
        return;
    };
    let required = part["required"].as_array();
    for (key, property) in properties {
        let name = format!("{prefix}{key}");
        rows.push(Row {
            kind: kind(whole, property),
            is_required: required.is_some_and(|names| names.iter().any(|name| name == key)),
            default: default(property),
            about: words(property["description"].as_str().unwrap_or_default()),
            schema: property.clone(),
            name: name.clone(),
        });
        for (inside, sign) in [("items", "[]"), ("additionalProperties", ".NAME")] {
            let inner = resolved(whole, &property[inside]);
            add(whole, inner, &format!("{name}{sign}."), rows);
        }
    }
}

/// What a reference leads to, and everything else itself.
fn resolved<'a>(whole: &'a Value, part: &'a Value) -> &'a Value {
    let Some(path) = part["$ref"].as_str() else {
        return part;
    };
    let found = whole.pointer(path.trim_start_matches('#'));
    found.unwrap_or_else(|| panic!("{path} is not in the schema"))
}

fn kind(whole: &Value, part: &Value) -> String {
    let part = resolved(whole, part);
    if let Some(choices) = part["enum"].as_array().or_else(|| part["oneOf"].as_array()) {
        let name = |choice: &Value| choice["const"].as_str().or(choice.as_str()).map(quoted);
        return choices
            .iter()
            .filter_map(name)
            .collect::<Vec<_>>()
            .join(", ");
    }
    if let Some(choices) = part["anyOf"].as_array() {
        let kinds = choices.iter().map(|choice| kind(whole, choice));
        return kinds
            .filter(|kind| kind != "null")
            .collect::<Vec<_>>()
            .join(", ");
    }
    let named = match &part["type"] {
        // `["string", "null"]`: what may be left out.
        Value::Array(kinds) => kinds
            .iter()
            .find_map(|kind| kind.as_str().filter(|kind| *kind != "null")),
        other => other.as_str(),
    };
    match named {
        Some("string") => "text".to_owned(),
        Some("integer" | "number") => "number".to_owned(),
        Some("boolean") => "`true`, `false`".to_owned(),
        Some("array") => match kind(whole, &part["items"]).as_str() {
            "" => "list".to_owned(),
            inner => format!("list of {}", plural(inner)),
        },
        Some("object") => "mapping".to_owned(),
        Some(other) => other.to_owned(),
        None => String::new(),
    }
}

fn plural(kind: &str) -> String {
    match kind {
        "mapping" | "number" => format!("{kind}s"),
        other => other.to_owned(),
    }
}

fn default(property: &Value) -> Option<String> {
    match property.get("default")? {
        Value::Null => None,
        Value::String(text) => Some(quoted(text)),
        other => Some(quoted(&other.to_string())),
    }
}

fn quoted(text: &str) -> String {
    format!("`{text}`")
}

/// On one line, so that it fits a cell.
pub fn words(text: &str) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    line.join(" ").replace('|', "\\|")
}
