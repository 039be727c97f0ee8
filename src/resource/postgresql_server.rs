//! The resource `postgresql_server`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Draft, Resource, Verdict, View};
use crate::facts::{Database, Facts, Probe, Role, Server, Slot};
use crate::plan::{Action, Guard, Op, ServiceAction};
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

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        if view.server().is_some() {
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
        let superuser = Role {
            login: true,
            superuser: true,
            replication: true,
            ..Role::default()
        };
        let mut server = Server {
            roles: [("postgres".to_owned(), superuser)].into(),
            databases: ["postgres", "template1"]
                .map(|name| {
                    let owner = "postgres".to_owned();
                    (name.to_owned(), Database { owner })
                })
                .into(),
            ..Server::default()
        };
        // A standby holds what its primary holds.
        if data.standby_signal
            && let Some(primary) = view.primary_server()
        {
            // But for what is its own: its files, and the slots that nobody uses any more.
            let seen = || Server {
                slots: data
                    .slots
                    .iter()
                    .cloned()
                    .map(|name| (name, Slot::default()))
                    .collect(),
                ..Server::default()
            };
            let own = facts.stopped.take().unwrap_or_else(seen);
            let mut slots = own.slots;
            slots.values_mut().for_each(|slot| slot.active = false);
            server = Server {
                settings: own.settings,
                overrides: own.overrides,
                slots,
                ..primary.clone()
            };
        }
        // The same one again, where it is no standby.
        if let Some(stopped) = facts.stopped.take() {
            server = stopped;
        }
        server.in_recovery = data.standby_signal;
        server.started = view.now;
        server.loaded = view.now;
        facts.server = server.into();
    }
}

/// Stops the server.
pub fn stop(view: &View<'_>) -> Op {
    Op::Service {
        unit: view.unit(),
        action: ServiceAction::Stop,
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
