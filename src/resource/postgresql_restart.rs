//! `postgresql_restart`: a restart, only where a setting waits for one; of the primary, only where the user allows it.

use serde::Deserialize;

use super::postgresql_role::is_primary;
use super::postgresql_server::answers;
use super::{Draft, Resource, Verdict, View};
use crate::condition::Condition;
use crate::facts::{Facts, Probe};
use crate::plan::{Action, Guard, Op, ServiceAction};
use crate::postgres::setting::{in_control_file, larger};
use crate::problem::Problem;
use crate::shell::quote;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresqlRestart {}

/// A setting that waits, with its running and its coming value.
type Waiting = (String, String, Option<String>);

fn waiting(view: &View<'_>) -> Vec<Waiting> {
    let Some(server) = view.server() else {
        return Vec::new();
    };
    server
        .settings
        .iter()
        .filter(|(_, setting)| setting.pending_restart)
        .map(|(name, setting)| (name.clone(), setting.value.clone(), setting.waiting.clone()))
        .collect()
}

impl Resource for PostgresqlRestart {
    fn subject(&self) -> String {
        "PostgreSQL".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![view.cluster_probe(), Probe::Unit(view.unit())]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let waiting = waiting(view);
        if waiting.is_empty() {
            return Ok(Verdict::AsDeclared);
        }
        if view.is_primary() && !view.allow_restart_primary {
            let names: Vec<&str> = waiting.iter().map(|(name, ..)| name.as_str()).collect();
            return Ok(Verdict::Held {
                what: format!("the primary must be restarted for {}", names.join(", ")),
                hint: "`--allow-restart-primary` does it; clients of the primary are cut"
                    .to_owned(),
            });
        }
        let mut draft = Draft::new(Action::Restart);
        for (name, before, after) in &waiting {
            let after = after.as_deref().unwrap_or("as in the files");
            draft = draft.field(name, before.as_str(), after);
        }
        draft = draft.guard(if view.is_primary() {
            is_primary(view)
        } else {
            Guard::IsStandby { port: view.port() }
        });
        if !view.is_primary() {
            for wait in waiting.iter().filter_map(|setting| replayed(view, setting)) {
                draft = draft.op(wait);
            }
        }
        let others = view
            .topology
            .members
            .iter()
            .filter(|member| member.name != view.host)
            .map(|member| member.name.clone());
        let pauses = view.is_primary() && watched(view);
        if pauses {
            draft = draft.run("postgres", repmgrd(view, "pause"));
        }
        draft = draft
            // What is written out now keeps the shutdown short.
            .op(Op::Sql {
                port: view.port(),
                database: "postgres".to_owned(),
                statement: "checkpoint".into(),
            })
            .op(Op::Service {
                unit: view.unit(),
                action: ServiceAction::Restart,
            })
            .op(answers(view, 300))
            .after(others);
        draft = if view.is_primary() {
            let standbys = view.server().map_or(0, |server| server.senders.len());
            let query = format!(
                "select count(*) >= {standbys} from pg_stat_replication where state = 'streaming'"
            );
            draft.op(sql(view, query, 60))
        } else {
            draft.op(streams(view))
        };
        if pauses {
            draft = draft.run("postgres", repmgrd(view, "unpause"));
        }
        Ok(draft.into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        if view.is_primary() && !view.allow_restart_primary {
            return;
        }
        let Some(server) = &mut facts.server else {
            return;
        };
        for setting in server.settings.values_mut() {
            if let Some(value) = setting.waiting.take() {
                setting.raw.clone_from(&value);
                setting.value = value;
                setting.unit = None;
            }
            setting.pending_restart = false;
        }
        server.started = view.now;
        server.loaded = view.now;
    }
}

/// Waits until this standby has replayed that its primary has no more of a setting than it is to have itself: before that
/// it would not start again.
fn replayed(view: &View<'_>, (name, before, after): &Waiting) -> Option<Op> {
    let after = after.as_deref()?;
    if larger(after, before) == after {
        return None;
    }
    let label = in_control_file(name)?;
    let value = format!(
        "{} -D {} | sed -n {}",
        quote(&view.program("pg_controldata")),
        quote(&view.data_directory()),
        quote(&format!("s/^{label}: *//p")),
    );
    Some(Op::Wait {
        until: Condition::Command {
            argv: [
                "/bin/sh",
                "-c",
                &format!("[ \"$({value})\" -le {} ]", quote(after)),
            ]
            .map(str::to_owned)
            .to_vec(),
            user: "postgres".to_owned(),
        },
        timeout_seconds: 60,
    })
}

/// Whether repmgrd would take a primary that is slow to come back for one that is lost, and promote another beside it.
fn watched(view: &View<'_>) -> bool {
    view.topology.members.len() > 1
        && view.server().and_then(|server| server.repmgrd_paused) == Some(false)
}

/// Pauses repmgrd on all members, or ends that.
fn repmgrd(view: &View<'_>, action: &str) -> [String; 5] {
    let repmgr = view.program("repmgr");
    [&repmgr, "-f", "/etc/repmgr.conf", "service", action].map(str::to_owned)
}

fn sql(view: &View<'_>, query: String, timeout_seconds: u32) -> Op {
    Op::Wait {
        until: Condition::Sql {
            port: view.port(),
            database: "postgres".to_owned(),
            query,
        },
        timeout_seconds,
    }
}

/// Waits until this standby receives WAL.
pub fn streams(view: &View<'_>) -> Op {
    let query = "select exists (select from pg_stat_wal_receiver where status = 'streaming')";
    sql(view, query.to_owned(), 60)
}
