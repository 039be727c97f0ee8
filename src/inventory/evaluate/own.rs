//! A user's own variables, as templates of playbooks see them: evaluated when one is asked for, and secrets by name.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Value};
use minijinja::{Error, ErrorKind};

use super::{Evaluator, names_of};
use crate::secret::{Form, marker};
use crate::yaml::{Node, Value as Yaml};

/// The variables of one host that mean nothing to pgha itself.
#[derive(Clone)]
pub struct Own {
    evaluator: Arc<Evaluator>,
    host: Arc<str>,
}

impl Own {
    pub(in crate::inventory) fn new(evaluator: &Arc<Evaluator>, host: &str) -> Self {
        Self {
            evaluator: Arc::clone(evaluator),
            host: host.into(),
        }
    }

    /// All of them; one that cannot be evaluated is an error for whoever asks for it.
    pub fn value(&self) -> Value {
        Value::from_object(self.clone())
    }

    /// One of them without its spans, secrets by marker; `None` if there is none, or it is `omit`.
    ///
    /// # Errors
    /// A template in it, or in what it needs, cannot be evaluated; a vault is not opened.
    pub fn get(&self, name: &str) -> Option<Result<serde_json::Value, crate::problem::Problem>> {
        if !names_of::is_own(name) {
            return None;
        }
        let evaluated = match self.evaluator.of(&self.host, name)? {
            Ok(evaluated) => evaluated?,
            Err(problem) => return Some(Err(problem)),
        };
        Some(Ok(self.named(&evaluated, name)))
    }

    /// The value with a marker for each secret, under the name of the variable and the path in it.
    fn named(&self, node: &Node, path: &str) -> serde_json::Value {
        match &node.value {
            Yaml::Secret(secret) => {
                let name = self.evaluator.found.name(path, &self.host, secret);
                marker(&name, Form::Plain).into()
            }
            Yaml::Sequence(items) => {
                let items = items.iter().enumerate();
                items
                    .map(|(index, item)| self.named(item, &format!("{path}[{index}]")))
                    .collect()
            }
            Yaml::Map(map) => {
                let entries = map.iter();
                entries
                    .map(|(key, value)| {
                        (
                            key.name.clone(),
                            self.named(value, &format!("{path}.{}", key.name)),
                        )
                    })
                    .collect()
            }
            _ => node.to_json(),
        }
    }
}

impl Object for Own {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        Some(match self.get(name)? {
            Ok(value) => crate::template::value(&value),
            Err(problem) => {
                Value::from(Error::new(ErrorKind::InvalidOperation, problem.to_string()))
            }
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let host = self.evaluator.hosts.get_index_of(&*self.host);
        let names = host.into_iter().flat_map(|host| self.evaluator.names(host));
        Enumerator::Values(
            names
                .filter(|name| names_of::is_own(name))
                .map(Value::from)
                .collect(),
        )
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<variables>")
    }
}
