//! Templates in variables, as Ansible evaluates them: when a value is asked for, through whatever it names, once.
//!
//! What is sent back is final: no text that a template gave is looked at for templates again. Source of what a template means:
//! ansible-core 2.19 (native types: a text that is one expression keeps its type), beside which `tests/ansible.rs` holds it.

mod backslash;
mod engine;
mod failure;
mod filters;
mod frame;
mod lists;
mod lookups;
mod lower;
mod objects;
mod own;
mod patterns;
mod python;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;
use minijinja::Environment;
use minijinja::value::Value;

use self::failure::Failure;
use self::frame::{Frame, Place};
use self::objects::{Lazy, Scope};
pub use self::own::Own;
use super::layers::Vars;
use super::{Sources, Surroundings, names as names_of};
use crate::problem::{Problem, Span};
use crate::secret::{Found, Secret};
use crate::yaml::{Node, Value as Yaml};

/// How secret a value is. Ordered: what is made of two is as secret as the more secret one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Grade {
    #[default]
    Open,
    /// It stands in a file that is encrypted as a whole.
    File,
    /// It is encrypted itself.
    Value,
}

/// All that was written about all hosts, and what came of it so far.
pub(super) struct Evaluator {
    hosts: IndexMap<String, Vars>,
    groups: BTreeMap<String, Vec<String>>,
    surroundings: Surroundings,
    folder: String,
    file: String,
    /// Undefined names are errors.
    strict: Environment<'static>,
    /// Undefined names have undefined attributes, for `default` at the end of a chain.
    lenient: Environment<'static>,
    pub found: Found,
    /// By place and text: of a value in an INI inventory all parts have one place.
    rendered: Mutex<HashMap<Place, Cache>>,
    opened: Mutex<HashMap<String, Result<Secret, Failure>>>,
    /// Failures on their way through the template engine, which carries a number.
    failures: Mutex<Vec<Failure>>,
}

/// What the templates at one place gave.
type Cache = BTreeMap<String, Result<Rendered, Failure>>;

/// What a template gave.
#[derive(Clone)]
struct Rendered {
    value: Value,
    grade: Grade,
    /// The variables that it named, and where they stand.
    needs: Vec<(Arc<str>, Span)>,
}

impl Evaluator {
    /// `hosts`: every host's variables as they are written. `groups`: the hosts of each group. `file`: the first text's.
    pub fn new(
        hosts: IndexMap<String, Vars>,
        groups: &BTreeMap<String, Vec<String>>,
        file: &str,
        sources: &Sources,
    ) -> Arc<Self> {
        let file = file.rsplit('/').next().unwrap_or(file);
        Arc::new(Self {
            hosts,
            groups: groups.clone(),
            surroundings: sources.surroundings.clone(),
            folder: sources.folder.display().to_string(),
            file: sources.folder.join(file).display().to_string(),
            strict: engine::strict(),
            lenient: engine::lenient(),
            found: Found::default(),
            rendered: Mutex::default(),
            opened: Mutex::default(),
            failures: Mutex::default(),
        })
    }

    /// One variable of one host, with everything in it evaluated: nothing inside where it is `omit`. `None` if there is none
    /// of that name.
    ///
    /// # Errors
    /// A template in it, or in what it needs, cannot be evaluated; a vault is not opened.
    pub fn of(self: &Arc<Self>, host: &str, name: &str) -> Option<Result<Option<Node>, Problem>> {
        let (index, _, vars) = self.hosts.get_full(host)?;
        let node = &vars.get(name)?.node;
        let evaluated = self.deep(index, &name.into(), node, node.span.source.vaulted);
        Some(evaluated.map_err(|failure| failure.problem))
    }

    /// Of the template at a place, which was evaluated for a host: the variables that it took its value from, and where
    /// they stand. `None` where there is none.
    pub fn origin(&self, host: &str, span: &Span) -> Option<String> {
        let place = Place::new(self.hosts.get_index_of(host)?, span);
        let rendered = locked(&self.rendered);
        let here = rendered.get(&place)?.values().flatten();
        let listed = here
            .flat_map(|rendered| &rendered.needs)
            .map(|(name, span)| format!("`{name}` ({span})"));
        let listed: Vec<String> = listed.collect();
        (!listed.is_empty()).then(|| format!("from {}", listed.join(", ")))
    }

    /// The same for templates, where another value needs it.
    fn variable(self: &Arc<Self>, host: usize, name: &str) -> Option<Value> {
        let (_, vars) = self.hosts.get_index(host)?;
        let given = vars.get(name)?;
        let name: Arc<str> = name.into();
        frame::need(&name, &given.key);
        Some(self.value(host, &name, &given.node))
    }

    /// A value as templates see it: whatever is inside a list or a map is evaluated when it is asked for.
    fn value(self: &Arc<Self>, host: usize, name: &Arc<str>, node: &Node) -> Value {
        let noted = |value: Value| {
            frame::note(match node.span.source.vaulted {
                true => Grade::File,
                false => Grade::Open,
            });
            value
        };
        match &node.value {
            Yaml::Null => noted(Value::from(())),
            Yaml::Bool(value) => noted(Value::from(*value)),
            Yaml::Int(value) => noted(Value::from(*value)),
            Yaml::Float(value) => noted(Value::from(*value)),
            Yaml::Literal(text) => noted(Value::from(text.as_str())),
            Yaml::String(text) if !engine::is_template(text) => noted(Value::from(text.as_str())),
            Yaml::String(text) => match self.rendered(host, name, node, text) {
                Ok(rendered) => {
                    frame::note(rendered.grade);
                    rendered.value
                }
                Err(failure) if failure.is_undefined => {
                    frame::unknown(failure);
                    Value::UNDEFINED
                }
                Err(failure) => self.invalid(failure),
            },
            Yaml::Vault(text) => self.secret(self.open(text, &node.span)),
            Yaml::Secret(secret) => self.secret(Ok(secret.clone())),
            Yaml::Sequence(_) | Yaml::Map(_) => match tagged(node) {
                Some(Ok(vault)) => self.secret(self.open(vault, &node.span)),
                Some(Err(literal)) => noted(Value::from(literal)),
                None => Value::from_object(Lazy {
                    evaluator: Arc::clone(self),
                    host,
                    name: Arc::clone(name),
                    node: node.clone(),
                }),
            },
        }
    }

    fn secret(&self, secret: Result<Secret, Failure>) -> Value {
        match secret {
            Ok(secret) => {
                frame::note(Grade::Value);
                Value::from(secret.expose())
            }
            Err(failure) => self.invalid(failure),
        }
    }

    /// Opens a value that is encrypted; one text is opened once, however many hosts have it.
    fn open(&self, text: &str, span: &Span) -> Result<Secret, Failure> {
        if let Some(opened) = locked(&self.opened).get(text) {
            return opened.clone();
        }
        let opened = self.surroundings.keys.open(text);
        let opened = opened.map(|opened| Secret::new(opened.text));
        let opened = opened.map_err(|fault| fault.problem("this value", span).into());
        locked(&self.opened).insert(text.to_owned(), opened.clone());
        opened
    }

    /// Renders the template at a place for a host, once.
    fn rendered(
        self: &Arc<Self>,
        host: usize,
        name: &Arc<str>,
        node: &Node,
        text: &str,
    ) -> Result<Rendered, Failure> {
        let place = Place::new(host, &node.span);
        let known = locked(&self.rendered);
        if let Some(rendered) = known.get(&place).and_then(|here| here.get(text)) {
            return rendered.clone();
        }
        drop(known);
        frame::enter(Frame::new(self, place, text, name, &node.span))?;
        let value = engine::render(self, text, Scope::of(self, host));
        let frame = frame::leave();
        let rendered = match value {
            Ok(value) => Ok(Rendered {
                value,
                grade: frame.grade,
                needs: frame.needs,
            }),
            Err(error) => Err(Failure::of(&error, &frame, self)),
        };
        locked(&self.rendered)
            .entry(place)
            .or_default()
            .insert(text.to_owned(), rendered.clone());
        rendered
    }

    /// A failure as a value, which the engine reports once it is used.
    fn invalid(&self, failure: Failure) -> Value {
        Value::from(self.numbered(failure))
    }

    /// A failure as an error of the engine.
    fn numbered(&self, failure: Failure) -> minijinja::Error {
        let mut failures = locked(&self.failures);
        failures.push(failure);
        failure::numbered(failures.len() - 1)
    }

    /// The names of a host's variables.
    fn names(&self, host: usize) -> impl Iterator<Item = &str> {
        let vars = self.hosts.get_index(host).map(|(_, vars)| vars.keys());
        vars.into_iter().flatten().map(String::as_str)
    }
}

/// What stands for a tag in JSON (`ansible-inventory --list`): an encrypted text, or else a literal one.
fn tagged(node: &Node) -> Option<Result<&str, &str>> {
    let [(key, value)] = node.as_map()?.0.as_slice() else {
        return None;
    };
    match key.name.as_str() {
        "__ansible_vault" => value.as_str().map(Ok),
        "__ansible_unsafe" => value.as_str().map(Err),
        _ => None,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
