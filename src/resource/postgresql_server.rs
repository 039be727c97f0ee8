//! The resource `postgresql_server`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Instance, Probe, Server, Slot};
use crate::plan::{Action, Guard, Op};
use crate::problem::Problem;

/// PostgreSQL runs under systemd and answers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresqlServer {
    /// Seconds until it must answer: crash recovery may take long.
    #[serde(default = "five_minutes")]
    timeout: u32,
}

fn five_minutes() -> u32 {
    300
}

impl Resource for PostgresqlServer {
    fn subject(&self) -> String {
        "PostgreSQL".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![view.cluster_probe(), Probe::Unit(view.unit())]
    }

    fn needs_contents(&self, view: &View<'_>) -> bool {
        view.facts().data.is_none()
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        if view.server().is_some() || view.facts().server.is_unseen() {
            return Ok(Verdict::AsDeclared);
        }
        if view.facts().data.is_none() {
            return Err(Problem::refused(format!(
                "there is nothing to start: `{}` holds no cluster",
                view.data_directory()
            ))
            .hint("`postgresql_cluster` makes the primary's data directory, `standby_clone` a standby's"));
        }
        if view.is_former_primary(view.host) {
            let whose = match view.facts().data.as_ref().is_some_and(|data| data.fenced) {
                true => "a former primary's, or of before it left the cluster",
                false => "a former primary's",
            };
            return Ok(Verdict::Held {
                what: format!(
                    "PostgreSQL stays stopped: its data are {whose}, and `{}` is the primary now",
                    view.topology.primary
                ),
                hint: format!(
                    "`pgha rejoin INVENTORY {}` brings it back as a standby",
                    view.host
                ),
            });
        }
        // Looked at once more on the host: a second writable primary is the one thing that must never be started.
        let signal = format!("{}/standby.signal", view.data_directory());
        Ok(Draft::new(Action::Start)
            .guard(if view.takes_writes() {
                Guard::PathAbsent { path: signal }
            } else {
                Guard::PathExists { path: signal }
            })
            .field("state", "stopped", "running")
            .op(start(view, self.timeout))
            .into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        let Some(data) = &facts.data else { return };
        if !facts.server.is_down() || view.is_former_primary(view.host) {
            return;
        }
        let primary = view.primary_server().filter(|_| data.standby_signal);
        let stopped = facts.stopped.take();
        let mut server = match (primary, stopped) {
            // A standby holds what its primary holds, but for what is its own: its files, and the slots that nobody uses any more.
            (Some(primary), stopped) => {
                let seen = || Server {
                    slots: data
                        .slots
                        .iter()
                        .cloned()
                        .map(|name| (name, Slot::default()))
                        .collect(),
                    ..Server::default()
                };
                let own = stopped.unwrap_or_else(seen);
                let mut slots = own.slots;
                slots.values_mut().for_each(|slot| slot.active = false);
                Server {
                    settings: own.settings,
                    overrides: own.overrides,
                    slots,
                    ..primary.clone()
                }
            }
            // The same one again, where it is no standby; or what was just made.
            (None, Some(stopped)) => stopped,
            (None, None) => {
                facts.server = Instance::Unseen;
                return;
            }
        };
        server.in_recovery = data.standby_signal;
        server.started = view.now;
        server.loaded = view.now;
        facts.server = server.into();
    }
}

/// Stops the server, whoever started it.
pub fn stop(view: &View<'_>) -> Op {
    Op::StopPostgresql {
        unit: view.unit(),
        data_directory: view.data_directory(),
        timeout_seconds: five_minutes(),
    }
}

/// Starts the server and waits until it answers.
pub fn start(view: &View<'_>, timeout_seconds: u32) -> Op {
    Op::StartPostgresql {
        unit: view.unit(),
        port: view.port(),
        timeout_seconds,
    }
}
