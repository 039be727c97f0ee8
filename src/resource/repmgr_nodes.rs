//! The resource `repmgr_nodes`.
//!
//! One transaction, so that nobody reads two primaries in the table.

use schemars::JsonSchema;
use serde::Deserialize;

use super::postgresql_role::on_primary;
use super::programs::SWITCHOVER;
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, NodeRecord, Probe};
use crate::plan::Action;
use crate::problem::Problem;

/// On the primary: every row of `repmgr.nodes` says what the node is, written in one transaction.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepmgrNodes {}

/// A row as it should be: what the node is, and whom it follows.
fn wanted(view: &View<'_>, name: &str, seen: &NodeRecord) -> NodeRecord {
    let primary = view.topology.member(&view.topology.primary);
    let is_primary = name == view.topology.primary;
    let is_there = |facts: &Facts| !facts.server.is_down();
    // In a handover the old primary is down, and about to run again.
    let runs = is_primary
        || view.world.get(name).is_some_and(is_there)
        || view.intent.handover().is_some();
    NodeRecord {
        // A dead primary is none any more; a standby that is down may only be so for a moment.
        active: runs || (seen.active && seen.kind != "primary"),
        kind: match &*seen.kind {
            "witness" => "witness",
            _ if is_primary => "primary",
            _ => "standby",
        }
        .to_owned(),
        upstream_node_id: primary
            .filter(|_| !is_primary)
            .map(|primary| primary.node_id),
        ..seen.clone()
    }
}

impl Resource for RepmgrNodes {
    fn subject(&self) -> String {
        "repmgr.nodes".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![view.cluster_probe()]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let nodes = view.server().map(|server| &server.nodes);
        let mut draft = Draft::new(Action::Update).guard(on_primary(view)?);
        for (name, seen) in nodes.into_iter().flatten() {
            let wanted = wanted(view, name, seen);
            if *seen != wanted {
                draft = draft.field(name, words(view, seen), words(view, &wanted));
            }
        }
        if draft.fields.is_empty() {
            return Ok(Verdict::AsDeclared);
        }
        let failed = nodes.into_iter().flatten();
        let failed = failed.filter(|(name, seen)| !wanted(view, name, seen).active);
        let argv = [SWITCHOVER, "record"].into_iter();
        let argv = argv.chain(failed.map(|(name, _)| name.as_str()));
        Ok(draft.run("root", argv).into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        let nodes = facts
            .server
            .answers_mut()
            .into_iter()
            .flat_map(|server| &mut server.nodes);
        for (name, node) in nodes {
            *node = wanted(view, name, node);
        }
    }
}

fn words(view: &View<'_>, node: &NodeRecord) -> String {
    let of = |id| {
        let mut members = view.topology.members.iter();
        members.find(|member| member.node_id == id)
    };
    let upstream = node.upstream_node_id.and_then(of);
    let upstream = upstream.map_or_else(String::new, |member| format!(" of {}", member.name));
    let state = if node.active { "" } else { ", failed" };
    format!("{}{upstream}{state}", node.kind)
}
