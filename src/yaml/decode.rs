//! [`Node`] → a type of ours, with problems that point at the source.

use std::cell::RefCell;
use std::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};

use super::{Key, Node, Value};
use crate::problem::{Problem, Problems, Span, did_you_mean};

/// Reads `node` as a `T`; `what` names it in messages (``the resource `package` ``).
///
/// A number or a boolean is also read from a string that spells it, since a template gives strings.
///
/// # Errors
///
/// Every unknown key of a struct, at any depth, and the first value of a wrong type.
pub fn decode<T: DeserializeOwned>(node: &Node, what: &str) -> Result<T, Problems> {
    let problems = RefCell::new(Vec::new());
    let place = Place {
        node,
        what,
        problems: &problems,
    };
    let result = T::deserialize(place);
    let mut problems = problems.into_inner();
    match result {
        Ok(value) if problems.is_empty() => Ok(value),
        Ok(_) => Err(Problems(problems)),
        Err(error) => {
            problems.push(error.at(node).into_problem(what));
            Err(Problems(problems))
        }
    }
}

/// A node that is being read, as serde sees it.
#[derive(Clone, Copy)]
struct Place<'a> {
    node: &'a Node,
    what: &'a str,
    problems: &'a RefCell<Vec<Problem>>,
}

impl<'a> Place<'a> {
    fn inside(self, node: &'a Node) -> Self {
        Self { node, ..self }
    }

    fn unknown_keys(self, fields: &'static [&'static str]) {
        let Value::Map(map) = &self.node.value else {
            return;
        };
        for (key, _) in map.iter() {
            if !fields.contains(&key.name.as_str()) {
                self.problems
                    .borrow_mut()
                    .push(unknown_key(key, self.what, fields));
            }
        }
    }
}

fn unknown_key(key: &Key, what: &str, fields: &[&str]) -> Problem {
    let problem = Problem::input(format!("{what} has no key `{}`", key.name)).at(&key.span);
    match did_you_mean(&key.name, fields.iter().copied()) {
        Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
        None if fields.is_empty() => problem.hint("it takes no keys"),
        None => problem.hint(format!("its keys are {}", listing(fields))),
    }
}

fn listing(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// What was wrong, and where once that is known.
#[derive(Debug)]
struct Wrong {
    what: Misfit,
    place: Option<(Span, String, bool)>,
}

#[derive(Debug)]
enum Misfit {
    Type(String),
    Missing(&'static str),
    Other(String),
}

impl Wrong {
    fn new(what: Misfit) -> Self {
        Self { what, place: None }
    }

    /// Notes the innermost place.
    fn at(mut self, node: &Node) -> Self {
        if self.place.is_none() {
            let is_scalar = matches!(
                node.value,
                Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Null
            );
            self.place = Some((node.span.clone(), node.describe(), is_scalar));
        }
        self
    }

    fn into_problem(self, decoded: &str) -> Problem {
        let (span, found, is_scalar) = match self.place {
            Some((span, found, is_scalar)) => (Some(span), found, is_scalar),
            None => (None, String::new(), false),
        };
        let problem = match self.what {
            Misfit::Type(expected) => {
                let problem = Problem::input(format!("expected {expected}, found {found}"));
                if expected == "a string" && is_scalar {
                    problem.hint("put the value in quotes")
                } else {
                    problem
                }
            }
            Misfit::Missing(field) => Problem::input(format!("{decoded} lacks the key `{field}`"))
                .hint(format!("add `{field}:`")),
            Misfit::Other(message) => Problem::input(message),
        };
        match span {
            Some(span) => problem.at(&span),
            None => problem,
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.what)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Misfit::Other(message.to_string()))
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(Misfit::Type(in_words(&expected.to_string())))
    }

    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(Misfit::Type(in_words(&expected.to_string())))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let meant = did_you_mean(variant, expected.iter().copied())
            .map(|meant| format!("; did you mean `{meant}`?"))
            .unwrap_or_default();
        Self::new(Misfit::Other(format!(
            "`{}` is not one of {}{meant}",
            variant.escape_debug(),
            listing(expected)
        )))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Misfit::Missing(field))
    }
}

/// serde's words for what it expects, in ours.
fn in_words(expected: &str) -> String {
    let whole = |min: i128, max: i128| format!("a whole number from {min} to {max}");
    match expected {
        "u8" => whole(0, u8::MAX.into()),
        "u16" => whole(0, u16::MAX.into()),
        "u32" => whole(0, u32::MAX.into()),
        "u64" | "usize" => "a whole number from 0".to_owned(),
        "i8" | "i16" | "i32" | "i64" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a mapping".to_owned(),
        other if other.starts_with("struct ") => "a mapping".to_owned(),
        other => other.to_owned(),
    }
}

/// Reads a number: from an integer, or from a string that spells one.
macro_rules! number {
    ($($method:ident $visit:ident $type:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            if let Value::String(text) = &self.node.value
                && let Ok(number) = text.trim().parse::<$type>()
            {
                return visitor.$visit(number).map_err(|wrong: Wrong| wrong.at(self.node));
            }
            self.deserialize_any(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Place<'de> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => match u64::try_from(*value) {
                Ok(value) => visitor.visit_u64(value),
                Err(_) => visitor.visit_i64(*value),
            },
            Value::Float(value) => visitor.visit_f64(*value),
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Sequence(items) => {
                let mut access = de::value::SeqDeserializer::new(
                    items.iter().map(|item| Item(self.inside(item))),
                );
                visitor
                    .visit_seq(&mut access)
                    .and_then(|value| access.end().map(|()| value))
            }
            Value::Map(map) => visitor.visit_map(Entries {
                place: self,
                rest: map.0.iter(),
                value: None,
            }),
        }
        .map_err(|wrong: Wrong| wrong.at(self.node))
    }

    number! {
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32, deserialize_i64 visit_i64 i64, deserialize_f64 visit_f64 f64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.node.as_str() {
            Some("true" | "True") => visitor.visit_bool(true),
            Some("false" | "False") => visitor.visit_bool(false),
            _ => return self.deserialize_any(visitor),
        }
        .map_err(|wrong: Wrong| wrong.at(self.node))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
        .map_err(|wrong: Wrong| wrong.at(self.node))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor
            .visit_newtype_struct(self)
            .map_err(|wrong: Wrong| wrong.at(self.node))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.unknown_keys(fields);
        let Value::Map(map) = &self.node.value else {
            return Err(Wrong::new(Misfit::Type("a mapping".to_owned())).at(self.node));
        };
        let known: Vec<&(Key, Node)> = map
            .0
            .iter()
            .filter(|(key, _)| fields.contains(&key.name.as_str()))
            .collect();
        visitor
            .visit_map(Entries {
                place: self,
                rest: known.into_iter(),
                value: None,
            })
            .map_err(|wrong: Wrong| wrong.at(self.node))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match &self.node.value {
            Value::String(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            Value::Map(map) if map.len() == 1 => {
                visitor.visit_enum(de::value::MapAccessDeserializer::new(Entries {
                    place: self,
                    rest: map.0.iter(),
                    value: None,
                }))
            }
            _ => Err(Wrong::new(Misfit::Type(format!(
                "one of {}",
                listing(variants)
            )))),
        }
        .map_err(|wrong: Wrong| wrong.at(self.node))
    }

    serde::forward_to_deserialize_any! {
        i128 u128 f32 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// An item of a list.
struct Item<'a>(Place<'a>);

impl<'de> IntoDeserializer<'de, Wrong> for Item<'de> {
    type Deserializer = Place<'de>;

    fn into_deserializer(self) -> Place<'de> {
        self.0
    }
}

/// The entries of a mapping, one after the other.
struct Entries<'a, I> {
    place: Place<'a>,
    rest: I,
    value: Option<&'a Node>,
}

impl<'de, I: Iterator<Item = &'de (Key, Node)>> de::MapAccess<'de> for Entries<'de, I> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Wrong> {
        let Some((key, value)) = self.rest.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        seed.deserialize(key.name.as_str().into_deserializer())
            .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let node = self.value.take().unwrap_or(self.place.node);
        seed.deserialize(self.place.inside(node))
    }
}
