//! The resource `pgbouncer_pause`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::programs::POOLER_SWITCHOVER;
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Pooler, Probe};
use crate::plan::Action;
use crate::problem::Problem;

/// Clients of this pooler wait, with no transaction in progress; or they go on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PgbouncerPause {
    /// Whether they wait.
    paused: bool,
    /// Seconds that transactions have to end.
    #[serde(default)]
    timeout: u32,
}

/// Whether any clients of a pooler are held up.
pub fn is_paused(pooler: &Pooler) -> bool {
    pooler.paused || pooler.databases.values().any(|database| database.paused)
}

/// Whether all of them are.
fn is_whole(pooler: &Pooler) -> bool {
    let databases = &pooler.databases;
    pooler.paused || !databases.is_empty() && databases.values().all(|database| database.paused)
}

/// Notes that they are, or are not.
pub fn set_paused(pooler: &mut Pooler, paused: bool) {
    pooler.paused = paused;
    for database in pooler.databases.values_mut() {
        database.paused = paused;
    }
}

impl Resource for PgbouncerPause {
    fn subject(&self) -> String {
        "clients".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![Probe::Pooler(view.variables().pgbouncer_port)]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let pooler = view.facts().pooler.as_ref();
        let is_as_declared = match self.paused {
            true => pooler.is_some_and(is_whole),
            false => !pooler.is_some_and(is_paused),
        };
        if is_as_declared {
            return Ok(Verdict::AsDeclared);
        }
        let draft = if self.paused {
            let timeout = self.timeout.to_string();
            Draft::new(Action::Stop)
                .field("clients", "served", "wait")
                .run("root", [POOLER_SWITCHOVER, "pause", &timeout])
        } else {
            Draft::new(Action::Start)
                .field("clients", "wait", "served")
                .run("root", [POOLER_SWITCHOVER, "resume"])
        };
        Ok(draft.into())
    }

    fn settle(&self, _: &View<'_>, facts: &mut Facts) {
        set_paused(facts.pooler.get_or_insert_default(), self.paused);
    }
}
