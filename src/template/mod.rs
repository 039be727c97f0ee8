//! Strict templates: what is not defined is an error with its place, and a literal stays a literal.

mod filters;
mod program;

use std::sync::Arc;

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, syntax::SyntaxConfig};

use crate::problem::{Problem, Source, Span, did_you_mean};
use crate::yaml::{Map, Node, Value as Yaml};

use program::is_sound;

pub use program::{Program, Programs};

type Read = Arc<dyn Fn(&str) -> Option<Arc<Source>> + Send + Sync>;

/// Renders the texts of playbooks and the files in `templates/`, and finds those in `programs/`, which are not rendered.
pub struct Engine {
    environment: Environment<'static>,
    /// Finds a template file by name.
    read: Read,
    programs: Box<dyn Programs>,
}

impl Engine {
    /// `read` finds a template by its name, e.g. `pg_hba.conf.j2`.
    pub fn new(read: impl Fn(&str) -> Option<Arc<Source>> + Send + Sync + 'static) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_debug(true);
        environment.set_fuel(Some(10_000_000));
        environment.set_syntax(
            SyntaxConfig::builder()
                .trim_blocks(true)
                .lstrip_blocks(true)
                .keep_trailing_newline(true)
                .build()
                .expect("the default delimiters are sound"),
        );
        filters::install(&mut environment);
        let read: Read = Arc::new(read);
        // What a template includes.
        let included = Arc::clone(&read);
        environment.set_loader(move |name| Ok(included(name).map(|source| source.text.clone())));
        Self {
            environment,
            read,
            programs: Box::new(|_: &str| None),
        }
    }

    /// The same for playbooks whose steps ship programs.
    #[must_use]
    pub fn with_programs(mut self, programs: impl Programs + 'static) -> Self {
        self.programs = Box::new(programs);
        self
    }

    /// Whether a condition holds.
    ///
    /// # Errors
    /// It does not parse, or names something that is not defined.
    pub fn holds(&self, condition: &str, span: &Span, context: &Value) -> Result<bool, Problem> {
        self.expression(condition, span, context)
            .map(|value| value.is_true())
    }

    /// A node with every template in it rendered; spans stay. A text that is one `{{ expression }}` and nothing else keeps
    /// the expression's type, so lists and maps can be passed on.
    ///
    /// # Errors
    /// As [`Self::holds`].
    pub fn node(&self, node: &Node, context: &Value) -> Result<Node, Problem> {
        let value = match &node.value {
            Yaml::String(text) if text.contains("{{") || text.contains("{%") => {
                match sole_expression(text) {
                    Some(expression) => {
                        let value = self.expression(expression, &node.span, context)?;
                        return Ok(from_value(&value, &node.span));
                    }
                    None => Yaml::String(self.text(text, &node.span, context)?),
                }
            }
            Yaml::Literal(text) => Yaml::String(text.clone()),
            Yaml::Sequence(items) => Yaml::Sequence(
                items
                    .iter()
                    .map(|item| self.node(item, context))
                    .collect::<Result<_, _>>()?,
            ),
            Yaml::Map(map) => Yaml::Map(Map(map
                .0
                .iter()
                .map(|(key, value)| Ok((key.clone(), self.node(value, context)?)))
                .collect::<Result<_, Problem>>()?)),
            other => other.clone(),
        };
        Ok(Node {
            value,
            span: node.span.clone(),
        })
    }

    /// The template file `name`, rendered.
    ///
    /// # Errors
    /// There is none of that name (told at `span`), or as [`Self::holds`], with the place in the template.
    pub fn file(&self, name: &str, span: &Span, context: &Value) -> Result<String, Problem> {
        let source = (self.read)(name).ok_or_else(|| {
            Problem::input(format!("there is no template `{name}`"))
                .at(span)
                .hint("templates are looked for in `templates/` beside the playbook, then in pgha itself; `pgha playbook list` lists those")
        })?;
        is_sound(&source)?;
        self.environment
            .render_named_str(name, &source.text, context.clone())
            .map_err(|error| {
                let range = error.range().unwrap_or(0..0);
                problem(
                    &error,
                    &Span {
                        start: range.start,
                        len: range.len(),
                        source: source.clone(),
                    },
                    context,
                )
            })
    }

    fn text(&self, text: &str, span: &Span, context: &Value) -> Result<String, Problem> {
        self.environment
            .render_str(text, context.clone())
            .map_err(|error| problem(&error, span, context))
    }

    fn expression(&self, text: &str, span: &Span, context: &Value) -> Result<Value, Problem> {
        let compiled = self
            .environment
            .compile_expression_owned(text.to_owned())
            .map_err(|error| problem(&error, span, context))?;
        let value = compiled
            .eval(context.clone())
            .map_err(|error| problem(&error, span, context))?;
        if value.is_undefined() {
            return Err(undefined(text.trim(), span, context));
        }
        Ok(value)
    }
}

/// Anything that can be serialised, as a value for templates.
pub fn value<T: serde::Serialize>(of: &T) -> Value {
    Value::from(Serde(of))
}

/// The expression of a text like `{{ groups.postgres }}`.
fn sole_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains("{{") && !inner.contains("}}")).then_some(inner)
}

/// A rendered value as a node; everything in it is at the place of the template.
fn from_value(value: &Value, span: &Span) -> Node {
    let json = serde_json::to_value(value).unwrap_or(serde_json::Value::Null);
    from_json(json, span)
}

fn from_json(json: serde_json::Value, span: &Span) -> Node {
    use serde_json::Value as Json;
    let value = match json {
        Json::Null => Yaml::Null,
        Json::Bool(value) => Yaml::Bool(value),
        Json::Number(number) => number.as_i64().map_or_else(
            || Yaml::Float(number.as_f64().unwrap_or(f64::NAN)),
            Yaml::Int,
        ),
        Json::String(text) => Yaml::String(text),
        Json::Array(items) => Yaml::Sequence(
            items
                .into_iter()
                .map(|item| from_json(item, span))
                .collect(),
        ),
        Json::Object(fields) => Yaml::Map(Map(fields
            .into_iter()
            .map(|(name, value)| {
                let key = crate::yaml::Key {
                    name,
                    span: span.clone(),
                };
                (key, from_json(value, span))
            })
            .collect())),
    };
    Node {
        value,
        span: span.clone(),
    }
}

fn undefined(name: &str, span: &Span, context: &Value) -> Problem {
    let problem = Problem::input(format!("`{name}` is not defined")).at(span);
    let known: Vec<String> = context
        .try_iter()
        .map(|keys| keys.map(|key| key.to_string()).collect())
        .unwrap_or_default();
    match did_you_mean(name, known.iter().map(String::as_str)) {
        Some(known) => problem.hint(format!("did you mean `{known}`?")),
        None => {
            problem.hint("a template may use variables of the inventory and the play, and facts")
        }
    }
}

/// The engine's error as a problem at `span`. Only its short form is used: the long one prints variables.
fn problem(error: &minijinja::Error, span: &Span, context: &Value) -> Problem {
    match error.kind() {
        ErrorKind::UndefinedError => {
            let text = &span.source.text;
            let name = error
                .range()
                .and_then(|range| text.get(span.start..span.start + span.len.max(range.len())))
                .or_else(|| text.get(span.start..span.start + span.len))
                .unwrap_or_default();
            let name = name.trim_matches(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'));
            if !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_alphanumeric() || c == '_' || c == '.')
            {
                undefined(name, span, context)
            } else {
                Problem::input("a variable of this template is not defined")
                    .at(span)
                    .because(error.detail().unwrap_or("undefined value"))
                    .hint("a template may use variables of the inventory and the play, and facts")
            }
        }
        ErrorKind::SyntaxError => Problem::input("this template does not parse")
            .at(span)
            .because(error.detail().unwrap_or("syntax error"))
            .hint("it is Jinja: `{{ value }}`, `{% if … %} … {% endif %}`, `{# comment #}`"),
        _ => Problem::input("this template cannot be rendered")
            .at(span)
            .because(format!(
                "{}{}",
                error.kind(),
                error
                    .detail()
                    .map(|detail| format!(": {detail}"))
                    .unwrap_or_default()
            ))
            .hint(
                "mend the expression; `default(…)` and `is defined` help with what may be missing",
            ),
    }
}
