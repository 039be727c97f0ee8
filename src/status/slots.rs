//! Replication slots: those that members need, and those that keep WAL for nobody.

use super::members::{Member, Members};
use super::replication::{Upstream, upstream};
use crate::inventory::Inventory;
use crate::manager::Manager;

/// Slots that are missing, unused, lost, or left over; also those that are nobody's of the members, while nobody uses them.
pub fn problems(inventory: &Inventory, members: &Members<'_>) -> Vec<String> {
    let mut problems = Vec::new();
    let needed: Vec<(&Member<'_>, &Member<'_>, String)> = members
        .all
        .iter()
        .filter(|member| !member.is_witness)
        .filter_map(|member| {
            let upstream = holder(members, member)?;
            let slot = slot(inventory, members, member)?;
            Some((member, upstream, slot))
        })
        .collect();
    for (member, upstream, slot) in &needed {
        let (name, at) = (member.name, upstream.name);
        let seen = upstream.server().and_then(|server| server.slots.get(slot));
        problems.extend(match seen {
            None => Some(format!(
                "the slot `{slot}` of `{name}` is missing on `{at}`: no WAL is kept for it"
            )),
            Some(seen) if seen.wal_status.as_deref() == Some("lost") => Some(format!(
                "the slot `{slot}` of `{name}` on `{at}` is lost: WAL that `{name}` may need is gone"
            )),
            Some(seen) if !seen.active => Some(format!(
                "the slot `{slot}` of `{name}` on `{at}` is inactive: WAL piles up until it is used"
            )),
            Some(_) => None,
        });
    }
    problems.extend(orphaned(inventory, members, &needed));
    problems
}

/// Where a member's slot must be: on the member it streams from, else on the primary.
fn holder<'m, 'a>(members: &'m Members<'a>, member: &Member<'a>) -> Option<&'m Member<'a>> {
    let received = member
        .server()
        .filter(|server| server.in_recovery)
        .and_then(|server| upstream(members, server));
    let holder = match received {
        Some(Upstream::Member(upstream)) => upstream,
        Some(Upstream::Foreign(_)) => return None,
        None => members.primary()?,
    };
    (holder.name != member.name && holder.server().is_some()).then_some(holder)
}

/// The name of a member's slot: as registered, else by its declared id.
fn slot(inventory: &Inventory, members: &Members<'_>, member: &Member<'_>) -> Option<String> {
    slot_of(inventory, members, member.name)
}

fn slot_of(inventory: &Inventory, members: &Members<'_>, name: &str) -> Option<String> {
    let manager = inventory.cluster.manager;
    if !manager.is_repmgr() {
        return Some(manager.slot(name, 0));
    }
    let mut tables = members.primary().into_iter().chain(&members.all);
    let record = tables.find_map(|member| member.server()?.nodes.get(name));
    let by_id = |id: u32| manager.slot(name, id);
    match record {
        Some(record) => Some(
            record
                .slot_name
                .clone()
                .unwrap_or_else(|| by_id(record.node_id)),
        ),
        None => inventory
            .hosts
            .get(name)?
            .variables
            .repmgr_node_id
            .map(by_id),
    }
}

/// On the primary, the slots of no member; on a standby, those of nobody who streams from it.
fn orphaned(
    inventory: &Inventory,
    members: &Members<'_>,
    needed: &[(&Member<'_>, &Member<'_>, String)],
) -> Vec<String> {
    let Some(primary) = members.primary() else {
        return Vec::new();
    };
    let of_members: Vec<String> = inventory
        .group("postgres")
        .iter()
        .filter(|name| *name != primary.name)
        .filter_map(|name| slot_of(inventory, members, name))
        .collect();
    let mut problems = Vec::new();
    for member in members.all.iter().filter(|member| !member.is_witness) {
        let Some(server) = member.server() else {
            continue;
        };
        for (slot, seen) in &server.slots {
            let is_needed = if member.name == primary.name {
                of_members.contains(slot)
            } else {
                needed
                    .iter()
                    .any(|(_, holder, needed)| holder.name == member.name && needed == slot)
            };
            if seen.active || is_needed {
                continue;
            }
            problems.push(match Manager::is_of_a_member(slot) {
                true => format!(
                    "the slot `{slot}` on `{}` is orphaned: it keeps WAL for nobody",
                    member.name
                ),
                false => format!(
                    "the slot `{slot}` on `{}` is no member's, and nobody uses it: WAL piles up (hint: `select pg_drop_replication_slot('{slot}')` there, unless somebody comes back for it)",
                    member.name
                ),
            });
        }
    }
    problems
}
