//! `pgha inventory`: hosts, groups and variables as pgha reads them, and where each comes from.

use clap::Args;
use serde_json::{Map, Value, json};

use super::load::Inputs;
use super::out;
use crate::inventory::{Reading, Variable};
use crate::problem::{Problem, Problems, did_you_mean};
use crate::render;

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    inputs: Inputs,
    /// Only this host
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// What `ansible-inventory --list` prints: groups, and the variables of each host, as JSON
    #[arg(long, conflicts_with_all = ["host", "graph", "json"])]
    list: bool,
    /// The groups as a tree, as `ansible-inventory --graph` draws it
    #[arg(long, conflicts_with_all = ["host", "json"])]
    graph: bool,
    /// As JSON: each variable with its value and its place
    #[arg(long)]
    json: bool,
}

/// Runs the verb; gives the exit code.
///
/// # Errors
/// What is wrong with the inventory before anything is asked of pgha's own variables: `validate` looks at these.
pub fn run(arguments: &Arguments) -> Result<u8, Problems> {
    let reading = arguments.inputs.reading()?;
    render::problem::warn(&reading.warnings);
    if arguments.list {
        out::json(&reading.list());
        return Ok(0);
    }
    if arguments.graph {
        out::text(&reading.graph());
        return Ok(0);
    }
    let hosts = match &arguments.host {
        Some(host) => vec![known(&reading, host)?],
        None => reading.hosts().collect(),
    };
    if arguments.json {
        let hosts: Map<String, Value> = hosts
            .iter()
            .map(|host| ((*host).to_owned(), told(&reading, host)))
            .collect();
        out::json(&hosts);
    } else {
        for host in hosts {
            out::text(&text(&reading, host));
        }
    }
    Ok(0)
}

fn known<'a>(reading: &'a Reading, host: &str) -> Result<&'a str, Problem> {
    if let Some(known) = reading.hosts().find(|known| *known == host) {
        return Ok(known);
    }
    let problem = Problem::input(format!("there is no host `{}`", host.escape_debug()));
    Err(match did_you_mean(host, reading.hosts()) {
        Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
        None => problem.hint("without `--host` all are shown"),
    })
}

/// `file:line` of a variable.
fn place(variable: &Variable<'_>) -> String {
    let (line, _) = variable.place.line_column();
    format!("{}:{line}", variable.place.source.name)
}

fn told(reading: &Reading, host: &str) -> Value {
    let variables: Map<String, Value> = reading
        .variables(host)
        .map(|variable| {
            let told = json!({"value": shown(&variable), "source": place(&variable)});
            (variable.name.to_owned(), told)
        })
        .collect();
    let groups: Vec<&str> = reading.groups_of(host).collect();
    json!({"groups": groups, "variables": variables})
}

fn text(reading: &Reading, host: &str) -> String {
    let groups: Vec<&str> = reading.groups_of(host).collect();
    let mut out = format!("{host}: {}\n", groups.join(", "));
    let mut variables: Vec<Variable<'_>> = reading.variables(host).collect();
    variables.sort_by_key(|variable| variable.name);
    for variable in &variables {
        let value = match shown(variable) {
            Value::String(text) if !text.contains('\n') => text,
            other => other.to_string(),
        };
        out += &format!("  {}: {value}  ({})\n", variable.name, place(variable));
    }
    out
}

/// The value, without what was encrypted and what looks like a password: a screen has more readers than a file.
fn shown(variable: &Variable<'_>) -> Value {
    let name = variable.place.source.name.to_ascii_lowercase();
    if variable.is_vaulted
        || is_secret(variable.name)
        || name
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .contains("secret")
    {
        return Value::from("(hidden)");
    }
    without_secrets(variable.value.clone())
}

fn without_secrets(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .map(|(name, value)| match is_secret(&name) && !value.is_null() {
                true => (name, Value::from("(hidden)")),
                false => (name, without_secrets(value)),
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(without_secrets).collect(),
        other => other,
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["pass", "pasw", "secret", "token"]
        .iter()
        .any(|word| name.contains(word))
        && !name.ends_with("_file")
}
