//! The resource `wal_received`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::primary_stop::END_OF_WAL;
use super::programs::SWITCHOVER;
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Probe};
use crate::plan::{Action, noted};
use crate::problem::Problem;

/// The candidate has everything that the stopped primary wrote, up to the end of its shutdown checkpoint. A clean shutdown
/// alone does not ensure that: it waits only for standbys that are connected.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WalReceived {
    /// Seconds.
    timeout: u32,
}

impl Resource for WalReceived {
    fn subject(&self) -> String {
        "WAL".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![view.cluster_probe()]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let Some(server) = view.server() else {
            return Err(no_answer());
        };
        if !server.in_recovery {
            return Ok(Verdict::AsDeclared);
        }
        let Some(outgoing) = &view.topology.outgoing else {
            return Err(Problem::input("nobody hands over to this host").hint(
                "`hosts: candidate` in the play means the member that is to become the primary",
            ));
        };
        let end = noted(&format!("{END_OF_WAL} of {outgoing}"));
        let timeout = self.timeout.to_string();
        Ok(Draft::new(Action::Wait)
            .run("root", [SWITCHOVER, "received", &end, &timeout])
            .into())
    }

    fn settle(&self, _: &View<'_>, _: &mut Facts) {}
}

/// Nothing can be known or made of a server that does not answer.
pub fn no_answer() -> Problem {
    Problem::refused("PostgreSQL does not answer here, and cannot become the primary")
        .hint("see why: `pgha status`; start it, and try again")
}
