//! `repmgrd_pause`: repmgrd on this member stands back, or watches again where it was pgha that paused it. Whoever paused
//! it by hand finds it paused afterwards.

use serde::Deserialize;

use super::{Draft, Resource, Verdict, View};
use crate::condition::Condition;
use crate::facts::{Facts, Probe};
use crate::plan::{Action, Op};
use crate::problem::Problem;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepmgrdPause {
    paused: bool,
}

/// Says that the pause is pgha's. It outlives a reboot, as the pause does.
const MARKER: &str = "/var/lib/pgha/repmgrd-paused";

fn marker() -> Condition {
    Condition::PathExists {
        path: MARKER.to_owned(),
    }
}

impl Resource for RepmgrdPause {
    fn subject(&self) -> String {
        "repmgrd".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![view.cluster_probe(), Probe::Condition(marker())]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let Some(server) = view.server() else {
            return Ok(Verdict::AsDeclared);
        };
        let is_ours = view.facts().conditions.get(&marker()) == Some(&true);
        let set = |statement: &str| Op::Sql {
            port: view.port(),
            database: view.inventory.cluster.repmgr_database.clone(),
            statement: statement.into(),
        };
        Ok(match (server.repmgrd_paused, self.paused) {
            (Some(false), true) => Draft::new(Action::Stop)
                .field("failover", "watches", "paused")
                .run("root", ["install", "-D", "-m", "0600", "/dev/null", MARKER])
                .op(set("select repmgr.repmgrd_pause(true)"))
                .op(Op::Wait {
                    until: Condition::Sql {
                        port: view.port(),
                        database: view.inventory.cluster.repmgr_database.clone(),
                        query: "select repmgr.repmgrd_is_paused()".to_owned(),
                    },
                    timeout_seconds: 10,
                })
                .into(),
            (state, false) if is_ours => Draft::new(Action::Start)
                .field(
                    "failover",
                    match state {
                        Some(true) => "paused",
                        _ => "watches, marked as paused",
                    },
                    "watches",
                )
                .op(set("select repmgr.repmgrd_pause(false)"))
                .op(Op::RemoveFile {
                    path: MARKER.to_owned(),
                })
                .into(),
            _ => Verdict::AsDeclared,
        })
    }

    fn settle(&self, _: &View<'_>, facts: &mut Facts) {
        facts.conditions.insert(marker(), self.paused);
        if let Some(server) = facts.server.answers_mut() {
            server.repmgrd_paused = Some(self.paused);
        }
    }
}
