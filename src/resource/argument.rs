//! What holds for arguments of the same name, whichever resource takes them.

use crate::problem::{Problem, Problems};
use crate::secret::Text;
use crate::yaml::{Node, Value};

/// Arguments that name a place on a host.
const PATHS: [&str; 4] = ["path", "creates", "home", "config_file"];

/// Arguments that are words of commands, or names.
const SHOWN: [&str; 8] = [
    "argv", "unless", "name", "names", "owner", "group", "user", "unit",
];

/// Checks the (already rendered) arguments of a resource, each at its own place.
pub(super) fn check(arguments: &Node) -> Result<(), Problems> {
    let Value::Map(map) = &arguments.value else {
        return Ok(());
    };
    let mut problems = Vec::new();
    for (key, node) in map.iter() {
        let found = match key.name.as_str() {
            "mode" => mode(node),
            name if PATHS.contains(&name) => path(name, node),
            _ => Ok(()),
        };
        let found = found.and_then(|()| no_nul(&key.name, node));
        problems.extend(found.and_then(|()| no_secret(&key.name, node)).err());
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Problems(problems))
    }
}

fn mode(node: &Node) -> Result<(), Problem> {
    let is_octal = |text: &str| text.len() == 4 && text.bytes().all(|b| (b'0'..b'8').contains(&b));
    match &node.value {
        Value::Null => Ok(()),
        Value::String(text) if is_octal(text) => Ok(()),
        // `0644` without quotes is a text to our reader, and taken as it is meant; `644` is a number.
        _ => Err(
            Problem::input("`mode` takes four octal digits in quotes, e.g. \"0644\"")
                .at(&node.span)
                .hint("write `mode: \"0644\"`: without quotes YAML makes a number of it"),
        ),
    }
}

fn path(name: &str, node: &Node) -> Result<(), Problem> {
    let Value::String(text) = &node.value else {
        return Ok(());
    };
    if text.starts_with('/') {
        return Ok(());
    }
    Err(Problem::input(format!(
        "`{name}` must be an absolute path, found `{}`",
        text.escape_debug()
    ))
    .at(&node.span)
    .hint("begin it with `/`: a step has no folder that a path could be relative to"))
}

/// Words of commands and names are shown by plans and hosts alike.
fn no_secret(name: &str, node: &Node) -> Result<(), Problem> {
    if !SHOWN.contains(&name) && !PATHS.contains(&name) {
        return Ok(());
    }
    match &node.value {
        Value::String(text) if Text::parse(text).secrets().next().is_some() => {
            Err(Problem::input(format!("`{name}` has a secret in it"))
                .at(&node.span)
                .hint("everybody on the host could see it: hand it over in a file's `content`"))
        }
        Value::Sequence(items) => items.iter().try_for_each(|item| no_secret(name, item)),
        _ => Ok(()),
    }
}

/// Nothing on a host can take one: neither a command's argument nor a path nor PostgreSQL's text.
fn no_nul(name: &str, node: &Node) -> Result<(), Problem> {
    match &node.value {
        Value::String(text) if text.contains('\0') => {
            Err(Problem::input(format!("`{name}` has a NUL character"))
                .at(&node.span)
                .hint("remove it: nothing on a host can hold one"))
        }
        Value::Sequence(items) => items.iter().try_for_each(|item| no_nul(name, item)),
        Value::Map(map) => map.iter().try_for_each(|(_, item)| no_nul(name, item)),
        _ => Ok(()),
    }
}
