//! The resource `repmgr_registration`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::postgresql_restart::streams;
use super::postgresql_role::is_primary;
use super::view::PASSFILE;
use super::{Draft, Resource, Verdict, View};
use crate::condition::Condition;
use crate::facts::{Facts, NodeRecord, Probe};
use crate::plan::{Action, Guard, Op, Shown};
use crate::problem::Problem;

/// This node is registered in `repmgr.nodes` as what it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepmgrRegistration {
    /// The full path of `repmgr.conf`: repmgr records it, and other nodes call it by that path.
    config_file: String,
}

impl RepmgrRegistration {
    fn wanted(&self, view: &View<'_>) -> Result<NodeRecord, Problem> {
        let node = view.topology.node(view.host).ok_or_else(|| {
            Problem::input(
                "only a host of group `postgres` or `witness` can be registered with repmgr",
            )
            .hint("`hosts: postgres` in the play means the members")
        })?;
        let primary = view.topology.member(&view.topology.primary);
        let follows = !view.is_primary();
        let is_witness = view.is_witness();
        Ok(NodeRecord {
            node_id: node.node_id,
            upstream_node_id: primary.filter(|_| follows).map(|primary| primary.node_id),
            active: true,
            kind: kind(view).to_owned(),
            location: view.variables().repmgr_location.clone(),
            // Nobody can promote a witness.
            priority: if is_witness {
                0
            } else {
                view.variables().repmgr_priority
            },
            conninfo: view.conninfo(view.host).to_string(),
            slot_name: (!is_witness).then(|| node.slot.clone()),
            config_file: self.config_file.clone(),
        })
    }
}

/// What this node is, in repmgr's words.
fn kind(view: &View<'_>) -> &'static str {
    match (view.is_primary(), view.is_witness()) {
        (true, _) => "primary",
        (_, true) => "witness",
        _ => "standby",
    }
}

/// The fields by the names of `repmgr.nodes`.
fn fields(record: &NodeRecord) -> [(&'static str, String); 9] {
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    [
        ("node_id", record.node_id.to_string()),
        ("type", record.kind.clone()),
        ("active", record.active.to_string()),
        (
            "upstream_node_id",
            or_none(record.upstream_node_id.map(|id| id.to_string())),
        ),
        ("location", record.location.clone()),
        ("priority", record.priority.to_string()),
        ("conninfo", record.conninfo.clone()),
        ("slot_name", or_none(record.slot_name.clone())),
        ("config_file", record.config_file.clone()),
    ]
}

impl Resource for RepmgrRegistration {
    fn subject(&self) -> String {
        "repmgr.nodes".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![view.cluster_probe()]
    }

    fn warnings(&self, view: &View<'_>) -> Vec<String> {
        let topology = view.topology;
        if !view.is_primary() || topology.members.len() != 2 || topology.witness.is_some() {
            return Vec::new();
        }
        vec![
            "failover stays manual: of two members neither can tell a dead peer from a cut line; a host in the group `witness`, or a third member, makes it automatic".to_owned(),
        ]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let wanted = self.wanted(view)?;
        // Every node has the table; its own copy shows that the record has reached it. A witness's may be an old one.
        let own = view.server();
        let servers = match (view.is_witness(), view.primary_server()) {
            (true, Some(primary)) => vec![Some(primary), own],
            _ => vec![own],
        };
        let mut records = servers
            .into_iter()
            .map(|server| server.and_then(|server| server.nodes.get(view.host)));
        let Some(seen) = records.find(|seen| *seen != Some(&wanted)) else {
            return Ok(Verdict::AsDeclared);
        };
        if let Some(timeline) = view.astray() {
            return Ok(Verdict::Held {
                what: format!(
                    "it does not stream from `{}`, and is on timeline {timeline}, which that has left",
                    view.topology.primary
                ),
                hint: format!(
                    "`pgha rejoin INVENTORY {}` lets it follow the primary",
                    view.host
                ),
            });
        }
        let mut draft = Draft::new(if seen.is_some() {
            Action::Update
        } else {
            Action::Create
        });
        let before = seen.map(fields);
        for (index, (name, after)) in fields(&wanted).into_iter().enumerate() {
            let before = before.as_ref().map(|fields| fields[index].1.clone());
            if before.as_ref() != Some(&after) {
                draft = draft.field(name, Shown::from(before), after);
            }
        }
        let repmgr = view.program("repmgr");
        // `-F` is repmgr's idempotent form; what it would force has been verified here: role, and attachment below.
        let mut argv = vec![repmgr, "-f".to_owned(), self.config_file.clone()];
        draft = draft.guard(if view.takes_writes() {
            is_primary(view)
        } else {
            Guard::IsStandby { port: view.port() }
        });
        argv.extend([kind(view), "register", "-F"].map(str::to_owned));
        if view.is_primary() {
            return Ok(draft.run("postgres", argv).into());
        }
        if view.is_witness() {
            let primary = view.topology.member(&view.topology.primary);
            argv.extend(primary.into_iter().flat_map(|primary| {
                let (address, port) = (primary.address.clone(), primary.port.to_string());
                ["-h".to_owned(), address, "-p".to_owned(), port]
            }));
            // It copies the table: once everybody is in it.
            let members = view.topology.members.iter();
            let names = members.map(|member| member.name.clone());
            // It makes a connection string of its words, which has no password file.
            let register = Op::Run {
                argv,
                user: "postgres".to_owned(),
                stdin: None,
                environment: vec![("PGPASSFILE".to_owned(), PASSFILE.to_owned())],
            };
            return Ok(draft.after(names).op(register).into());
        }
        argv.extend(
            wanted
                .upstream_node_id
                .map(|id| format!("--upstream-node-id={id}")),
        );
        Ok(draft
            .after([view.topology.primary.clone()])
            .op(streams(view))
            .run("postgres", argv)
            .op(synced(view, wanted.node_id))
            .into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        if let (Ok(wanted), Some(server)) = (self.wanted(view), facts.server.answers_mut()) {
            server.nodes.insert(view.host.to_owned(), wanted);
        }
    }

    fn at_the_primary(&self, view: &View<'_>) -> Option<Facts> {
        let wanted = self.wanted(view).ok().filter(|_| view.is_witness())?;
        let mut facts = view.world.get(&view.topology.primary)?.clone();
        let server = facts.server.answers_mut()?;
        server.nodes.insert(view.host.to_owned(), wanted);
        Some(facts)
    }
}

/// Waits until the record has reached this standby: repmgrd does not start without it. repmgr's own `--wait-sync` looks
/// once a second.
fn synced(view: &View<'_>, node_id: u32) -> Op {
    Op::Wait {
        until: Condition::Sql {
            port: view.port(),
            database: view.inventory.cluster.repmgr_database.clone(),
            query: format!("select active from repmgr.nodes where node_id = {node_id}"),
        },
        timeout_seconds: 30,
    }
}
