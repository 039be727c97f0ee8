//! `primary_fence`: a primary that is to be replaced is stopped, however it hangs, and would start as a standby.

use serde::Deserialize;

use super::programs::FAILOVER;
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Probe};
use crate::plan::Action;
use crate::problem::Problem;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrimaryFence {}

impl Resource for PrimaryFence {
    fn subject(&self) -> String {
        "PostgreSQL".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![view.cluster_probe()]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let data = view.facts().data.as_ref();
        if data.is_none_or(|data| data.standby_signal) {
            return Ok(Verdict::AsDeclared);
        }
        Ok(Draft::new(Action::Stop)
            .field("starts as", "a primary", "a standby")
            .run("root", [FAILOVER, "fence"])
            .into())
    }

    fn settle(&self, _: &View<'_>, facts: &mut Facts) {
        if let Some(data) = &mut facts.data {
            data.standby_signal = true;
            data.fenced = true;
            facts.server = None;
        }
    }
}
