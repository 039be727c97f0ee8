//! `failover_gate`: nothing forbids that this standby takes a dead primary's place, and what may be lost by it is told before.

use serde::Deserialize;

use super::{Resource, Verdict, View};
use crate::facts::{Facts, Probe};
use crate::plan::{Intent, place, reached};
use crate::postgres::synchronous::Synchronous;
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
        vec![view.cluster_probe()]
    }

    fn refusals(&self, view: &View<'_>) -> Vec<Problem> {
        let (Intent::Failover(failover), Some(dead)) = (view.intent, &view.topology.outgoing)
        else {
            return Vec::new();
        };
        let writers = view.untold_members().filter(|(.., writes)| *writes);
        let mut found: Vec<Problem> = writers
            .map(|(name, untold, _)| {
                let what = format!(
                    "PostgreSQL on `{name}` is there and does not tell what it is: {}; it may be taking writes",
                    untold.why
                );
                untold.refuses(what).hint(format!(
                    "{}; or stop it: `systemctl stop postgresql@*` on `{name}`",
                    untold.why.hint()
                ))
            })
            .collect();
        if view.world.contains_key(dead) || failover.fenced_by.is_some() {
            return found;
        }
        found.push(
            Problem::refused(format!(
                "the host of the primary `{dead}` does not answer: it may be taking writes"
            ))
            .hint("make sure that it cannot (its power, its hypervisor, its network), and say how: `--fenced-by \"powered off\"`"),
        );
        found
    }

    fn warnings(&self, view: &View<'_>) -> Vec<String> {
        let (Intent::Failover(failover), Some(dead)) = (view.intent, &view.topology.outgoing)
        else {
            return Vec::new();
        };
        let mut told = vec![loss(view, dead)];
        let facts = view.world.get(dead);
        if let Some(untold) = facts.and_then(|facts| facts.server.untold()) {
            told.push(format!(
                "PostgreSQL on `{dead}` is there, and may be taking writes ({}): it is stopped without being asked",
                untold.why
            ));
        }
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
            .filter(|name| *name != dead)
            .filter(|name| {
                let facts = view.world.get(*name);
                facts.is_none_or(|facts| facts.server.untold().is_some())
            })
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

/// What may be lost. A commit that waited for `k` of `n` standbys is on one of those that answer if fewer than `k` do not;
/// and the successor has all that any of those has.
fn loss(view: &View<'_>, dead: &str) -> String {
    let Some(server) = view.server() else {
        return String::new();
    };
    let raw = |name: &str| {
        server
            .settings
            .get(name)
            .map(|setting| setting.raw.as_str())
    };
    let waits = raw("synchronous_commit").is_none_or(|level| !matches!(level, "off" | "local"));
    let names = raw("synchronous_standby_names").and_then(Synchronous::parse);
    if let Some(synchronous) = names.filter(|_| waits) {
        let others = view.topology.members.iter();
        let others =
            others.filter(|member| member.name != dead && synchronous.includes(&member.name));
        let (answer, missing): (Vec<_>, Vec<_>) = others.partition(|member| {
            let server = view
                .world
                .get(&member.name)
                .and_then(|facts| facts.server.answers());
            server.is_some_and(|server| server.in_recovery && reached(server).1.0 > 0)
        });
        if !answer.is_empty() && missing.len() < synchronous.count {
            return format!(
                "nothing that was acknowledged is lost, unless a session asked not to wait: replication is synchronous, and `{}` has all that those have who answer",
                view.host
            );
        }
    }
    format!(
        "what `{dead}` wrote after {}, and nobody who answers got, is not in the cluster any more; how much that is, is known when it comes back (`pgha rejoin`)",
        place(server)
    )
}
