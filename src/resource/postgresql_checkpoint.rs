//! The resource `postgresql_checkpoint`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::postgresql_role::sql;
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Probe};
use crate::plan::Action;
use crate::problem::Problem;

/// Runs a checkpoint now, so that the one of the following shutdown, for which clients wait, is short.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresqlCheckpoint {
    /// The second of two has only to write what changed during the first.
    #[serde(default = "once")]
    times: u8,
}

fn once() -> u8 {
    1
}

impl Resource for PostgresqlCheckpoint {
    fn subject(&self) -> String {
        "checkpoint".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![view.cluster_probe()]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        if self.times == 0 {
            return Err(Problem::input("`times: 0` makes no checkpoint")
                .hint("remove the step, or write how many it makes"));
        }
        let draft = Draft::new(Action::AlwaysRuns);
        Ok((0..self.times)
            .fold(draft, |draft, _| draft.op(sql(view, "checkpoint")))
            .into())
    }

    fn settle(&self, _: &View<'_>, _: &mut Facts) {}
}
