//! pgha's own variables, from what the user wrote to [`Variables`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::discreet::hide;
use super::layers::{Given, Vars};
use super::{Variables, names, rules};
use crate::problem::{Problem, Problems, Span};
use crate::secret::Secret;
use crate::setting::Program;
use crate::yaml::{self, Key, Map, Node, Value};

/// The variables of one host, and the passwords that stood among them.
pub(super) struct Typed {
    pub variables: Variables,
    /// By role.
    pub passwords: BTreeMap<String, Secret>,
}

/// Variables by name.
pub(super) fn to_json(variables: &Variables) -> serde_json::Map<String, serde_json::Value> {
    match serde_json::to_value(variables) {
        Ok(serde_json::Value::Object(map)) => map,
        _ => serde_json::Map::new(),
    }
}

/// Reads pgha's variables of one host.
pub(super) fn read(vars: &Vars, problems: &mut Vec<Problem>) -> Option<Typed> {
    let before = problems.len();
    let mut typed = Typed {
        variables: Variables::default(),
        passwords: BTreeMap::new(),
    };
    let mut whole = to_json(&typed.variables);
    for (name, given) in vars {
        if !names::is_pgha(name) {
            continue;
        }
        match normal(name, given, &mut typed.passwords).and_then(|node| one(name, &given.key, node))
        {
            Ok(value) => whole.extend(value),
            Err(found) => problems.extend(found.0),
        }
    }
    if problems.len() > before {
        return None;
    }
    match serde_json::from_value(serde_json::Value::Object(whole)) {
        Ok(variables) => typed.variables = tidy(variables),
        Err(error) => problems.push(Problem::input("pgha's variables do not fit").because(error)),
    }
    if let Some(password) = vars.get(names::PASSWORD) {
        let role = typed.variables.repmgr_user.clone();
        match self::password(&password.node) {
            Ok(text) => {
                if typed
                    .passwords
                    .get(&role)
                    .is_some_and(|other| *other != text)
                {
                    problems.push(hide(
                        Problem::input(format!(
                            "the role `{}` has two passwords: this one, and another in `postgresql_users`",
                            role.escape_debug()
                        ))
                        .at(&password.node.span)
                        .hint("keep one of the two"),
                    ));
                }
                typed.passwords.insert(role, text);
            }
            Err(problem) => problems.push(problem),
        }
    }
    problems.extend(rules::check(&typed.variables, vars));
    (problems.len() == before).then_some(typed)
}

/// One spelling for what can be spelt in several ways.
fn tidy(mut variables: Variables) -> Variables {
    for attribute in variables
        .postgresql_users
        .iter_mut()
        .flat_map(|user| &mut user.attributes)
    {
        attribute.make_ascii_uppercase();
    }
    if let Some(path) = &mut variables.postgresql_data_directory
        && path.trim_end_matches('/').len() > 1
    {
        path.truncate(path.trim_end_matches('/').len());
    }
    variables
}

/// Reads a single variable; gives it under its name, as the type of its field writes it.
fn one(
    name: &str,
    key: &Span,
    node: Node,
) -> Result<serde_json::Map<String, serde_json::Value>, Problems> {
    if name == names::PASSWORD {
        return Ok(serde_json::Map::new());
    }
    let whole = Node {
        span: key.clone(),
        value: Value::Map(Map(vec![(
            Key {
                name: name.to_owned(),
                span: key.clone(),
            },
            node,
        )])),
    };
    let mut read = to_json(&yaml::decode::<Variables>(&whole, &format!("`{name}`"))?);
    read.retain(|other, _| other == name);
    Ok(read)
}

/// Whether a variable could have that value.
pub(super) fn fits(name: &str, given: &Given) -> bool {
    normal(name, given, &mut BTreeMap::new())
        .and_then(|node| one(name, &given.key, node))
        .is_ok()
}

/// The value in the shape that its type expects, without passwords.
fn normal(
    name: &str,
    given: &Given,
    passwords: &mut BTreeMap<String, Secret>,
) -> Result<Node, Problems> {
    match name {
        "postgresql_settings" | "repmgr_settings" | "pgbouncer_settings" => {
            settings(name, &given.node)
        }
        "postgresql_users" => users(&given.node, passwords),
        "postgresql_version" => version(&given.node),
        _ => Ok(given.node.clone()),
    }
}

fn version(node: &Node) -> Result<Node, Problems> {
    let Value::Float(_) = node.value else {
        return Ok(node.clone());
    };
    Err(Problem::input(format!(
        "expected a major version, found {}",
        node.describe()
    ))
    .at(&node.span)
    .hint("write `17`: the package manager picks the minor version")
    .into())
}

/// Settings are text: scalars as written, booleans as PostgreSQL shows them, or as pgbouncer reads them.
fn settings(variable: &str, node: &Node) -> Result<Node, Problems> {
    let Some(map) = node.as_map() else {
        return Ok(node.clone());
    };
    let mut problems = Vec::new();
    let mut texts = Map::default();
    for (key, value) in map.iter() {
        let text = match &value.value {
            Value::Bool(true) => Some("on".to_owned()),
            Value::Bool(false) => Some("off".to_owned()),
            _ => value.scalar_text(),
        };
        let text = text.map(|text| match variable {
            "pgbouncer_settings" => as_number(&key.name, text),
            _ => text,
        });
        match text {
            Some(text) => texts.0.push((
                key.clone(),
                Node {
                    value: Value::String(text),
                    span: value.span.clone(),
                },
            )),
            None if value.is_null() => problems.push(
                Problem::input(format!("the setting `{}` has no value", key.name))
                    .at(&key.span)
                    .hint("write `''` for an empty one, or remove it"),
            ),
            None => problems.push(
                Problem::input(format!(
                    "expected the setting `{}` as one value, found {}",
                    key.name,
                    value.describe()
                ))
                .at(&value.span)
                .hint(match value.value {
                    Value::Secret(_) => {
                        "plans show settings: write it in the open, or in a file on the hosts"
                    }
                    _ => "write a list as one text: `'a, b'`",
                }),
            ),
        }
    }
    if problems.is_empty() {
        Ok(Node {
            value: Value::Map(texts),
            span: node.span.clone(),
        })
    } else {
        Err(Problems(problems))
    }
}

/// pgbouncer's switches are numbers, whatever word the user has for yes or no.
fn as_number(name: &str, text: String) -> String {
    let known = Program::Pgbouncer.setting(name);
    let number = known.and_then(|known| known.kind.number_for(&text));
    number.map_or(text, str::to_owned)
}

/// Takes the passwords out of `postgresql_users`.
fn users(node: &Node, passwords: &mut BTreeMap<String, Secret>) -> Result<Node, Problems> {
    let Some(items) = node.as_sequence() else {
        return Ok(node.clone());
    };
    let mut problems = Vec::new();
    let mut users = Vec::new();
    for item in items {
        let mut user = item.clone();
        if let Value::Map(map) = &mut user.value
            && let Some(index) = map.0.iter().position(|(key, _)| key.name == "password")
        {
            let null = Node {
                value: Value::Null,
                span: map.0[index].1.span.clone(),
            };
            let secret = std::mem::replace(&mut map.0[index].1, null);
            let name = map.get("name").and_then(Node::as_str);
            match (name, password(&secret)) {
                (Some(name), Ok(text)) => {
                    passwords.insert(name.to_owned(), text);
                }
                (None, _) => {}
                (_, Err(problem)) => problems.push(problem),
            }
        }
        match yaml::decode::<Entry>(&user, "an entry of `postgresql_users`") {
            Ok(_) => users.push(without_password(user)),
            Err(found) => problems.extend(found.0.into_iter().map(hide)),
        }
    }
    if problems.is_empty() {
        Ok(Node {
            value: Value::Sequence(users),
            span: node.span.clone(),
        })
    } else {
        Err(Problems(problems))
    }
}

/// The keys of an entry of `postgresql_users`.
#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its shape matters")]
pub(super) struct Entry {
    /// The role.
    name: String,
    /// Its password. Without it: generated, and kept in `secrets.yml`; a role with `NOLOGIN` gets none.
    password: Option<String>,
    /// `SUPERUSER`, `REPLICATION`, `CREATEDB`, `CREATEROLE`, `BYPASSRLS`, `NOLOGIN`. What is not named is taken away.
    attributes: Option<Vec<String>>,
    /// The roles of which it is a member.
    member_of: Option<Vec<String>>,
}

fn without_password(mut user: Node) -> Node {
    if let Value::Map(map) = &mut user.value {
        map.0.retain(|(key, _)| key.name != "password");
    }
    user
}

/// A password's text. A problem names the place only: an excerpt would show the password.
fn password(node: &Node) -> Result<Secret, Problem> {
    let refuse = |what: &str, hint: &str| {
        Err(hide(
            Problem::input(format!("the password {what}"))
                .at(&node.span)
                .hint(hint),
        ))
    };
    let text = match &node.value {
        Value::Secret(secret) => secret.clone(),
        Value::String(text) | Value::Literal(text) => Secret::from(text.as_str()),
        Value::Null => return refuse("is empty", "write one, or remove the key"),
        _ => return refuse("is no text", "put it in quotes"),
    };
    match text.expose() {
        "" => refuse("is empty", "write one, or remove the key"),
        plain if plain.chars().any(char::is_control) => refuse(
            "holds a control character or a line break",
            "write it on one line",
        ),
        _ => Ok(text),
    }
}
