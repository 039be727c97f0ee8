//! `pgha validate`: reads files only, and connects nowhere.

use clap::Args;
use serde_json::{Map, Value, json};

use super::load::{Inputs, Which};
use super::out;
use crate::plan::{Declaration, Intent};
use crate::problem::Problems;
use crate::render;
use crate::words::count;

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    inputs: Inputs,
    #[command(flatten)]
    which: Which,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb, for each cluster of the inventory; gives the exit code.
///
/// # Errors
/// Whatever is wrong with inventory, playbook and templates, as far as it can be told without the hosts: they are planned
/// on imaginary bare hosts of every release. `--limit` is checked, and leaves nothing out.
pub fn run(arguments: &Arguments) -> Result<u8, Problems> {
    let names = match &arguments.inputs.cluster {
        Some(_) => Vec::new(),
        None => arguments.inputs.reading()?.clusters(),
    };
    if names.len() < 2 {
        let (told, line) = one(arguments, &arguments.inputs)?;
        match arguments.json {
            true => out::json(&told),
            false => out::text(&format!("{line}\n")),
        }
        return Ok(0);
    }
    let mut all = Map::new();
    let mut problems = Vec::new();
    for name in names {
        let mut inputs = arguments.inputs.clone();
        inputs.cluster = Some(name.clone());
        match one(arguments, &inputs) {
            Ok((told, line)) => {
                if !arguments.json {
                    out::text(&format!("cluster `{name}`: {line}\n"));
                }
                all.insert(name, told);
            }
            Err(found) => problems.extend(found.0),
        }
    }
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    if arguments.json {
        out::json(&all);
    }
    Ok(0)
}

/// What there is to tell of one cluster: for a machine, and in a line.
fn one(arguments: &Arguments, inputs: &Inputs) -> Result<(Value, String), Problems> {
    let loaded = inputs.load_files()?;
    render::problem::warn(&loaded.inventory.warnings);
    let instructions = arguments.which.load(&inputs.inventory)?;
    Declaration {
        inventory: &loaded.inventory,
        playbook: &instructions.playbook,
        engine: &instructions.engine,
        limit: None,
        allow_restart_primary: false,
        intent: Intent::Converge,
    }
    .questions()?;
    let hosts = loaded.inventory.hosts.len();
    let plays = instructions.playbook.plays.len();
    let steps = &instructions.playbook.plays;
    let steps = steps.iter().map(|play| play.steps.len()).sum();
    let warnings = loaded.inventory.warnings.len();
    let told = json!({
        "valid": true, "warnings": warnings, "hosts": hosts, "plays": plays, "steps": steps,
    });
    let line = format!(
        "valid: {}, {}, {}",
        count(hosts, "host"),
        count(plays, "play"),
        count(steps, "step"),
    );
    Ok((told, line))
}
