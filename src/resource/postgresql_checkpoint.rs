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
    /// Only where there was none since the promotion: until then the control file has the old timeline.
    #[serde(default)]
    since_promotion: bool,
}

fn once() -> u8 {
    1
}

/// The control file's timeline and the server's, where that one is behind.
fn behind(view: &View<'_>) -> Option<(u32, u32)> {
    let server = view.server()?.timeline?;
    let control = view.facts().data.as_ref()?.timeline?;
    (control < server).then_some((control, server))
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
        let action = match (self.since_promotion, behind(view)) {
            (false, _) => Action::AlwaysRuns,
            (true, Some(_)) => Action::Update,
            (true, None) => return Ok(Verdict::AsDeclared),
        };
        let mut draft = Draft::new(action);
        if let Some((control, server)) = behind(view).filter(|_| self.since_promotion) {
            draft = draft.field(
                "timeline of the last",
                control.to_string(),
                server.to_string(),
            );
        }
        Ok((0..self.times)
            .fold(draft, |draft, _| draft.op(sql(view, "checkpoint")))
            .into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        if let (Some((_, timeline)), Some(data)) = (behind(view), facts.data.as_mut()) {
            data.timeline = Some(timeline);
        }
    }
}
