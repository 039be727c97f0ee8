//! The resource `postgresql_slots`.
//!
//! The primary has one for every other member; so has the candidate of a handover, since those who follow it must not miss
//! what it writes before they do. A standby has none: what nobody uses keeps WAL until the disk is full.

use schemars::JsonSchema;
use serde::Deserialize;

use super::postgresql_role::{role, sql};
use super::{Draft, Resource, Verdict, View};
use crate::condition::Condition;
use crate::facts::{Facts, Probe, Slot};
use crate::manager::Manager;
use crate::plan::{Action, Member, Op};
use crate::postgres::ident::quote_literal;
use crate::problem::Problem;

/// One physical replication slot for every member that follows this one. Unused slots of repmgr's that belong to no member are
/// dropped: they would keep WAL until the disk is full.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresqlSlots {
    /// Members that need one, or will; by default all others on the primary, and none on a standby.
    #[serde(default)]
    members: Option<Vec<String>>,
}

impl PostgresqlSlots {
    /// The members that follow this one. A former primary that stands still cannot use a slot, and WAL would pile up in it;
    /// but for one that comes back.
    fn followers<'v>(&self, view: &View<'v>) -> Vec<&'v Member> {
        let others = view.topology.members.iter();
        let others = others.filter(|member| member.name != view.host);
        others
            .filter(|member| match &self.members {
                Some(members) => members.contains(&member.name),
                None => {
                    let comes_back = view
                        .intent
                        .returning()
                        .is_some_and(|returning| returning.member == member.name);
                    view.is_primary() && (comes_back || !view.is_former_primary(&member.name))
                }
            })
            .collect()
    }

    /// Slots that should be there and are not, or keep nothing any more.
    fn missing(&self, view: &View<'_>) -> Vec<String> {
        let slots = view.server().map(|server| &server.slots);
        let is_there = |slot: &String| {
            let slot = slots.and_then(|slots| slots.get(slot));
            slot.is_some_and(|slot| !is_lost(slot))
        };
        self.followers(view)
            .into_iter()
            .map(|member| member.slot.clone())
            .filter(|slot| !is_there(slot))
            .collect()
    }

    /// Members' slots that nobody uses and nobody needs. Slots with other names are somebody else's.
    fn orphaned(&self, view: &View<'_>) -> Vec<String> {
        let Some(server) = view.server() else {
            return Vec::new();
        };
        let left = gone(view);
        let is_left = |name: &String| left.iter().any(|member| member.slot == *name);
        let mut needed = self.followers(view);
        if view.is_primary() && self.members.is_none() {
            // A former primary's stays until it is known what becomes of it.
            needed = view.topology.standbys().collect();
        }
        server
            .slots
            .iter()
            .filter(|(name, slot)| {
                slot.left.is_some()
                    || Manager::is_of_a_member(name)
                        && (!slot.active || is_left(name))
                        && !needed.iter().any(|member| member.slot == **name)
            })
            .map(|(name, _)| name.clone())
            .collect()
    }
}

/// One that is not there any more, was not made before what is being undone failed, or came into use meanwhile (a standby that
/// still follows a member which is back), is no mistake.
pub fn drop_slot(slot: &str) -> String {
    format!(
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = {} and not active",
        quote_literal(slot)
    )
}

/// Whether its WAL is gone: it keeps none any more, for good (`max_slot_wal_keep_size`).
fn is_lost(slot: &Slot) -> bool {
    slot.wal_status.as_deref() == Some("lost")
}

/// Members that follow another one by now, or will when this step's turn comes: what they used here is used no more.
fn gone<'v>(view: &View<'v>) -> Vec<&'v Member> {
    let members = &view.topology.members;
    let upstream = |member: &&Member| {
        let server = view.world.get(&member.name)?.server.answers()?;
        let receiver = server.receiver.as_ref()?;
        members.iter().find(|other| {
            receiver.host.as_deref() == Some(other.address.as_str())
                && receiver.port == Some(other.port)
        })
    };
    let follows_another =
        |member: &&Member| upstream(member).is_some_and(|other| other.name != view.host);
    members.iter().filter(follows_another).collect()
}

impl Resource for PostgresqlSlots {
    fn subject(&self) -> String {
        "replication slots".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![view.cluster_probe()]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let mut named = self.members.iter().flatten();
        if let Some(unknown) = named.find(|name| view.topology.member(name).is_none()) {
            return Err(Problem::input(format!("`{unknown}` is no member"))
                .hint("`members` names those that follow this one"));
        }
        let (missing, orphaned) = (self.missing(view), self.orphaned(view));
        if missing.is_empty() && orphaned.is_empty() {
            return Ok(Verdict::AsDeclared);
        }
        let mut draft = Draft::new(if missing.is_empty() {
            Action::Remove
        } else {
            Action::Create
        })
        .guard(role(view));
        let slots = view.server().map(|server| &server.slots);
        for slot in missing {
            // `true`: WAL is kept from now on, not only from the first connection.
            let create = format!(
                "select pg_create_physical_replication_slot({}, true)",
                quote_literal(&slot)
            );
            let is_there = slots.is_some_and(|slots| slots.contains_key(&slot));
            let before = is_there.then(|| "lost".to_owned());
            if is_there {
                draft = draft.op(sql(view, &drop_slot(&slot)));
            }
            draft = draft
                .field(&slot, before, "reserved")
                .op(sql(view, &create));
        }
        let is_active = |slot: &String| {
            let slot = slots.and_then(|slots| slots.get(slot));
            slot.is_some_and(|slot| slot.active || slot.left.is_some())
        };
        let left = gone(view).into_iter();
        let left = left.filter(|member| is_active(&member.slot) && orphaned.contains(&member.slot));
        draft = draft.after(left.map(|member| member.name.clone()));
        let used = slots.into_iter().flatten();
        let used = used.filter(|(name, _)| orphaned.contains(name));
        draft = draft.after(used.filter_map(|(_, slot)| slot.left.clone()));
        for slot in orphaned {
            if is_active(&slot) {
                draft = draft.op(Op::Wait {
                    until: Condition::Sql {
                        port: view.port(),
                        database: "postgres".to_owned(),
                        query: format!(
                            "select not exists (select from pg_replication_slots where active and slot_name = {})",
                            quote_literal(&slot)
                        ),
                    },
                    timeout_seconds: 30,
                });
            }
            let mut members = view.topology.members.iter();
            let state = match members.any(|member| member.slot == slot) {
                true => "unused",
                false => "unused, no member's",
            };
            draft = draft
                .field(&slot, state, None)
                .op(sql(view, &drop_slot(&slot)));
        }
        Ok(draft.into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        let (missing, orphaned) = (self.missing(view), self.orphaned(view));
        let Some(server) = facts.server.answers_mut() else {
            return;
        };
        for slot in missing {
            server.slots.insert(slot, Slot::default());
        }
        for slot in orphaned {
            server.slots.remove(&slot);
        }
    }
}
