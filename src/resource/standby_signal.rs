//! The resource `standby_signal`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::primary_stop::second_primary;
use super::programs::SWITCHOVER;
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Probe};
use crate::plan::Action;
use crate::problem::Problem;

/// The outgoing primary, stopped, can only start as a standby. In a switchover this is the decision: rolling it back needs a
/// candidate that will not be promoted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StandbySignal {
    /// Whether `standby.signal` is there.
    present: bool,
}

impl Resource for StandbySignal {
    fn subject(&self) -> String {
        "standby.signal".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![view.cluster_probe()]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let data = view.facts().data.as_ref();
        if data.is_none_or(|data| data.standby_signal == self.present) {
            return Ok(Verdict::AsDeclared);
        }
        if !self.present && !view.is_primary() {
            return Err(second_primary(view));
        }
        if !self.present {
            return Ok(Draft::new(Action::Remove)
                .field("starts as", "a standby", "a primary")
                .run("root", [SWITCHOVER, "take-back"])
                .into());
        }
        let Some(candidate) = &view.topology.candidate else {
            return Err(Problem::input("nobody is to become the primary instead")
                .hint("this step belongs to a handover: `pgha switchover`"));
        };
        Ok(Draft::new(Action::Create)
            .field("starts as", "a primary", "a standby")
            .run("root", [SWITCHOVER, "sign-off", candidate])
            .into())
    }

    fn settle(&self, _: &View<'_>, facts: &mut Facts) {
        if let Some(data) = &mut facts.data {
            data.standby_signal = self.present;
        }
    }
}
