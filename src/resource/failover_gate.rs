//! `failover_gate`: nothing forbids that this standby takes a dead primary's place, and what may be lost by it is told before.

mod loss;
mod quorum;

use serde::Deserialize;

use super::{Resource, Verdict, View};
use crate::facts::{Facts, Probe};
use crate::plan::Intent;
use crate::problem::Problem;
use crate::words::list;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailoverGate {}

impl Resource for FailoverGate {
    fn subject(&self) -> String {
        "failover".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![
            view.cluster_probe(),
            Probe::Unit(view.unit()),
            Probe::Content(loss::RECORD.to_owned()),
        ]
    }

    fn refusals(&self, view: &View<'_>) -> Vec<Problem> {
        let (Intent::Failover(failover), Some(dead)) = (view.intent, &view.topology.outgoing)
        else {
            return Vec::new();
        };
        let mut found = quorum::refusals(view, failover);
        if !view.world.contains_key(dead) && failover.fenced_by.is_none() {
            found.insert(
                0,
                Problem::refused(format!(
                    "the host of the primary `{dead}` does not answer: it may be taking writes"
                ))
                .hint("make sure that it cannot (its power, its hypervisor, its network), and say how: `--fenced-by \"powered off\"`"),
            );
        }
        found
    }

    fn warnings(&self, view: &View<'_>) -> Vec<String> {
        let (Intent::Failover(failover), Some(dead)) = (view.intent, &view.topology.outgoing)
        else {
            return Vec::new();
        };
        let mut told = vec![loss::told(view, dead)];
        told.extend(quorum::warning(view));
        if let Some(how) = failover
            .fenced_by
            .as_ref()
            .filter(|_| !view.world.contains_key(dead))
        {
            told.push(format!(
                "`{dead}` was kept from taking writes by hand: {how}"
            ));
        }
        let missing: Vec<&str> = view
            .topology
            .members
            .iter()
            .map(|member| member.name.as_str())
            .filter(|name| *name != dead && !view.world.contains_key(*name))
            .collect();
        if !missing.is_empty() {
            let has = if missing.len() == 1 {
                "it has"
            } else {
                "they have"
            };
            told.push(format!(
                "{} could not be asked how far {has} got",
                list(&missing)
            ));
        }
        told
    }

    fn verdict(&self, _: &View<'_>) -> Result<Verdict, Problem> {
        Ok(Verdict::AsDeclared)
    }

    fn settle(&self, _: &View<'_>, _: &mut Facts) {}
}
