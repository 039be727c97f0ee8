//! What was evaluated as a tree again, each value at its place.

use std::sync::Arc;

use minijinja::value::{Value, ValueKind};

use super::engine::Omit;
use super::failure::Failure;
use super::objects::Lazy;
use super::{Evaluator, Grade, python, tagged};
use crate::problem::{Problem, Span};
use crate::secret::Secret;
use crate::yaml::{Key, Map, Node, Value as Yaml};

impl Evaluator {
    /// A value with everything in it evaluated; `None` for `omit`. Spans are those of the text that gave a value: a
    /// template's, or a scalar's own. `home`: it is asked for from inside a file that is encrypted as a whole, in which only
    /// what is encrypted again is secret.
    pub(super) fn deep(
        self: &Arc<Self>,
        host: usize,
        name: &Arc<str>,
        node: &Node,
        home: bool,
    ) -> Result<Option<Node>, Failure> {
        let is_secret = |grade: Grade| grade == Grade::Value || (grade == Grade::File && !home);
        let value = match &node.value {
            Yaml::String(text) if super::engine::is_template(text) => {
                let rendered = self.rendered(host, name, node, text)?;
                return self.lowered(&rendered.value, &node.span, is_secret(rendered.grade), home);
            }
            Yaml::Vault(text) => Yaml::Secret(self.open(text, &node.span)?),
            Yaml::Sequence(items) => {
                let items = items
                    .iter()
                    .filter_map(|item| self.deep(host, name, item, home).transpose());
                Yaml::Sequence(items.collect::<Result<_, _>>()?)
            }
            Yaml::Map(map) => match tagged(node) {
                Some(Ok(vault)) => Yaml::Secret(self.open(vault, &node.span)?),
                Some(Err(literal)) => Yaml::String(literal.to_owned()),
                None => {
                    let entry = |(key, value): &(Key, Node)| {
                        let value = self.deep(host, name, value, home).transpose()?;
                        Some(value.map(|value| (key.clone(), value)))
                    };
                    Yaml::Map(Map(map
                        .0
                        .iter()
                        .filter_map(entry)
                        .collect::<Result<_, _>>()?))
                }
            },
            Yaml::Literal(text) => Yaml::String(text.clone()),
            scalar => scalar.clone(),
        };
        let node = Node {
            value,
            span: node.span.clone(),
        };
        let is_hidden = node.span.source.vaulted && !home;
        Ok(Some(if is_hidden { hidden(node) } else { node }))
    }

    /// A value of the engine's as a tree, all of it at `span` but for what is taken whole from a variable.
    fn lowered(
        self: &Arc<Self>,
        value: &Value,
        span: &Span,
        secret: bool,
        home: bool,
    ) -> Result<Option<Node>, Failure> {
        if value.downcast_object_ref::<Omit>().is_some() {
            return Ok(None);
        }
        if let Some(lazy) = value.downcast_object_ref::<Lazy>() {
            let node = self.deep(lazy.host, &lazy.name, &lazy.node, home)?;
            return Ok(node.map(|node| if secret { hidden(node) } else { node }));
        }
        let value = match value.kind() {
            ValueKind::Undefined => {
                return Err(Problem::input("a template gives nothing that is defined")
                    .at(span)
                    .into());
            }
            ValueKind::None => Yaml::Null,
            ValueKind::Bool => Yaml::Bool(value.is_true()),
            ValueKind::Number => match value.as_i64() {
                Some(number) if value.is_integer() => Yaml::Int(number),
                _ => f64::try_from(value.clone())
                    .map_or_else(|_| Yaml::String(value.to_string()), Yaml::Float),
            },
            ValueKind::String => Yaml::String(value.as_str().unwrap_or_default().to_owned()),
            ValueKind::Seq | ValueKind::Iterable => {
                let items = value
                    .try_iter()
                    .map_err(|error| self.broken(&error, span))?;
                let items =
                    items.filter_map(|item| self.lowered(&item, span, secret, home).transpose());
                Yaml::Sequence(items.collect::<Result<_, _>>()?)
            }
            ValueKind::Map => {
                let mut map = Map::default();
                for key in value
                    .try_iter()
                    .map_err(|error| self.broken(&error, span))?
                {
                    let inner = value
                        .get_item(&key)
                        .map_err(|error| self.broken(&error, span))?;
                    let name = python::text(&key).map_err(|error| self.broken(&error, span))?;
                    if let Some(inner) = self.lowered(&inner, span, secret, home)? {
                        map.0.push((
                            Key {
                                name,
                                span: span.clone(),
                            },
                            inner,
                        ));
                    }
                }
                Yaml::Map(map)
            }
            _ => match value.try_iter() {
                Err(error) => return Err(self.broken(&error, span)),
                Ok(_) => {
                    return Err(Problem::input("a template gives what no variable can hold")
                        .at(span)
                        .into());
                }
            },
        };
        let node = Node {
            value,
            span: span.clone(),
        };
        Ok(Some(if secret { hidden(node) } else { node }))
    }

    /// An error that was inside a value.
    fn broken(&self, error: &minijinja::Error, span: &Span) -> Failure {
        Failure::inside(error, self).unwrap_or_else(|| {
            Problem::input("this template cannot be evaluated")
                .at(span)
                .because(error)
                .into()
        })
    }
}

/// The same with every scalar in it secret.
fn hidden(node: Node) -> Node {
    let value = match node.value {
        Yaml::String(text) | Yaml::Literal(text) => Yaml::Secret(Secret::from(text)),
        Yaml::Sequence(items) => Yaml::Sequence(items.into_iter().map(hidden).collect()),
        Yaml::Map(map) => Yaml::Map(Map(map
            .0
            .into_iter()
            .map(|(key, value)| (key, hidden(value)))
            .collect())),
        Yaml::Bool(_) | Yaml::Int(_) | Yaml::Float(_) => {
            let text = node.scalar_text().unwrap_or_default();
            return Node {
                value: Yaml::Secret(Secret::from(text)),
                span: node.span,
            };
        }
        other => other,
    };
    Node {
        value,
        span: node.span,
    }
}
