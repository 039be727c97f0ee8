//! The spanned tree.

use super::resolve::resolve;
use crate::problem::Span;
use crate::secret::Secret;

/// A piece of text and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned {
    pub text: String,
    pub span: Span,
}

/// A YAML value and where it stands. Behind an alias or a merge key that is the place of its definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub value: Value,
    pub span: Span,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(String),
    /// Text in which no template is looked for: `!unsafe`.
    Literal(String),
    /// Text that Ansible Vault encrypted, as it stands: `!vault`.
    Vault(String),
    /// What came out of a vault. No reader has a file that holds one: evaluation makes them.
    Secret(Secret),
    Sequence(Vec<Node>),
    Map(Map),
}

/// A key of a [`Map`] and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub name: String,
    pub span: Span,
}

/// A mapping in the order of the source; no key occurs twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map(pub Vec<(Key, Node)>);

impl Map {
    /// The value of that key.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.entry(name).map(|(_, node)| node)
    }

    /// The key and value of that name.
    pub fn entry(&self, name: &str) -> Option<(&Key, &Node)> {
        self.iter().find(|(key, _)| key.name == name)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Node)> {
        self.0.iter().map(|(key, node)| (key, node))
    }

    /// The names of the keys.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.name.as_str())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Node {
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// Where a boolean is expected: what YAML 1.1 takes for one, and texts and numbers that Ansible's `boolean()` does.
    pub fn as_bool(&self) -> Option<bool> {
        let text = match &self.value {
            Value::Bool(value) => return Some(*value),
            Value::Int(number) => number.to_string(),
            Value::String(text) | Value::Literal(text) => text.trim().to_ascii_lowercase(),
            _ => return None,
        };
        match text.as_str() {
            "y" | "yes" | "on" | "1" | "true" | "t" => Some(true),
            "n" | "no" | "off" | "0" | "false" | "f" => Some(false),
            _ => None,
        }
    }

    pub fn as_int(&self) -> Option<i64> {
        match self.value {
            Value::Int(value) => Some(value),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) | Value::Literal(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_sequence(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// A scalar as it is written: `1.10` stays `1.10`, a string is without its quotes. `None` for null, lists, mappings, and
    /// for what is secret.
    pub fn scalar_text(&self) -> Option<String> {
        match &self.value {
            Value::String(text) | Value::Literal(text) => Some(text.clone()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Int(_) | Value::Float(_) => Some(self.number_text()),
            _ => None,
        }
    }

    /// A number as it is written, where the source has it in plain sight, else as JSON writes it.
    fn number_text(&self) -> String {
        let written = self.source_text().trim();
        let is_same = |value: &Value| *value == self.value;
        let parsed = match self.value {
            Value::Int(_) => written.parse().ok().map(Value::Int),
            _ => written.parse().ok().map(Value::Float),
        };
        if parsed.as_ref().is_some_and(is_same) || is_same(&resolve(written)) {
            written.to_owned()
        } else {
            self.to_json().to_string()
        }
    }

    /// The text of the source that this node spans.
    pub(super) fn source_text(&self) -> &str {
        let text = &self.span.source.text;
        text.get(self.span.start..self.span.start + self.span.len)
            .unwrap_or_default()
    }

    /// The value without its spans; `<secret>` for what is secret.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::from(*value),
            Value::Int(value) => Json::from(*value),
            Value::Float(value) => Json::from(*value),
            Value::String(text) | Value::Literal(text) => Json::from(text.as_str()),
            Value::Vault(_) | Value::Secret(_) => Json::from("<secret>"),
            Value::Sequence(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(map) => map
                .iter()
                .map(|(key, node)| (key.name.clone(), node.to_json()))
                .collect(),
        }
    }

    /// What it is, for messages: ``the string `abc` ``, `a list`.
    pub fn describe(&self) -> String {
        let is_scalar = !matches!(self.value, Value::Null | Value::Sequence(_) | Value::Map(_));
        if self.span.source.vaulted && is_scalar {
            return "another value".to_owned();
        }
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("the boolean `{value}`"),
            Value::Int(value) => format!("the number `{value}`"),
            Value::Float(value) => format!("the number `{value}`"),
            Value::Vault(_) | Value::Secret(_) => "a secret".to_owned(),
            Value::String(text) | Value::Literal(text) => match text.char_indices().nth(40) {
                Some((end, _)) => format!("the string `{}…`", text[..end].escape_debug()),
                None => format!("the string `{}`", text.escape_debug()),
            },
            Value::Sequence(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }
}
