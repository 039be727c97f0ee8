//! The resource `standby_promotion`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::postgresql_role::role;
use super::programs::{FAILOVER, SWITCHOVER};
use super::wal_received::no_answer;
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Probe};
use crate::plan::{Action, Shown};
use crate::problem::Problem;

/// This standby is the primary; or, when rolled back, is not going to be promoted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StandbyPromotion {
    /// Whether it is promoted.
    promoted: bool,
    /// Whether the old primary hands its role over; else it is dead, and nobody else may have been promoted.
    #[serde(default = "yes")]
    handed_over: bool,
    /// Seconds.
    #[serde(default)]
    timeout: u32,
}

fn yes() -> bool {
    true
}

impl Resource for StandbyPromotion {
    fn subject(&self) -> String {
        "PostgreSQL".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![view.cluster_probe()]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let server = match view.server() {
            Some(server) => server,
            None if self.promoted => return Err(no_answer()),
            None => return Ok(Verdict::AsDeclared),
        };
        Ok(match (server.in_recovery, self.promoted) {
            (true, true) => {
                let timeline = server.timeline.map(|timeline| timeline.to_string());
                let timeout = self.timeout.to_string();
                let mut argv = match self.handed_over {
                    true => vec![SWITCHOVER, "promote", &timeout],
                    false => vec![FAILOVER, "take-over", &timeout],
                };
                if !self.handed_over {
                    // They are there, and their data say that they are standbys.
                    argv.extend(view.untold_members().map(|(name, ..)| name));
                }
                let draft = match self.handed_over {
                    // While clients wait there is no time for a psql of its own; the promotion itself fails elsewhere.
                    true => Draft::new(Action::Update),
                    false => Draft::new(Action::Update).guard(role(view)),
                };
                draft
                    .field("role", "standby", "primary")
                    .field(
                        "timeline",
                        timeline,
                        Shown::Unknown("it is promoted".to_owned()),
                    )
                    .run("root", argv)
                    .into()
            }
            (false, false) => Draft::new(Action::Stop)
                .run("root", [SWITCHOVER, "stand-down"])
                .into(),
            _ => Verdict::AsDeclared,
        })
    }

    fn settle(&self, _: &View<'_>, facts: &mut Facts) {
        let Some(server) = facts.server.answers_mut() else {
            return;
        };
        server.in_recovery = !self.promoted;
        if self.promoted {
            server.receiver = None;
            server.timeline = None;
            if let Some(data) = &mut facts.data {
                data.standby_signal = false;
            }
        }
    }
}
