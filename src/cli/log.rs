//! `pgha log`: what a past run did, and when.

use std::path::{Path, PathBuf};

use clap::Args;

use super::out;
use crate::problem::{Problem, Problems};
use crate::render;
use crate::render::style::stdout_colours;
use crate::run::history::{self, Past};

#[derive(Args)]
pub struct Arguments {
    /// The inventory
    inventory: PathBuf,
    /// The run, or the beginning of its name; by default the latest
    run: Option<String>,
    /// All runs, one per line, the latest last
    #[arg(long, conflicts_with = "run")]
    list: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// How many runs a hint names.
const NAMED: usize = 3;

/// Runs the verb; what came of the run that is shown is no part of the exit code.
///
/// # Errors
/// There is no such run, or it cannot be read.
pub fn run(arguments: &Arguments) -> Result<u8, Problems> {
    let inventory = &arguments.inventory;
    let names = history::names(inventory)?;
    let Some(latest) = names.last() else {
        return Err(none(inventory).into());
    };
    if arguments.list {
        let pasts = names.iter().map(|name| history::read(inventory, name));
        let pasts = pasts.collect::<Result<Vec<Past>, Problem>>()?;
        if arguments.json {
            out::json(&pasts.iter().map(summary).collect::<Vec<_>>());
        } else {
            out::text(&render::log::list(&pasts, stdout_colours()));
        }
        return Ok(0);
    }
    let name = match &arguments.run {
        Some(wanted) => find(&names, wanted)?,
        None => latest,
    };
    let past = history::read(inventory, name)?;
    if arguments.json {
        let document =
            serde_json::json!({"run": past.name, "plan": past.plan, "events": past.entries});
        out::json(&document);
    } else {
        out::text(&render::log::text(&past, stdout_colours()));
    }
    Ok(0)
}

/// The run of that name, or the only one whose name begins so.
fn find<'a>(names: &'a [String], wanted: &str) -> Result<&'a str, Problem> {
    if let Some(name) = names.iter().find(|name| *name == wanted) {
        return Ok(name);
    }
    let begin_so: Vec<&String> = names
        .iter()
        .filter(|name| name.starts_with(wanted))
        .collect();
    match *begin_so {
        [name] => Ok(name),
        [] => Err(Problem::input(format!("there is no run `{wanted}`"))
            .hint(format!("{}; `--list` shows all", latest(names)))),
        _ => Err(Problem::input(format!(
            "`{wanted}` begins the names of {} runs",
            begin_so.len()
        ))
        .hint(format!("write more of it: {}", latest(&begin_so)))),
    }
}

/// The latest few.
fn latest(names: &[impl AsRef<str>]) -> String {
    let few: Vec<String> = names
        .iter()
        .rev()
        .take(NAMED)
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    let are = if few.len() == 1 { "is" } else { "are" };
    format!("the latest {are} {}", few.join(", "))
}

fn none(inventory: &Path) -> Problem {
    // A misspelt path has no runs either.
    if let Err(error) = std::fs::metadata(inventory) {
        return Problem::input(format!("`{}` cannot be read", inventory.display()))
            .because(error)
            .hint("runs are kept in `.pgha/runs` beside the inventory");
    }
    Problem::input(format!("no run of `{}` is recorded", inventory.display()))
        .hint("every `pgha apply` that gets as far as a plan leaves a record in `.pgha/runs` beside the inventory")
}

fn summary(past: &Past) -> serde_json::Value {
    let finished = past.finished();
    serde_json::json!({
        "run": past.name,
        "began": past.began(),
        "cluster": past.planned("cluster"),
        "playbook": past.planned("playbook"),
        "primary": past.planned("primary"),
        "outcome": past.end(),
        "changed": past.changed(),
        "failed": finished.map(|finished| finished.failed),
        "not_done": finished.map(|finished| finished.not_done),
        "milliseconds": past.milliseconds(),
    })
}
