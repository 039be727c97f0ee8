//! The resource `primary_stop`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::programs::SWITCHOVER;
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Probe};
use crate::plan::Action;
use crate::problem::Problem;

/// The outgoing primary is shut down cleanly, and it is known where its WAL ends; or it runs as the primary again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrimaryStop {
    /// Whether it is stopped.
    stopped: bool,
    /// Seconds that it has to stop.
    #[serde(default)]
    timeout: u32,
}

/// The name under which the step tells the end of the last record, an LSN.
pub const END_OF_WAL: &str = "end_of_wal";

impl Resource for PrimaryStop {
    fn subject(&self) -> String {
        "PostgreSQL".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![view.cluster_probe()]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let is_running = view.server().is_some_and(|server| !server.in_recovery);
        Ok(match (is_running, self.stopped) {
            (true, true) => {
                let timeout = self.timeout.to_string();
                Draft::new(Action::Stop)
                    .field("state", "primary", "shut down")
                    .run("root", [SWITCHOVER, "stop", &timeout])
                    .into()
            }
            (false, false) if !view.is_primary() => {
                return Err(second_primary(view));
            }
            (false, false) => Draft::new(Action::Start)
                .field("state", "shut down", "primary")
                .run("root", [SWITCHOVER, "start-again"])
                .into(),
            _ => Verdict::AsDeclared,
        })
    }

    fn settle(&self, _: &View<'_>, facts: &mut Facts) {
        if self.stopped {
            facts.stopped = facts.server.stop();
        } else if facts.server.is_down() {
            facts.server = facts.stopped.take().unwrap_or_default().into();
        }
        if let Some(data) = &mut facts.data {
            data.state = match self.stopped {
                true => "shut down".to_owned(),
                false => "in production".to_owned(),
            };
        }
    }
}

/// Why a member that is not the primary is not made to start as one.
pub fn second_primary(view: &View<'_>) -> Problem {
    let primary = &view.topology.primary;
    Problem::refused(format!(
        "`{}` would start as a second primary beside `{primary}`",
        view.host
    ))
    .hint("`pgha switchover` changes who is the primary")
}
