//! `postgresql_restart`: a restart, only where a setting waits for one; of the primary, only where the user allows it.

use serde::Deserialize;

use super::postgresql_role::is_primary;
use super::postgresql_server::start;
use super::{Draft, Resource, Verdict, View};
use crate::condition::Condition;
use crate::facts::{Facts, Probe};
use crate::plan::{Action, Guard, Op, ServiceAction};
use crate::problem::Problem;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresqlRestart {}

/// The names of the settings that wait, with the running and the coming value.
fn waiting(view: &View<'_>) -> Vec<(String, String, Option<String>)> {
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
        for (name, before, after) in waiting {
            draft = draft.field(
                &name,
                before,
                after.unwrap_or_else(|| "as in the files".to_owned()),
            );
        }
        draft = draft
            .guard(if view.is_primary() {
                is_primary(view)
            } else {
                Guard::IsStandby { port: view.port() }
            })
            .op(Op::Service {
                unit: view.unit(),
                action: ServiceAction::Stop,
            })
            .op(start(view, 300));
        let others = view
            .topology
            .members
            .iter()
            .filter(|member| member.name != view.host)
            .map(|member| member.name.clone());
        draft = draft.after(others);
        let sql = |query: String, timeout_seconds: u32| Op::Wait {
            until: Condition::Sql {
                port: view.port(),
                database: "postgres".to_owned(),
                query,
            },
            timeout_seconds,
        };
        Ok(if view.is_primary() {
            // A standby that is to be restarted with lower values must have replayed the primary's own change before: its
            // record is older than the checkpoint, and every standby gets that far.
            draft
                .op(Op::Sql {
                    port: view.port(),
                    database: "postgres".to_owned(),
                    statement: "checkpoint".into(),
                })
                .op(sql(
                    format!(
                        "select count(*) >= {} from pg_stat_replication where replay_lsn >= (select checkpoint_lsn from pg_control_checkpoint())",
                        view.server().map_or(0, |server| server.senders.len())
                    ),
                    60,
                ))
                .into()
        } else {
            draft.op(streams(view)).into()
        })
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

/// Waits until this standby receives WAL.
pub fn streams(view: &View<'_>) -> Op {
    Op::Wait {
        until: Condition::Sql {
            port: view.port(),
            database: "postgres".to_owned(),
            query: "select exists (select from pg_stat_wal_receiver where status = 'streaming')"
                .to_owned(),
        },
        timeout_seconds: 60,
    }
}
