//! The resource `failover_gate`.

mod loss;
mod quorum;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Resource, Verdict, View};
use crate::facts::{Facts, Probe, Why};
use crate::plan::{Failover, Intent, place};
use crate::problem::Problem;
use crate::words::list;

/// The preflight checks of a failover: refuses it where this standby must not take a dead primary's place, and says before what
/// may be lost.
#[derive(Debug, Deserialize, JsonSchema)]
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
        let Some(failover) = asked(view) else {
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
        found.extend(quorum::refusals(view, failover));
        found.extend(full(view, failover));
        let unseen = unseen(view);
        if unseen.is_empty() || failover.fenced_by.is_some() {
            return found;
        }
        let (does, it) = match unseen.len() {
            1 => ("does", "it"),
            _ => ("do", "one of them"),
        };
        let what = match &view.topology.outgoing {
            Some(dead) => {
                format!("the host of the primary `{dead}` does not answer: it may be taking writes")
            }
            None => format!(
                "it is not known which member was the primary, and {} {does} not answer: {it} may be taking writes",
                list(&unseen)
            ),
        };
        found.push(Problem::refused(what).hint(
            "make sure that it cannot (its power, its hypervisor, its network), and say how: `--fenced-by \"powered off\"`",
        ));
        found
    }

    fn warnings(&self, view: &View<'_>) -> Vec<String> {
        let Some(failover) = asked(view) else {
            return Vec::new();
        };
        let topology = view.topology;
        let mut told = vec![match &topology.outgoing {
            Some(dead) => loss::told(view, dead),
            None => furthest(view),
        }];
        told.extend(quorum::warning(view));
        let dead = topology.outgoing.as_ref();
        let dead = dead.and_then(|dead| Some((dead, view.world.get(dead)?.server.untold()?)));
        if let Some((dead, untold)) = dead {
            told.push(format!(
                "PostgreSQL on `{dead}` is there, and may be taking writes ({}): it is stopped without being asked",
                untold.why
            ));
        }
        let unseen = unseen(view);
        if let Some(how) = failover.fenced_by.as_ref().filter(|_| !unseen.is_empty()) {
            let was = if unseen.len() == 1 { "was" } else { "were" };
            told.push(format!(
                "{} {was} kept from taking writes by hand: {how}",
                list(&unseen)
            ));
        }
        // A standby that is stopped tells no more of its log than one that is gone.
        let tells = |name: &str| {
            let facts = view.world.get(name);
            facts.is_some_and(|facts| {
                facts.server.answers().is_some() || facts.server.is_down() && facts.data.is_none()
            })
        };
        let missing: Vec<&str> = topology
            .members
            .iter()
            .map(|member| member.name.as_str())
            .filter(|name| topology.outgoing.as_deref() != Some(*name) && !tells(name))
            .chain(topology.strangers.iter().map(String::as_str))
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

/// A primary that takes connections and gives no session is full, as a rule, and serves everybody who is in: that is no reason to
/// stop it unasked.
fn full(view: &View<'_>, failover: &Failover) -> Option<Problem> {
    let dead = view.topology.outgoing.as_ref()?;
    let untold = view.world.get(dead)?.server.untold()?;
    if untold.why != Why::Refusing || failover.stop.as_ref() == Some(dead) {
        return None;
    }
    let unit = View {
        host: dead,
        ..*view
    }
    .unit();
    let what = format!(
        "PostgreSQL on `{dead}` is there, and may only be full: {}",
        untold.why
    );
    Some(untold.refuses(what).hint(format!(
        "end sessions there, or restart it, which cuts clients for seconds: `systemctl restart {unit}` on `{dead}`; to stop and replace it all the same: `pgha failover INVENTORY --stop {dead}`"
    )))
}

/// The failover that was asked for, where there is anybody to promote.
fn asked<'v>(view: &View<'v>) -> Option<&'v Failover> {
    match (view.intent, &view.topology.candidate) {
        (Intent::Failover(failover), Some(_)) => Some(failover),
        _ => None,
    }
}

/// Who may be taking writes, and cannot be asked: the primary, or, where nobody is known to have been it, every member that
/// does not answer. Whoever repmgr knows and the inventory does not name has refused the plan before.
fn unseen(view: &View<'_>) -> Vec<String> {
    let topology = view.topology;
    let is_silent = |name: &String| !view.world.contains_key(name);
    if let Some(dead) = &topology.outgoing {
        return Some(dead.clone()).filter(is_silent).into_iter().collect();
    }
    let members = topology.members.iter().map(|member| member.name.clone());
    members.filter(is_silent).collect()
}

/// What is known of a candidate that nobody hands over to, and that replaces nobody.
fn furthest(view: &View<'_>) -> String {
    let at = view.server().map_or_else(String::new, place);
    format!(
        "there are only standbys, and it is not known who was the primary: of those that answer `{}` is the furthest, at {at}",
        view.host
    )
}
