//! Who is registered with repmgr, and not in the inventory. Such a node may be promoted, and nobody would look at it; an inventory
//! from before it joined would take away what it needs. So nothing is planned without it: it is put back, or it leaves. Only a
//! failover goes on, where somebody has made sure that it takes no writes, and has named it.

use std::collections::BTreeMap;

use super::Intent;
use crate::facts::{Facts, NodeRecord, Server};
use crate::inventory::Inventory;
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
    let is_declared = |name: &String| {
        inventory.is_in(name, "postgres")
            || inventory.is_in(name, "witness")
            || Some(name) == leaving
    };
    let nodes = nodes(inventory, world).into_iter();
    let strangers = nodes.filter(|(name, _)| !is_declared(name));
    let (named, others): (Vec<_>, Vec<_>) = strangers.partition(|(name, _)| {
        let failover = intent.failover();
        failover.is_some_and(|failover| failover.without.contains(name))
    });
    let others = others.into_iter();
    let problems: Vec<Problem> = others
        .map(|(name, node)| stranger(name, node, intent))
        .collect();
    match problems.is_empty() {
        true => Ok(named.into_iter().map(|(name, _)| name.clone()).collect()),
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

/// The name as a shell takes it: what a table holds is anything.
fn word(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name.chars().all(is_plain) {
        true => name.to_owned(),
        false => shell::quote(name),
    }
}

fn stranger(name: &str, node: &NodeRecord, intent: &Intent) -> Problem {
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
    .hint(match intent.failover() {
        Some(_) => format!(
            "put it back into the inventory; or make sure on its host that it takes no writes nor will, and name it: `--without {}`",
            word(name)
        ),
        None => format!(
            "put it back into the inventory, or let it leave the cluster: `pgha remove INVENTORY {}`",
            word(name)
        ),
    })
}
