//! `postgresql_server`: PostgreSQL runs under systemd and answers.

use serde::Deserialize;

use super::{Draft, Resource, Verdict, View};
use crate::facts::{Database, Facts, Probe, Role, Server};
use crate::plan::{Action, Guard, Op};
use crate::problem::Problem;

#[derive(Debug, Deserialize)]
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
            return Ok(Verdict::Held {
                what: format!(
                    "PostgreSQL stays stopped: its data are a former primary's, and `{}` is the primary now",
                    view.topology.primary
                ),
                hint: "bring it back as a standby with `repmgr node rejoin`, or move its data directory away and apply: it is cloned anew".to_owned(),
            });
        }
        // Looked at once more on the host: a second writable primary is the one thing that must never be started.
        let signal = format!("{}/standby.signal", view.data_directory());
        Ok(Draft::new(Action::Start)
            .guard(if view.is_primary() {
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
        if facts.server.is_some() || view.is_former_primary(view.host) {
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
            server = Server {
                settings: std::collections::BTreeMap::new(),
                overrides: std::collections::BTreeMap::new(),
                slots: std::collections::BTreeMap::new(),
                ..primary.clone()
            };
        }
        server.in_recovery = data.standby_signal;
        server.started = view.now;
        server.loaded = view.now;
        facts.server = Some(server);
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
