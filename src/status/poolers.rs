//! The poolers, and where they send clients.

use std::collections::{BTreeMap, BTreeSet};

use super::Pooler;
use super::members::{Members, address};
use crate::facts::{self, Facts};
use crate::inventory::Inventory;
use crate::problem::Problem;
use crate::words::list;

/// The rows of the poolers that were asked, in the inventory's order, and what is wrong with them.
pub fn assess(
    inventory: &Inventory,
    seen: &BTreeMap<String, Result<Facts, Problem>>,
    members: &Members<'_>,
) -> (Vec<Pooler>, Vec<String>) {
    let mut rows = Vec::new();
    let mut problems = Vec::new();
    for name in inventory.group("pgbouncer") {
        let Some(seen) = seen.get(name) else { continue };
        let mut row = Pooler {
            name: name.clone(),
            target: None,
            paused: None,
        };
        // That a host is unreachable is told with the other hosts.
        if let Ok(facts) = seen {
            match &facts.pooler {
                Some(pooler) => problems.extend(one(inventory, members, pooler, &mut row)),
                None => problems.push(silent(name, facts)),
            }
        }
        rows.push(row);
    }
    (rows, problems)
}

fn silent(name: &str, facts: &Facts) -> String {
    match facts.units.get("pgbouncer") {
        Some(unit) if unit.is_running() => {
            format!("pgbouncer on `{name}` runs, and its admin console does not answer")
        }
        Some(unit) if unit.load == "not-found" || unit.load.is_empty() => {
            format!("pgbouncer is not installed on `{name}`")
        }
        _ => format!("pgbouncer on `{name}` is stopped"),
    }
}

fn one(
    inventory: &Inventory,
    members: &Members<'_>,
    pooler: &facts::Pooler,
    row: &mut Pooler,
) -> Vec<String> {
    let mut problems = Vec::new();
    let name = row.name.clone();
    let is_paused = |database: &facts::PoolerDatabase| database.paused;
    row.paused = Some(pooler.paused || pooler.databases.values().any(is_paused));
    let targets: BTreeSet<String> = pooler
        .databases
        .values()
        .map(|database| target(inventory, &name, database))
        .collect();
    let targets = targets.into_iter().collect::<Vec<_>>();
    match &targets[..] {
        [] => problems.push(format!("`{name}` serves no database")),
        [target] => {
            row.target = Some(target.clone());
            if !inventory.is_in(target, "postgres") {
                problems.push(format!(
                    "`{name}` sends clients to `{target}`, which is no member"
                ));
            } else if let Some(primary) = members.primary()
                && primary.name != target
            {
                problems.push(format!(
                    "`{name}` sends clients to `{target}`, and the primary is `{}`",
                    primary.name
                ));
            }
        }
        _ => problems.push(format!(
            "`{name}` sends clients to different servers: {}",
            list(&targets)
        )),
    }
    problems
}

/// The member at which a database leads, or `host:port`.
fn target(inventory: &Inventory, pooler: &str, database: &facts::PoolerDatabase) -> String {
    let is_local = database.host.is_empty() || database.host.starts_with('/');
    let mut members = inventory.group("postgres").iter();
    let member = members.find(|name| {
        let host = &inventory.hosts[*name];
        let is_same = if is_local {
            *name == pooler
        } else {
            host.address() == database.host
        };
        is_same && host.variables.postgresql_port == database.port
    });
    match member {
        Some(member) => member.clone(),
        None if is_local => address(pooler, database.port),
        None => address(&database.host, database.port),
    }
}
