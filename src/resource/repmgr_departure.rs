//! The resource `repmgr_departure`.

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
pub struct RepmgrDeparture {}

/// The node that leaves, as it is registered.
struct Leaving<'v> {
    name: &'v str,
    record: &'v NodeRecord,
    slot: String,
}

fn leaving<'v>(view: &View<'v>) -> Option<Leaving<'v>> {
    let name = view.intent.removal()?.node.as_str();
    let record = view.server()?.nodes.get(name)?;
    Some(Leaving {
        name,
        record,
        slot: format!("repmgr_slot_{}", record.node_id),
    })
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

impl Resource for RepmgrDeparture {
    fn subject(&self) -> String {
        "repmgr.nodes".to_owned()
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
        let primary = view.topology.member(&view.topology.primary);
        let id = record.node_id;
        // Who is still recorded as following it follows the primary, or is told so when it is back.
        let statement = format!(
            "with moved as (update repmgr.nodes set upstream_node_id = {upstream} where upstream_node_id = {id} and node_id <> {upstream}), \
             gone as (delete from repmgr.nodes where node_id = {id} and node_name = {name} returning node_id) \
             insert into repmgr.events (node_id, event, successful, details) select node_id, 'standby_unregister', true, 'removed by pgha' from gone",
            upstream = primary.map_or(0, |primary| primary.node_id),
            name = quote_literal(name),
        );
        let mut draft = Draft::new(Action::Remove)
            .guard(on_primary(view)?)
            .after([name.to_owned()])
            .field(name, format!("{}, node {id}", kind(record)), None)
            .op(Op::Sql {
                port: view.port(),
                database: view.inventory.cluster.repmgr_database.clone(),
                statement: statement.as_str().into(),
            });
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
        server.nodes.remove(name);
        for node in server.nodes.values_mut() {
            if node.upstream_node_id == Some(record.node_id) {
                node.upstream_node_id = primary
                    .map(|primary| primary.node_id)
                    .filter(|id| *id != node.node_id);
            }
        }
        server.slots.remove(&slot);
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
