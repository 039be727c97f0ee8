//! The resource `repmgrd_pause`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::dead_man::{UNDER_WAY, exists};
use super::postgresql_restart::restarts_primary;
use super::{Draft, Resource, Verdict, View};
use crate::condition::Condition;
use crate::facts::{Facts, Probe};
use crate::plan::{Action, Guard, Op};
use crate::problem::Problem;

/// repmgrd on this member is paused; or unpaused where pgha had paused it. A pause that somebody made by hand is left as it is,
/// and reported.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepmgrdPause {
    /// Whether it is paused.
    paused: bool,
    /// Only where the primary is about to be restarted: one that takes longer than repmgrd's patience must not become a
    /// failover.
    #[serde(default)]
    for_restart: bool,
}

/// Says that the pause is pgha's. It outlives a reboot, as the pause does.
const MARKER: &str = "/var/lib/pgha/repmgrd-paused";

fn marker() -> Condition {
    exists(MARKER)
}

impl Resource for RepmgrdPause {
    fn subject(&self) -> String {
        "repmgrd".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        let mut probes = vec![view.cluster_probe(), Probe::Condition(marker())];
        probes.extend(UNDER_WAY.map(exists).map(Probe::Condition));
        probes
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let Some(server) = view.server() else {
            return Ok(Verdict::AsDeclared);
        };
        if self.for_restart && !restarts_primary(view) {
            return Ok(Verdict::AsDeclared);
        }
        let is_there = |file: Condition| view.facts().conditions.get(&file) == Some(&true);
        let is_ours = is_there(marker());
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
            // Whoever runs it takes it back; its timers do where it is cut short.
            (_, false) if is_ours && UNDER_WAY.map(exists).into_iter().any(is_there) => {
                Verdict::Held {
                    what: "repmgrd is paused for a switchover that is under way".to_owned(),
                    hint: "it watches again once that has ended: run the same again then".to_owned(),
                }
            }
            (state, false) if is_ours => Draft::new(Action::Start)
                .guards(UNDER_WAY.map(|path| Guard::PathAbsent {
                    path: path.to_owned(),
                }))
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
            (Some(true), false) => Verdict::Held {
                what: "repmgrd is paused, and not by pgha: nobody takes a dead primary's place by itself".to_owned(),
                hint: "whoever paused it lets it watch again: `runuser -u postgres -- repmgr -f /etc/repmgr.conf service unpause`"
                    .to_owned(),
            },
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
