//! `pgha validate`: reads files only, and connects nowhere.

use clap::Args;
use serde_json::json;

use super::load::{Inputs, Which};
use super::out;
use crate::plan::{Declaration, Intent};
use crate::problem::Problems;
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

/// Runs the verb; gives the exit code.
///
/// # Errors
/// Whatever is wrong with inventory, playbook and templates, as far as it can be told without the hosts: they are planned
/// on imaginary bare hosts of every release. `--limit` is checked, and leaves nothing out.
pub fn run(arguments: &Arguments) -> Result<u8, Problems> {
    let loaded = arguments.inputs.load_files()?;
    let instructions = arguments.which.load(&arguments.inputs.inventory)?;
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
    let plays = &instructions.playbook.plays;
    let steps = plays.iter().map(|play| play.steps.len()).sum();
    if arguments.json {
        out::json(&json!({"valid": true, "hosts": hosts, "plays": plays.len(), "steps": steps}));
    } else {
        out::text(&format!(
            "valid: {}, {}, {}\n",
            count(hosts, "host"),
            count(plays.len(), "play"),
            count(steps, "step"),
        ));
    }
    Ok(0)
}
