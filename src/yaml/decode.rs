//! [`Node`] → a type of ours, with problems that point at the source.

use std::cell::RefCell;
use std::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};

use super::{Key, Node, Value};
use crate::problem::{Problem, Problems, did_you_mean};

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
        is_entry: false,
        problems: &problems,
    };
    let result = T::deserialize(place).map_err(|wrong| wrong.at(place).into_problem(what));
    let mut problems = problems.take();
    match result {
        Ok(value) if problems.is_empty() => return Ok(value),
        Ok(_) => {}
        Err(problem) => problems.push(problem),
    }
    Err(Problems(problems))
}

/// A node that is being read, as serde sees it.
#[derive(Clone, Copy)]
struct Place<'a> {
    node: &'a Node,
    what: &'a str,
    /// Whether it is inside a list of what is read.
    is_entry: bool,
    problems: &'a RefCell<Vec<Problem>>,
}

impl<'a> Place<'a> {
    fn inside(self, node: &'a Node) -> Self {
        Self { node, ..self }
    }

    fn name(self) -> String {
        named(self.what, self.is_entry)
    }

    fn unknown_keys(self, fields: &'static [&'static str]) {
        let Value::Map(map) = &self.node.value else {
            return;
        };
        for (key, _) in map.iter() {
            if !fields.contains(&key.name.as_str()) {
                self.problems
                    .borrow_mut()
                    .push(unknown_key(key, &self.name(), fields));
            }
        }
    }
}

fn named(what: &str, is_entry: bool) -> String {
    if is_entry && !what.starts_with("an entry") {
        format!("an entry of {what}")
    } else {
        what.to_owned()
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
    found: Option<Found>,
}

#[derive(Debug)]
enum Misfit {
    Type(String),
    Missing(&'static str),
    Variant { what: String, hint: String },
    Other(String),
}

/// The innermost node that did not fit.
#[derive(Debug)]
struct Found {
    node: Node,
    is_entry: bool,
}

impl Wrong {
    fn new(what: Misfit) -> Self {
        Self { what, found: None }
    }

    /// Notes the innermost place.
    fn at(mut self, place: Place<'_>) -> Self {
        self.found.get_or_insert_with(|| Found {
            node: place.node.clone(),
            is_entry: place.is_entry,
        });
        self
    }

    fn into_problem(self, decoded: &str) -> Problem {
        let node = self.found.as_ref().map(|found| &found.node);
        let is_entry = self.found.as_ref().is_some_and(|found| found.is_entry);
        let problem = match self.what {
            Misfit::Type(expected) => mistyped(&expected, node),
            Misfit::Missing(field) => Problem::input(format!(
                "{} lacks the key `{field}`",
                named(decoded, is_entry)
            ))
            .hint(format!("add `{field}:`")),
            Misfit::Variant { what, hint } => Problem::input(what).hint(hint),
            Misfit::Other(message) => Problem::input(message),
        };
        match node {
            Some(node) => problem.at(&node.span),
            None => problem,
        }
    }
}

fn mistyped(expected: &str, node: Option<&Node>) -> Problem {
    let Some(node) = node else {
        return Problem::input(format!("expected {expected}"));
    };
    let problem = Problem::input(format!("expected {expected}, found {}", node.describe()));
    match (expected, &node.value) {
        (_, Value::Vault(_) | Value::Secret(_)) => problem.hint(
            "plans show this value: write it in the open; only passwords and variables of your own can be secret",
        ),
        ("a string", Value::Bool(_) | Value::Int(_) | Value::Float(_)) => {
            problem.hint("put the value in quotes")
        }
        ("a list", _) => problem.hint("begin each item with `- `, or write `[a, b]`"),
        ("a mapping", _) => problem.hint("write `key: value`, one per line"),
        (_, Value::Null) => problem.hint("write a value, or remove the key"),
        (_, Value::Int(_)) => problem.hint("write a number in that range"),
        (expected, _) if expected.starts_with("a whole number") => {
            problem.hint("write digits alone, without a unit")
        }
        _ => problem.hint(format!("write {expected}")),
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
        Self::new(Misfit::Variant {
            what: format!(
                "`{}` is not one of {}",
                variant.escape_debug(),
                listing(expected)
            ),
            hint: match did_you_mean(variant, expected.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("write one of {}", listing(expected)),
            },
        })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Misfit::Missing(field))
    }
}

/// `0644` is no decimal number.
fn has_leading_zero(text: &str) -> bool {
    let digits = text.trim().trim_start_matches(['+', '-']);
    digits.starts_with('0') && digits[1..].starts_with(|c: char| c.is_ascii_digit())
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
                && !has_leading_zero(text)
                && let Ok(number) = text.trim().parse::<$type>()
            {
                return visitor.$visit(number).map_err(|wrong: Wrong| wrong.at(self));
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
            Value::String(text) | Value::Literal(text) => visitor.visit_borrowed_str(text),
            // Whatever is decoded may be shown; who takes secrets takes them before.
            Value::Vault(_) | Value::Secret(_) => Err(de::Error::invalid_type(
                de::Unexpected::Other("a secret"),
                &visitor,
            )),
            Value::Sequence(items) => {
                let mut access = de::value::SeqDeserializer::new(items.iter().map(|item| {
                    Item(Self {
                        is_entry: true,
                        ..self.inside(item)
                    })
                }));
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
        .map_err(|wrong: Wrong| wrong.at(self))
    }

    number! {
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32, deserialize_i64 visit_i64 i64, deserialize_f64 visit_f64 f64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.node.as_bool() {
            Some(value) => visitor
                .visit_bool(value)
                .map_err(|wrong: Wrong| wrong.at(self)),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
        .map_err(|wrong: Wrong| wrong.at(self))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor
            .visit_newtype_struct(self)
            .map_err(|wrong: Wrong| wrong.at(self))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.unknown_keys(fields);
        let Value::Map(map) = &self.node.value else {
            return Err(Wrong::new(Misfit::Type("a mapping".to_owned())).at(self));
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
            .map_err(|wrong: Wrong| wrong.at(self))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match &self.node.value {
            Value::String(text) | Value::Literal(text) => {
                visitor.visit_enum(text.as_str().into_deserializer())
            }
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
        .map_err(|wrong: Wrong| wrong.at(self))
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
