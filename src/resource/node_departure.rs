//! The resource `node_departure`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::postgresql_role::{on_primary, sql};
use super::postgresql_slots::drop_slot;
use super::{Draft, Resource, Verdict, View};
use crate::condition::Condition;
use crate::facts::{Facts, NodeRecord, Probe, Server};
use crate::plan::{Action, Op};
use crate::postgres::ident::quote_literal;
use crate::postgres::synchronous::Synchronous;
use crate::problem::Problem;

/// On the primary: the registration and the replication slot of a node that leaves are removed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeDeparture {}

/// The node that leaves, as the manager's record has it.
struct Leaving<'v> {
    name: &'v str,
    /// In repmgr's table, where there is one.
    record: Option<&'v NodeRecord>,
    slot: String,
}

fn leaving<'v>(view: &View<'v>) -> Option<Leaving<'v>> {
    let name = view.intent.removal()?.node.as_str();
    let server = view.server()?;
    let manager = view.inventory.cluster.manager;
    let record = server.nodes.get(name).filter(|_| manager.is_repmgr());
    let slot = manager.slot(name, record.map_or(0, |record| record.node_id));
    let is_known = record.is_some() || server.slots.contains_key(&slot);
    is_known.then_some(Leaving { name, record, slot })
}

/// Whether it receives WAL from this server.
fn streams(server: &Server, leaving: &Leaving<'_>) -> bool {
    let slot = server.slots.get(&leaving.slot);
    slot.is_some_and(|slot| slot.active) || server.senders.contains_key(leaving.name)
}

/// `synchronous_standby_names`, if commits would wait for ever without the node.
fn is_waited_for<'v>(view: &View<'v>, name: &str) -> Option<&'v str> {
    let text = view.server()?.settings.get("synchronous_standby_names")?;
    let names = Synchronous::parse(&text.raw).filter(|names| names.includes(name))?;
    let others = view.topology.standbys();
    let others = others.filter(|member| names.includes(&member.name)).count();
    (others < names.count).then_some(&text.raw)
}

impl Resource for NodeDeparture {
    fn subject(&self) -> String {
        "node".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![view.cluster_probe()]
    }

    fn refusals(&self, view: &View<'_>) -> Vec<Problem> {
        let Some(server) = view.server() else {
            return vec![
                Problem::refused(
                    "PostgreSQL does not run here, and nobody can be taken out of the cluster",
                )
                .hint("the primary must run: `pgha status INVENTORY` says what is wrong with it"),
            ];
        };
        let Some(leaving) = leaving(view) else {
            return Vec::new();
        };
        let name = leaving.name;
        let mut found = Vec::new();
        if streams(server, &leaving) {
            found.push(
                Problem::refused(format!("`{name}` is not seen to have stopped, and streams from here"))
                    .hint("have it in the inventory, and in reach, so that it can be stopped; or stop PostgreSQL and repmgrd there, and try again"),
            );
        }
        if let Some(names) = is_waited_for(view, name) {
            found.push(
                Problem::refused(format!("commits would wait for ever without `{name}`"))
                    .because(format!("`synchronous_standby_names` is `{names}`"))
                    .hint("change it in `postgresql_settings` and apply, then remove the node"),
            );
        }
        found
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let Some(Leaving { name, record, slot }) = leaving(view) else {
            return Ok(Verdict::AsDeclared);
        };
        let mut draft = Draft::new(Action::Remove)
            .guard(on_primary(view)?)
            .after([name.to_owned()]);
        if let Some(record) = record {
            draft = draft
                .field(
                    name,
                    format!("{}, node {}", kind(record), record.node_id),
                    None,
                )
                .op(unregister(view, name, record.node_id));
        }
        if view
            .server()
            .is_some_and(|server| server.slots.contains_key(&slot))
        {
            let unused = format!(
                "select not exists (select from pg_replication_slots where active and slot_name = {})",
                quote_literal(&slot)
            );
            draft = draft
                .field(&slot, "its slot", None)
                .op(Op::Wait {
                    until: Condition::Sql {
                        port: view.port(),
                        database: "postgres".to_owned(),
                        query: unused,
                    },
                    timeout_seconds: 30,
                })
                .op(sql(view, &drop_slot(&slot)));
        }
        Ok(draft.into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        let (Some(Leaving { name, record, slot }), Some(server)) =
            (leaving(view), facts.server.answers_mut())
        else {
            return;
        };
        let primary = view.topology.member(&view.topology.primary);
        server.slots.remove(&slot);
        let Some(record) = record else { return };
        server.nodes.remove(name);
        for node in server.nodes.values_mut() {
            if node.upstream_node_id == Some(record.node_id) {
                node.upstream_node_id = primary
                    .map(|primary| primary.node_id)
                    .filter(|id| *id != node.node_id);
            }
        }
    }
}

/// Takes a node out of repmgr's table. Who is still recorded as following it follows the primary, or is told so when it is
/// back.
fn unregister(view: &View<'_>, name: &str, id: u32) -> Op {
    let primary = view.topology.member(&view.topology.primary);
    let statement = format!(
        "with moved as (update repmgr.nodes set upstream_node_id = {upstream} where upstream_node_id = {id} and node_id <> {upstream}), \
         gone as (delete from repmgr.nodes where node_id = {id} and node_name = {name} returning node_id) \
         insert into repmgr.events (node_id, event, successful, details) select node_id, 'standby_unregister', true, 'removed by pgha' from gone",
        upstream = primary.map_or(0, |primary| primary.node_id),
        name = quote_literal(name),
    );
    Op::Sql {
        port: view.port(),
        database: view.inventory.cluster.repmgr_database.clone(),
        statement: statement.as_str().into(),
    }
}

/// What a table calls a node, in one of repmgr's own words.
fn kind(record: &NodeRecord) -> &'static str {
    match record.kind.as_str() {
        "witness" => "witness",
        "primary" => "former primary",
        _ => "standby",
    }
}
