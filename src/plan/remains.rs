//! What is left of a cluster whose data are not there. A volume that is not mounted is no empty host: where there was a
//! cluster, another one is made only if that was asked for.
//!
//! An `apply` that is cut short is finished by the next one, so nothing counts that it leaves before there are data.

use std::collections::BTreeMap;

use super::Intent;
use crate::facts::Facts;
use crate::inventory::Inventory;
use crate::problem::Problem;
use crate::words::list;

/// Where Debian keeps the configuration of clusters.
const CONFIGURATION: &str = "/etc/postgresql/";

/// The configuration of a cluster that a host had.
pub fn configuration(facts: &Facts) -> Option<&String> {
    let mut remains = facts.remains.iter();
    remains.find(|path| path.starts_with(CONFIGURATION))
}

/// Refuses to take hosts without data for a new cluster where something is left of one.
///
/// # Errors
/// Something is, and nobody asked for a new one.
pub fn none(
    inventory: &Inventory,
    world: &BTreeMap<String, Facts>,
    intent: &Intent,
) -> Result<(), Problem> {
    if *intent == Intent::NewCluster {
        return Ok(());
    }
    let found = found(inventory, world);
    if found.is_empty() {
        return Ok(());
    }
    let members: Vec<&String> = inventory.group("postgres").iter().collect();
    Err(Problem::refused(format!(
        "there was a cluster, and no data of it are on {}",
        list(&members)
    ))
    .because(found.join("; "))
    .hint("mount or restore what is missing; where it is gone for good, `pgha apply INVENTORY --new-cluster` makes a new and empty one"))
}

fn found(inventory: &Inventory, world: &BTreeMap<String, Facts>) -> Vec<String> {
    let mut found = Vec::new();
    for (host, facts) in world {
        // A witness is a cluster of its own, and its configuration tells of no other.
        let own =
            |path: &&String| inventory.is_in(host, "postgres") || !path.starts_with(CONFIGURATION);
        let paths = facts.remains.iter().filter(own);
        found.extend(paths.map(|path| format!("`{path}` is there on `{host}`")));
        let nodes = facts
            .server
            .answers()
            .into_iter()
            .flat_map(|server| &server.nodes);
        let members = nodes.filter(|(_, node)| node.kind != "witness");
        let names: Vec<&String> = members.map(|(name, _)| name).collect();
        if !names.is_empty() {
            found.push(format!("{} are registered on `{host}`", list(&names)));
        }
    }
    found
}
