//! What templates look into: a host's variables, the hosts, and lists and maps that are evaluated item by item.

use std::fmt;
use std::sync::{Arc, LazyLock};

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};

use super::engine::Omit;
use super::{Evaluator, frame};
use crate::inventory::{Variables, typed};
use crate::yaml::{Node, Value as Yaml};

/// The variables of one host, and what Ansible knows of it.
pub struct Scope {
    evaluator: Arc<Evaluator>,
    host: usize,
}

impl Scope {
    pub fn of(evaluator: &Arc<Evaluator>, host: usize) -> Value {
        Value::from_object(Self {
            evaluator: Arc::clone(evaluator),
            host,
        })
    }

    fn magic(&self, name: &str) -> Option<Value> {
        let evaluator = &self.evaluator;
        let (host, _) = evaluator.hosts.get_index(self.host)?;
        let surroundings = &evaluator.surroundings;
        Some(match name {
            "inventory_hostname" => Value::from(host.as_str()),
            "inventory_hostname_short" => Value::from(host.split('.').next().unwrap_or(host)),
            "inventory_dir" => Value::from(evaluator.folder.as_str()),
            "inventory_file" => Value::from(evaluator.file.as_str()),
            "playbook_dir" => Value::from(surroundings.playbook_dir.as_str()),
            "groups" => crate::template::value(&evaluator.groups),
            "group_names" => {
                let groups = evaluator.groups.iter();
                let own = groups.filter(|(name, hosts)| *name != "all" && hosts.contains(host));
                own.map(|(name, _)| name.as_str()).collect()
            }
            "hostvars" => Value::from_object(Hosts(Arc::clone(evaluator))),
            "vars" => Self::of(evaluator, self.host),
            "omit" => Value::from_object(Omit),
            _ => return None,
        })
    }
}

impl Object for Scope {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        let magic = self.magic(name);
        let given = || self.evaluator.variable(self.host, name);
        magic.or_else(given).or_else(|| default(name))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = self.evaluator.names(self.host).map(Value::from);
        Enumerator::Values(names.collect())
    }
}

/// What pgha takes for a variable that nobody gave.
fn default(name: &str) -> Option<Value> {
    static DEFAULTS: LazyLock<serde_json::Map<String, serde_json::Value>> =
        LazyLock::new(|| typed::to_json(&Variables::default()));
    let value = DEFAULTS.get(name).filter(|value| !value.is_null())?;
    Some(crate::template::value(value))
}

/// `hostvars`.
struct Hosts(Arc<Evaluator>);

impl Object for Hosts {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let index = self.0.hosts.get_index_of(key.as_str()?)?;
        Some(Scope::of(&self.0, index))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = self.0.hosts.keys().map(|name| Value::from(name.as_str()));
        Enumerator::Values(names.collect())
    }
}

/// A list or a map of a variable.
pub struct Lazy {
    pub evaluator: Arc<Evaluator>,
    pub host: usize,
    /// The variable that it belongs to.
    pub name: Arc<str>,
    pub node: Node,
}

impl Object for Lazy {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        match self.node.value {
            Yaml::Sequence(_) => ObjectRepr::Seq,
            _ => ObjectRepr::Map,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let inner = match &self.node.value {
            Yaml::Sequence(items) => items.get(key.as_usize()?)?,
            Yaml::Map(map) => map.get(key.as_str()?)?,
            _ => return None,
        };
        Some(self.evaluator.value(self.host, &self.name, inner))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match &self.node.value {
            Yaml::Sequence(items) => Enumerator::Seq(items.len()),
            Yaml::Map(map) => {
                if self.node.span.source.vaulted {
                    frame::note(super::Grade::File);
                }
                Enumerator::Values(map.names().map(Value::from).collect())
            }
            _ => Enumerator::Empty,
        }
    }
}

macro_rules! silent {
    ($($type:ident $shown:literal),*) => {$(
        /// Says nothing of what is inside.
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($shown)
            }
        }
    )*};
}

silent!(Scope "<variables>", Hosts "<hostvars>", Lazy "<value>");
