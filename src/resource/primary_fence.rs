//! The resource `primary_fence`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::programs::FAILOVER;
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Instance, Probe};
use crate::plan::Action;
use crate::problem::Problem;

/// A primary that is to be replaced is stopped, however it hangs, and would start as a standby.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrimaryFence {}

impl Resource for PrimaryFence {
    fn subject(&self) -> String {
        "PostgreSQL".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![view.cluster_probe()]
    }

    /// It is stopped without being asked anything.
    fn needs_answer(&self, _: &View<'_>) -> bool {
        false
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let facts = view.facts();
        let is_standby = facts.data.as_ref().is_none_or(|data| data.standby_signal);
        // How it would start says nothing of one that runs.
        if is_standby && !facts.may_take_writes() {
            return Ok(Verdict::AsDeclared);
        }
        let draft = Draft::new(Action::Stop);
        let draft = match facts.server.untold() {
            Some(untold) => draft.field("state", format!("there: {}", untold.why), "stopped"),
            None => draft,
        };
        Ok(draft
            .field("starts as", "a primary", "a standby")
            .run("root", [FAILOVER, "fence"])
            .into())
    }

    fn settle(&self, _: &View<'_>, facts: &mut Facts) {
        facts.server = Instance::Down;
        if let Some(data) = &mut facts.data {
            data.standby_signal = true;
            data.fenced = true;
        }
    }
}
