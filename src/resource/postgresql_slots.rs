//! `postgresql_slots`: on the primary, one physical slot for every other member, and none of a member that is gone.

use serde::Deserialize;

use super::postgresql_role::{on_primary, sql};
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Probe, Slot};
use crate::plan::Action;
use crate::postgres::ident::quote_literal;
use crate::problem::Problem;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresqlSlots {}

/// Slots that should be there and are not. A former primary that stands still cannot use one, and WAL would pile up in it.
fn missing(view: &View<'_>) -> Vec<String> {
    view.topology
        .standbys()
        .filter(|member| !view.is_former_primary(&member.name))
        .map(|member| member.slot.clone())
        .filter(|slot| {
            !view
                .server()
                .is_some_and(|server| server.slots.contains_key(slot))
        })
        .collect()
}

/// repmgr's own slots that nobody uses and that no member has: they would keep WAL until the disk is full. Slots with
/// other names are somebody else's.
fn orphaned(view: &View<'_>) -> Vec<String> {
    let Some(server) = view.server() else {
        return Vec::new();
    };
    server
        .slots
        .iter()
        .filter(|(name, slot)| {
            name.starts_with("repmgr_slot_")
                && !slot.active
                && !view.topology.standbys().any(|member| member.slot == **name)
        })
        .map(|(name, _)| name.clone())
        .collect()
}

impl Resource for PostgresqlSlots {
    fn subject(&self) -> String {
        "replication slots".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![view.cluster_probe()]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let (missing, orphaned) = (missing(view), orphaned(view));
        if missing.is_empty() && orphaned.is_empty() {
            return Ok(Verdict::AsDeclared);
        }
        let mut draft = Draft::new(if missing.is_empty() {
            Action::Remove
        } else {
            Action::Create
        })
        .guard(on_primary(view)?);
        for slot in missing {
            // `true`: WAL is kept from now on, not only from the first connection.
            let create = format!(
                "select pg_create_physical_replication_slot({}, true)",
                quote_literal(&slot)
            );
            draft = draft.field(&slot, None, "reserved").op(sql(view, &create));
        }
        for slot in orphaned {
            let drop = format!("select pg_drop_replication_slot({})", quote_literal(&slot));
            draft = draft
                .field(&slot, "unused, no member's", None)
                .op(sql(view, &drop));
        }
        Ok(draft.into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        let (missing, orphaned) = (missing(view), orphaned(view));
        let Some(server) = &mut facts.server else {
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
