//! One step.

use super::foreign;
use super::parse::text;
use crate::problem::{Problem, Span, did_you_mean};
use crate::yaml::{Key, Map, Node, Spanned, Value};

/// One resource, declared.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub name: String,
    /// The name of the resource and where it stands.
    pub kind: Spanned,
    /// What stands behind the resource's name: a mapping, or a string as shorthand.
    pub arguments: Node,
    /// Conditions that must all hold.
    pub when: Vec<Spanned>,
    /// What `loop` lists.
    pub loop_over: Option<Node>,
    pub span: Span,
}

const KEYS: [&str; 3] = ["name", "when", "loop"];

/// Reads one step.
pub(super) fn parse(item: &Node, resources: &[&str]) -> Result<Step, Vec<Problem>> {
    let Some(map) = item.as_map() else {
        return Err(vec![
            Problem::input(format!("expected a step, found {}", item.describe()))
                .at(&item.span)
                .hint("a step is a mapping with `name` and one resource"),
        ]);
    };
    let mut problems = Vec::new();
    let kind = kind(map, &item.span, resources).unwrap_or_else(|found| {
        problems.extend(found);
        None
    });
    let mut keep = |problem: Problem| problems.push(problem);
    let name = text(map, "name", &item.span, "a step")
        .map_err(&mut keep)
        .ok();
    let when = when(map).map_err(&mut keep).ok();
    let loop_over = loop_over(map).map_err(&mut keep).ok();
    match (kind, name, when, loop_over) {
        (Some((kind, arguments)), Some(name), Some(when), Some(loop_over))
            if problems.is_empty() =>
        {
            Ok(Step {
                name: name.text,
                kind,
                arguments,
                when,
                loop_over,
                span: item.span.clone(),
            })
        }
        _ => Err(problems),
    }
}

type Declared = (Spanned, Node);

/// The one resource of a step.
fn kind(map: &Map, span: &Span, resources: &[&str]) -> Result<Option<Declared>, Vec<Problem>> {
    let is_resource = |key: &Key| resources.contains(&key.name.as_str());
    let mut found = map.iter().filter(|(key, _)| is_resource(key));
    let first = found.next();
    let mut problems: Vec<Problem> = found
        .map(|(second, _)| {
            let first = first.map_or("", |(key, _)| key.name.as_str());
            Problem::input(format!(
                "a step declares one resource, and this one has `{first}` and `{}`",
                second.name
            ))
            .at(&second.span)
            .hint("make two steps of it")
        })
        .collect();
    problems.extend(
        map.iter()
            .filter(|(key, _)| !is_resource(key) && !KEYS.contains(&key.name.as_str()))
            .map(|(key, _)| unknown_key(key, resources, first.is_some())),
    );
    if first.is_none() && problems.is_empty() {
        problems.push(
            Problem::input("a step lacks its resource")
                .at(span)
                .hint(format!("the resources are {}", listing(resources))),
        );
    }
    if let Some((key, node)) = first
        && !matches!(node.value, Value::Map(_) | Value::String(_) | Value::Null)
    {
        problems.push(
            Problem::input(format!(
                "expected the arguments of `{}` as a mapping, found {}",
                key.name,
                node.describe()
            ))
            .at(&node.span)
            .hint("write `key: value`, one per line, below the resource"),
        );
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(first.map(|(key, node)| {
        let kind = Spanned {
            text: key.name.clone(),
            span: key.span.clone(),
        };
        (kind, arguments(key, node))
    }))
}

/// A resource without arguments has an empty mapping of them.
fn arguments(key: &Key, node: &Node) -> Node {
    if node.is_null() {
        Node {
            value: Value::Map(Map::default()),
            span: key.span.clone(),
        }
    } else {
        node.clone()
    }
}

fn unknown_key(key: &Key, resources: &[&str], has_resource: bool) -> Problem {
    let name = key.name.as_str();
    let what = if has_resource || foreign::step_hint(name).is_some() {
        format!("a step has no key `{name}`")
    } else {
        format!("there is no resource `{name}`")
    };
    let problem = Problem::input(what).at(&key.span);
    if let Some(hint) = foreign::step_hint(name) {
        return problem.hint(hint);
    }
    let module = name.rsplit('.').next().unwrap_or(name);
    let resource = resources
        .iter()
        .copied()
        .find(|resource| *resource == module)
        .or_else(|| foreign::resource_for(module).filter(|found| resources.contains(found)));
    let candidates = resources.iter().copied().chain(KEYS);
    match (resource, did_you_mean(name, candidates)) {
        (Some(resource), _) => problem.hint(format!("use pgha's `{resource}`")),
        (None, Some(meant)) => problem.hint(format!("did you mean `{meant}`?")),
        (None, None) if has_resource => {
            problem.hint("its keys are `name`, `when`, `loop` and one resource")
        }
        (None, None) => problem.hint(format!("the resources are {}", listing(resources))),
    }
}

fn listing(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn when(map: &Map) -> Result<Vec<Spanned>, Problem> {
    match map.entry("when") {
        None => Ok(Vec::new()),
        Some((_, node)) => match &node.value {
            Value::Sequence(items) => items.iter().map(condition).collect(),
            _ => condition(node).map(|condition| vec![condition]),
        },
    }
}

fn condition(node: &Node) -> Result<Spanned, Problem> {
    let text = match &node.value {
        Value::String(text) if !text.trim().is_empty() => text.trim().to_owned(),
        Value::Bool(value) => value.to_string(),
        _ => {
            return Err(
                Problem::input(format!("expected a condition, found {}", node.describe()))
                    .at(&node.span)
                    .hint("write an expression, or a list of them that must all hold"),
            );
        }
    };
    if text.contains("{{") || text.contains("{%") {
        return Err(
            Problem::input("a condition is an expression, not a template")
                .at(&node.span)
                .hint("remove the braces: `when: name == 'value'`"),
        );
    }
    Ok(Spanned {
        text,
        span: node.span.clone(),
    })
}

fn loop_over(map: &Map) -> Result<Option<Node>, Problem> {
    match map.entry("loop") {
        None => Ok(None),
        Some((_, node)) if matches!(node.value, Value::Sequence(_) | Value::String(_)) => {
            Ok(Some(node.clone()))
        }
        Some((key, node)) => Err(Problem::input(format!(
            "`loop` takes a list, found {}",
            node.describe()
        ))
        .at(if node.is_null() {
            &key.span
        } else {
            &node.span
        })
        .hint("write a list, or a template that gives one: `loop: \"{{ names }}\"`")),
    }
}
