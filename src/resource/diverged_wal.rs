//! The resource `diverged_wal`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::postgresql_server::stop;
use super::programs::REJOIN;
use super::standby_rejoin::{Lost, decide, wal_probe};
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Instance, Probe, Saved, marks};
use crate::plan::{Action, Shown};
use crate::postgres::timeline::{Stretch, Switch};
use crate::problem::Problem;

/// Saves and counts what only this member has, before anybody may give it up: a server that runs with WAL that the primary does
/// not have, or does not say what it is, is stopped; a crashed one recovers without being open to anybody; the WAL after the
/// fork is copied, with a report of what is in it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DivergedWal {}

/// Where what is still to be saved begins.
fn unsaved(view: &View<'_>) -> Option<Switch> {
    // What is refused is told by the step that would go on.
    let decision = decide(view).ok()??;
    let Lost::Since(fork) = decision.lost else {
        return None;
    };
    let wal = view.facts().wal.as_ref()?;
    let saved = wal.saved.as_ref().and_then(|saved| saved.from);
    (saved != Some(fork)).then_some(fork)
}

/// `1:0/3000060:0/4000000`; without an end, to the end.
fn word(stretch: &Stretch) -> String {
    let to = stretch.to.map_or_else(String::new, |to| to.to_string());
    format!("{}:{}:{to}", stretch.timeline, stretch.from)
}

impl Resource for DivergedWal {
    fn subject(&self) -> String {
        "write-ahead log".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        let mut probes = vec![view.cluster_probe(), wal_probe(view)];
        probes.extend(marks::probes());
        probes
    }

    /// What it has can be told once it is stopped.
    fn needs_answer(&self, _: &View<'_>) -> bool {
        false
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        if let Some(untold) = view.facts().server.untold() {
            return Ok(Draft::new(Action::Stop)
                .field("state", format!("there: {}", untold.why), "stopped")
                .run("root", [REJOIN, "stop"])
                .into());
        }
        let (Some(fork), Some(wal)) = (unsaved(view), &view.facts().wal) else {
            return Ok(Verdict::AsDeclared);
        };
        let mut draft = Draft::new(Action::Create)
            .field(
                "only it has",
                None,
                format!("what comes after {} on timeline {}", fork.at, fork.timeline),
            )
            .field("saved in", None, "/var/lib/pgha/diverged")
            .field(
                "commits",
                None,
                Shown::Unknown("they were counted".to_owned()),
            );
        if view.server().is_some() {
            draft = draft.field("state", "running", "stopped").op(stop(view));
        }
        let from = format!("{} {}", fork.timeline, fork.at);
        let mut argv = vec![REJOIN.to_owned(), "save".to_owned(), from];
        argv.extend(wal.branch.after(fork).iter().map(word));
        Ok(draft.run("root", argv).into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        if facts.server.untold().is_some() {
            facts.server = Instance::Down;
            return;
        }
        let fork = unsaved(view);
        let Some(wal) = facts.wal.as_mut().filter(|_| fork.is_some()) else {
            return;
        };
        wal.saved = Some(Saved {
            from: fork,
            ..Saved::default()
        });
        if let Some(server) = facts.server.stop() {
            facts.stopped = Some(server);
        }
    }
}
