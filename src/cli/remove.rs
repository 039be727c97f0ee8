//! `pgha remove`: a node leaves the cluster, a standby or the witness, whether it runs or not.

use std::path::PathBuf;

use clap::Args;

use super::apply::converge;
use super::manner::Manner;
use crate::plan::{Intent, Removal};
use crate::problem::{Problem, Problems, did_you_mean};

const REMOVE: &str = "remove.yml";

#[derive(Args)]
pub struct Arguments {
    /// The inventory
    inventory: PathBuf,
    /// The standby or the witness that leaves, as it is registered; its data are kept
    node: String,
    #[command(flatten)]
    manner: Manner,
}

/// Runs the verb; gives the exit code.
///
/// # Errors
/// Bad input; a node that cannot leave; a host that does not answer and must.
pub async fn run(arguments: Arguments) -> Result<u8, Problems> {
    let node = &arguments.node;
    let manner = &arguments.manner;
    let mut common = manner.brief(&arguments.inventory, REMOVE);
    let inventory = common.inputs.load()?.inventory;
    let is_declared = inventory.is_node(node);
    if inventory.hosts.contains_key(node) && !is_declared {
        return Err(Problem::input(format!(
            "`{node}` is neither a member of the cluster nor its witness"
        ))
        .hint("a pooler leaves by being taken out of the inventory")
        .into());
    }
    if *inventory.group("postgres") == [node.clone()] {
        return Err(Problem::refused(format!("`{node}` is the only member"))
            .hint("there would be no cluster without it")
            .into());
    }
    common.intent = Intent::Removal(Removal { node: node.clone() });
    let ended = converge(&common, None, manner.mode()).await?;
    if ended.code != 0 || manner.dry_run {
        return Ok(ended.code);
    }
    if is_declared {
        eprintln!(
            "`{node}` has left the cluster, and its data are where they were; take it out of the inventory now, or the next apply lets it join again"
        );
    } else if !ended.changes {
        let names = inventory.hosts.keys().map(String::as_str);
        let meant = did_you_mean(node, names)
            .map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
        eprintln!("`{node}` is neither registered nor in the inventory{meant}");
    } else {
        eprintln!("`{node}` has left the cluster; its data are where they were");
    }
    Ok(ended.code)
}
