//! Who is a node by the manager's record, and not in the inventory. Such a node may be promoted, and nobody would look at it; an inventory
//! from before it joined would take away what it needs. So nothing is planned without it: it is put back, or it leaves.

use std::collections::BTreeMap;

use super::Intent;
use crate::facts::{Facts, NodeRecord, Server};
use crate::inventory::Inventory;
use crate::manager::{Manager, slot_of_copy};
use crate::postgres::conninfo::Conninfo;
use crate::problem::{Problem, Problems};
use crate::shell;

/// Refuses to plan without a node that is registered; but for the one that is to leave.
///
/// # Errors
/// Each of them, by name.
pub fn all_declared(
    inventory: &Inventory,
    world: &BTreeMap<String, Facts>,
    intent: &Intent,
) -> Result<(), Problems> {
    let leaving = intent.removal().map(|removal| &removal.node);
    let is_declared = |name: &String| {
        inventory.is_in(name, "postgres")
            || inventory.is_in(name, "witness")
            || Some(name) == leaving
    };
    let problems: Vec<Problem> = match inventory.cluster.manager {
        Manager::Repmgr => {
            let nodes = nodes(inventory, world).into_iter();
            let strangers = nodes.filter(|(name, _)| !is_declared(name));
            strangers.map(|(name, node)| stranger(name, node)).collect()
        }
        Manager::None => slots_of_strangers(inventory, world, leaving),
    };
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Problems(problems)),
    }
}

/// The primary's table, or else those of the standbys. A witness has a copy, which may be an old one.
fn nodes<'w>(
    inventory: &Inventory,
    world: &'w BTreeMap<String, Facts>,
) -> BTreeMap<&'w String, &'w NodeRecord> {
    let members = inventory.group("postgres").iter();
    let servers: Vec<&Server> = members
        .filter_map(|name| world.get(name)?.server.answers())
        .collect();
    let primary = servers.iter().position(|server| !server.in_recovery);
    let servers = match primary {
        Some(index) => &servers[index..=index],
        None => &servers[..],
    };
    servers.iter().flat_map(|server| &server.nodes).collect()
}

/// Without repmgr the primary's slots are the record.
fn slots_of_strangers(
    inventory: &Inventory,
    world: &BTreeMap<String, Facts>,
    leaving: Option<&String>,
) -> Vec<Problem> {
    let members = inventory.group("postgres").iter();
    let servers = members
        .clone()
        .filter_map(|name| world.get(name)?.server.answers());
    let mut primaries = servers.filter(|server| !server.in_recovery);
    let manager = inventory.cluster.manager;
    let slot = |name: &String| manager.slot(name, 0);
    let known: Vec<String> = members
        .chain(leaving)
        .flat_map(|name| [slot(name), slot_of_copy(&slot(name))])
        .collect();
    let slots = primaries
        .next()
        .into_iter()
        .flat_map(|server| &server.slots);
    slots
        .filter(|(slot, _)| !known.contains(slot))
        .filter_map(|(slot, seen)| {
            let member = manager.member_of(slot)?;
            let what = format!("the slot `{slot}` on the primary is a member's that is not in the inventory");
            let used = if seen.active { "it streams" } else { "nobody uses it" };
            Some(Problem::refused(what).because(used).hint(format!(
                "put it back into the inventory, or let it leave the cluster: `pgha remove INVENTORY {}`",
                word(member)
            )))
        })
        .collect()
}

/// The name as a shell takes it: what a table holds is anything.
fn word(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name.chars().all(is_plain) {
        true => name.to_owned(),
        false => shell::quote(name),
    }
}

fn stranger(name: &str, node: &NodeRecord) -> Problem {
    let conninfo = Conninfo::parse(&node.conninfo).unwrap_or_default();
    let place = ["host", "port"]
        .into_iter()
        .filter_map(|key| Some(format!("{key} {}", conninfo.get(key)?)));
    let what = format!("as node {}, a {}", node.node_id, node.kind);
    let told: Vec<String> = std::iter::once(what).chain(place).collect();
    Problem::refused(format!(
        "`{name}` is registered with repmgr, and is not in the inventory"
    ))
    .because(told.join(", "))
    .hint(format!(
        "put it back into the inventory, or let it leave the cluster: `pgha remove INVENTORY {}`",
        word(name)
    ))
}
