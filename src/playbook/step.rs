//! One step.

use super::foreign;
use super::parse::{PLAY_KEYS, text};
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
    /// What must hold again if the run is undone, as a resource of its own. Only before the step that decides.
    pub undo: Option<Undo>,
    /// Whether there is no way back once this step is done. One step of a playbook may; it is a stage of its own.
    pub decides: bool,
    pub span: Span,
}

/// The way back from a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Undo {
    pub kind: Spanned,
    pub arguments: Node,
}

/// The keys of a step beside its resource.
pub const KEYS: [&str; 5] = ["name", "when", "loop", "undo", "decides"];

/// What declares a resource, as it is called in what is told of it.
const STEP: &str = "a step";
const UNDO: &str = "`undo`";

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
    let kind = kind(map, &item.span, resources, STEP).unwrap_or_else(|found| {
        problems.extend(found);
        None
    });
    let mut keep = |problem: Problem| problems.push(problem);
    let name = text(map, "name", &item.span, "a step")
        .map_err(&mut keep)
        .ok();
    let when = when(map).map_err(&mut keep).ok();
    let loop_over = loop_over(map).map_err(&mut keep).ok();
    let decides = flag(map, "decides").map_err(&mut keep).unwrap_or(false);
    let undo = undo(map, resources).unwrap_or_else(|found| {
        problems.extend(found);
        None
    });
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
                undo,
                decides,
                span: item.span.clone(),
            })
        }
        _ => Err(problems),
    }
}

type Declared = (Spanned, Node);

/// The one resource of a step.
fn kind(
    map: &Map,
    span: &Span,
    resources: &[&str],
    whole: &str,
) -> Result<Option<Declared>, Vec<Problem>> {
    let is_resource = |key: &Key| resources.contains(&key.name.as_str());
    let mut found = map.iter().filter(|(key, _)| is_resource(key));
    let first = found.next();
    let mut problems: Vec<Problem> = found
        .map(|(second, _)| {
            let first = first.map_or("", |(key, _)| key.name.as_str());
            Problem::input(format!(
                "{whole} declares one resource, and this one has `{first}` and `{}`",
                second.name
            ))
            .at(&second.span)
            .hint("make two steps of it")
        })
        .collect();
    problems.extend(
        map.iter()
            .filter(|(key, _)| !is_resource(key) && !KEYS.contains(&key.name.as_str()))
            .map(|(key, _)| unknown_key(key, resources, whole, first.is_some())),
    );
    if first.is_none() && problems.is_empty() {
        problems.push(
            Problem::input(format!("{whole} lacks its resource"))
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

/// The resource that `undo` declares.
fn undo(map: &Map, resources: &[&str]) -> Result<Option<Undo>, Vec<Problem>> {
    let Some((key, node)) = map.entry("undo") else {
        return Ok(None);
    };
    let Some(inner) = node.as_map() else {
        let what = format!(
            "expected one resource below `undo`, found {}",
            node.describe()
        );
        let span = if node.is_null() {
            &key.span
        } else {
            &node.span
        };
        return Err(vec![Problem::input(what).at(span).hint(
            "write the resource as it must be again: `undo: { pgbouncer_pause: { paused: false } }`",
        )]);
    };
    if let Some((other, _)) = inner
        .iter()
        .find(|(key, _)| KEYS.contains(&key.name.as_str()))
    {
        let what = format!("`{}` has no meaning below `undo`", other.name);
        return Err(vec![
            Problem::input(what)
                .at(&other.span)
                .hint("it is undone where, and as often as, it was done"),
        ]);
    }
    let declared = kind(inner, &node.span, resources, UNDO)?;
    Ok(declared.map(|(kind, arguments)| Undo { kind, arguments }))
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

fn unknown_key(key: &Key, resources: &[&str], whole: &str, has_resource: bool) -> Problem {
    let name = key.name.as_str();
    let what = if has_resource || foreign::step_hint(name).is_some() {
        format!("{whole} has no key `{name}`")
    } else {
        format!("there is no resource `{name}`")
    };
    let problem = Problem::input(what).at(&key.span);
    if PLAY_KEYS.contains(&name) && name != "vars" {
        return problem.hint(format!("`{name}` is a key of a play"));
    }
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
        (None, None) if whole == UNDO && has_resource => {
            problem.hint("it has one resource, and nothing beside it")
        }
        (None, None) if has_resource => {
            problem.hint("its keys are `name`, `when`, `loop`, `undo`, `decides` and one resource")
        }
        (None, None) => problem.hint(format!("the resources are {}", listing(resources))),
    }
}

/// A key that is `true` or `false`, and `false` where it is not there.
pub(super) fn flag(map: &Map, name: &str) -> Result<bool, Problem> {
    match map
        .entry(name)
        .map(|(key, node)| (key, node, node.as_bool()))
    {
        None => Ok(false),
        Some((.., Some(value))) => Ok(value),
        Some((key, node, None)) => Err(Problem::input(format!(
            "`{name}` can only be `true` or `false`, found {}",
            node.describe()
        ))
        .at(if node.is_null() {
            &key.span
        } else {
            &node.span
        })
        .hint(format!("write `{name}: true`, or leave it out"))),
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
