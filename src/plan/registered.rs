//! Who is a node by the manager's record, and not in the inventory. Such a node may be promoted, and nobody would look at it; an inventory
//! from before it joined would take away what it needs. So nothing is planned without it: it is put back, or it leaves. Only a
//! failover goes on, where somebody has made sure that it takes no writes, and has named it.

use std::collections::BTreeMap;

use super::Intent;
use crate::facts::{Facts, NodeRecord, Server};
use crate::inventory::Inventory;
use crate::manager::{Manager, slot_of_copy};
use crate::postgres::conninfo::Conninfo;
use crate::problem::{Problem, Problems};
use crate::shell;

/// Refuses to plan without a node that is registered; but for the one that is to leave, and for those that a failover is to do
/// without, which are given.
///
/// # Errors
/// Each of them, by name.
pub fn strangers(
    inventory: &Inventory,
    world: &BTreeMap<String, Facts>,
    intent: &Intent,
) -> Result<Vec<String>, Problems> {
    let leaving = intent.removal().map(|removal| &removal.node);
    let strangers: Vec<(String, Problem)> = match inventory.cluster.manager {
        Manager::Repmgr => nodes(inventory, world)
            .into_iter()
            .filter(|(name, _)| !inventory.is_node(name))
            .filter_map(|(name, node)| {
                let problem = match at(inventory, node) {
                    Some(host) => renamed(name, node, host),
                    None if Some(name) == leaving => return None,
                    None => stranger(name, node, intent),
                };
                Some((name.clone(), problem))
            })
            .collect(),
        Manager::None => slots_of_strangers(inventory, world, leaving),
    };
    let (named, others): (Vec<_>, Vec<_>) = strangers.into_iter().partition(|(name, _)| {
        let failover = intent.failover();
        failover.is_some_and(|failover| failover.without.contains(name))
    });
    let problems: Vec<Problem> = others.into_iter().map(|(_, problem)| problem).collect();
    match problems.is_empty() {
        true => Ok(named.into_iter().map(|(name, _)| name).collect()),
        false => Err(Problems(problems)),
    }
}

/// The primary's table, or else those of the standbys. A witness has a copy, which may be an old one.
pub fn nodes<'w>(
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
) -> Vec<(String, Problem)> {
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
            let what = format!(
                "the slot `{slot}` on the primary is a member's that is not in the inventory"
            );
            let used = if seen.active {
                "it streams"
            } else {
                "nobody uses it"
            };
            let problem = Problem::refused(what)
                .because(used)
                .hint(back_or_out(member));
            Some((member.to_owned(), problem))
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

fn back_or_out(name: &str) -> String {
    format!(
        "put it back into the inventory, or let it leave the cluster: `pgha remove INVENTORY {}`",
        word(name)
    )
}

/// The node of the inventory at whose address that one is.
fn at<'i>(inventory: &'i Inventory, node: &NodeRecord) -> Option<&'i str> {
    let conninfo = Conninfo::parse(&node.conninfo)?;
    let mut nodes = inventory.nodes();
    nodes
        .find(|name| inventory.hosts[*name].is_at(&conninfo))
        .map(String::as_str)
}

/// The same server under two names: a second registration would be one node too many, with an id that nobody knows.
fn renamed(name: &str, node: &NodeRecord, host: &str) -> Problem {
    Problem::refused(format!(
        "this node is registered with repmgr as `{name}`, and the inventory calls it `{host}`"
    ))
    .on(host)
    .because(format!("node {}, {}", node.node_id, place(node)))
    .hint(format!(
        "call the host `{}` in the inventory; `ansible_host` says where it is",
        word(name)
    ))
}

fn place(node: &NodeRecord) -> String {
    let conninfo = Conninfo::parse(&node.conninfo).unwrap_or_default();
    let parts = ["host", "port"].into_iter();
    let parts: Vec<String> = parts
        .filter_map(|key| Some(format!("{key} {}", conninfo.get(key)?)))
        .collect();
    parts.join(", ")
}

fn stranger(name: &str, node: &NodeRecord, intent: &Intent) -> Problem {
    let what = format!("as node {}, a {}", node.node_id, node.kind);
    let told: Vec<String> = [what, place(node)]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    Problem::refused(format!(
        "`{name}` is registered with repmgr, and is not in the inventory"
    ))
    .because(told.join(", "))
    .hint(match intent.failover() {
        Some(_) => format!(
            "put it back into the inventory; or make sure on its host that it takes no writes nor will, and name it: `--without {}`",
            word(name)
        ),
        None => back_or_out(name),
    })
}
