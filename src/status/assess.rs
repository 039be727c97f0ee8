//! From facts to a status: pure.

use std::collections::BTreeMap;

use super::members::Members;
use super::words::told;
use super::{FailoverMode, Status, poolers, questions, registration, replication, slots};
use crate::facts::Facts;
use crate::inventory::Inventory;
use crate::plan::fails_over;
use crate::problem::Problem;
use crate::words::list;

/// The state of the cluster. `seen` holds the hosts that were asked; those outside a `--limit` are not in it, and are
/// left out.
pub fn assess(inventory: &Inventory, seen: &BTreeMap<String, Result<Facts, Problem>>) -> Status {
    let members = Members::new(inventory, seen);
    let nodes: Vec<_> = members
        .all
        .iter()
        .map(|member| members.node(member))
        .collect();
    let mut problems = hosts(inventory, seen);
    problems.extend(members.problems());
    problems.extend(switched_off(inventory, seen));
    problems.extend(replication::problems(&members, &nodes));
    if inventory.cluster.manager.is_repmgr() {
        problems.extend(registration::problems(inventory, &members, &nodes));
    }
    problems.extend(slots::problems(inventory, &members));
    problems.extend(pending(&members));
    let (poolers, found) = poolers::assess(inventory, seen, &members);
    problems.extend(found);
    Status {
        cluster: inventory.cluster.name.clone(),
        failover: failover(inventory, seen),
        healthy: problems.is_empty(),
        nodes,
        poolers,
        problems,
    }
}

/// What becomes of a primary that dies.
fn failover(
    inventory: &Inventory,
    seen: &BTreeMap<String, Result<Facts, Problem>>,
) -> FailoverMode {
    let world = seen.iter();
    let world =
        world.filter_map(|(host, facts)| Some((host.clone(), facts.as_ref().ok()?.clone())));
    if fails_over(inventory, &world.collect()) {
        FailoverMode::Automatic
    } else {
        FailoverMode::Manual
    }
}

/// Hosts that could not be asked.
fn hosts(inventory: &Inventory, seen: &BTreeMap<String, Result<Facts, Problem>>) -> Vec<String> {
    questions::hosts(inventory)
        .iter()
        .filter_map(|host| Some(told(host, seen.get(host)?.as_ref().err()?)))
        .collect()
}

/// What keeps the cluster safe and is switched off.
fn switched_off(
    inventory: &Inventory,
    seen: &BTreeMap<String, Result<Facts, Problem>>,
) -> Vec<String> {
    let hosts = questions::hosts(inventory).into_iter();
    hosts
        .filter_map(|host| Some((seen.get(&host)?.as_ref().ok()?, host)))
        .flat_map(|(facts, host)| {
            let off = inventory.part(&host).off(facts).into_iter();
            off.map(move |what| format!("`{host}`: {what}"))
        })
        .collect()
}

/// Settings that only a restart will bring.
fn pending(members: &Members<'_>) -> Vec<String> {
    members
        .all
        .iter()
        .filter_map(|member| {
            let settings = &member.server()?.settings;
            let names: Vec<&String> = settings
                .iter()
                .filter(|(_, setting)| setting.pending_restart)
                .map(|(name, _)| name)
                .collect();
            let wait = if names.len() == 1 { "waits" } else { "wait" };
            (!names.is_empty())
                .then(|| format!("{} on `{}` {wait} for a restart", list(&names), member.name))
        })
        .collect()
}
