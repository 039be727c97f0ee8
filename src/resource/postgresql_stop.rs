//! The resource `postgresql_stop`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::programs::LEAVE;
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Instance, Probe, Unit};
use crate::plan::{Action, Guard};
use crate::problem::Problem;

/// The PostgreSQL of a node that leaves is stopped. A primary's never is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresqlStop {}

impl Resource for PostgresqlStop {
    fn subject(&self) -> String {
        "PostgreSQL".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![view.cluster_probe(), Probe::Unit(view.unit())]
    }

    /// One that does not tell is stopped like any other.
    fn needs_answer(&self, _: &View<'_>) -> bool {
        false
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let unit = view.facts().units.get(&view.unit());
        let Some(data) = &view.facts().data else {
            return Ok(Verdict::AsDeclared);
        };
        let is_running = !view.facts().server.is_down() || unit.is_some_and(Unit::is_running);
        let is_marked = data.fenced || !data.standby_signal;
        if !is_running && is_marked {
            return Ok(Verdict::AsDeclared);
        }
        let mut draft = Draft::new(Action::Stop);
        if is_running {
            draft = draft.field("state", "running", "stopped");
        }
        if !is_marked {
            draft = draft.field("comes back", "by a start", "by `pgha rejoin`");
        }
        // It may be promoted before its turn comes. A witness has none.
        if data.standby_signal {
            draft = draft.guard(Guard::PathExists {
                path: format!("{}/standby.signal", view.data_directory()),
            });
        }
        Ok(draft.run("root", [LEAVE]).into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        facts.server = Instance::Down;
        if let Some(data) = facts.data.as_mut().filter(|data| data.standby_signal) {
            data.fenced = true;
        }
        if let Some(unit) = facts.units.get_mut(&view.unit()) {
            unit.active = "inactive".to_owned();
            unit.sub = "dead".to_owned();
        }
    }

    /// It streams no more.
    fn at_the_primary(&self, view: &View<'_>) -> Option<Facts> {
        let mut facts = view.world.get(&view.topology.primary)?.clone();
        let server = facts.server.answers_mut()?;
        server.senders.remove(view.host);
        let manager = view.inventory.cluster.manager;
        let node = server.nodes.get(view.host).map_or(0, |node| node.node_id);
        if let Some(slot) = server.slots.get_mut(&manager.slot(view.host, node)) {
            slot.active = false;
        }
        Some(facts)
    }
}
