//! Where repmgr's tables differ from what PostgreSQL says.

use std::collections::BTreeMap;

use super::members::Members;
use super::{Node, Role};
use crate::facts::NodeRecord;
use crate::inventory::Inventory;
use crate::words::list;

/// Compares `repmgr.nodes` on the primary, and the witness's copy of it, with the servers.
pub fn problems(inventory: &Inventory, members: &Members<'_>, nodes: &[Node]) -> Vec<String> {
    let Some((primary, server)) = members
        .primary()
        .and_then(|primary| Some((primary.name, primary.server()?)))
    else {
        return Vec::new();
    };
    let records = &server.nodes;
    if records.is_empty() {
        return vec!["no node is registered with repmgr".to_owned()];
    }
    let mut problems = Vec::new();
    problems.extend(recorded_primary("`repmgr.nodes`", records, primary));
    for witness in members.all.iter().filter(|member| member.is_witness) {
        if let Some(server) = witness.server() {
            let table = format!(
                "the copy of `repmgr.nodes` on the witness `{}`",
                witness.name
            );
            problems.extend(recorded_primary(&table, &server.nodes, primary));
        }
    }
    for node in nodes {
        problems.extend(registered(records, node, primary));
    }
    for name in records.keys() {
        if !inventory.is_node(name) {
            problems.push(format!(
                "`{name}` is registered with repmgr, and is not in the inventory"
            ));
        }
    }
    problems
}

fn recorded_primary(
    table: &str,
    records: &BTreeMap<String, NodeRecord>,
    primary: &str,
) -> Option<String> {
    let recorded: Vec<&str> = records
        .iter()
        .filter(|(_, record)| record.kind == "primary" && record.active)
        .map(|(name, _)| name.as_str())
        .collect();
    match recorded[..] {
        [recorded] if recorded == primary => None,
        [] => Some(format!(
            "{table} knows no active primary, and PostgreSQL says that it is `{primary}`"
        )),
        [recorded] => Some(format!(
            "{table} says that `{recorded}` is the primary, and PostgreSQL says that it is `{primary}`"
        )),
        _ => Some(format!(
            "{table} says that {} are primaries, and PostgreSQL says that it is `{primary}`",
            list(&recorded)
        )),
    }
}

/// The record of one node, against what the node does. That a node is down or unreachable says nothing about its record.
fn registered(records: &BTreeMap<String, NodeRecord>, node: &Node, primary: &str) -> Vec<String> {
    let name = &node.name;
    if !matches!(node.role, Role::Primary | Role::Standby | Role::Witness) {
        return Vec::new();
    }
    let Some(record) = records.get(name) else {
        return vec![format!("`{name}` is not registered with repmgr")];
    };
    let mut problems = Vec::new();
    if !record.active {
        problems.push(format!(
            "`{name}` runs, and is registered with repmgr as inactive"
        ));
    }
    let upstream = match node.role {
        Role::Standby => node.upstream.as_deref(),
        Role::Witness => Some(primary),
        _ => None,
    };
    if let Some(upstream) = upstream {
        let recorded = record.upstream_node_id.map(|id| {
            let found = records.iter().find(|(_, record)| record.node_id == id);
            found.map_or_else(
                || format!("node {id}, which is not registered"),
                |(name, _)| format!("`{name}`"),
            )
        });
        if recorded.as_deref() != Some(&format!("`{upstream}`")) {
            let recorded = recorded.as_deref().unwrap_or("nobody");
            problems.push(match node.role {
                Role::Witness => format!(
                    "the witness `{name}` is registered with repmgr as following {recorded}: who follows `{upstream}` does not ask it in an election"
                ),
                _ => format!(
                    "`{name}` streams from `{upstream}`, and is registered with repmgr as following {recorded}"
                ),
            });
        }
    }
    problems
}
