//! The resource `pgbouncer_primary`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::pgbouncer_pause::{is_paused, set_paused};
use super::programs::{POOLER_FOLLOW, POOLER_SWITCHOVER};
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, PoolerDatabase, Probe};
use crate::plan::Action;
use crate::problem::Problem;

/// This pooler sends its clients to the primary, whoever that is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PgbouncerPrimary {
    /// Connections that wait for an answer of the old primary are broken: it is dead, and gives none.
    #[serde(default)]
    kill: bool,
}

impl Resource for PgbouncerPrimary {
    fn subject(&self) -> String {
        "clients".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![Probe::Pooler(view.variables().pgbouncer_port)]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let Some(pooler) = &view.facts().pooler else {
            return Ok(Verdict::AsDeclared);
        };
        let primary = &view.topology.primary;
        let mut draft = Draft::new(Action::Start);
        for (name, target) in view.pooled(primary) {
            let seen = pooler.databases.get(&name);
            if let Some(seen) =
                seen.filter(|seen| (&seen.host, seen.port) != (&target.host, target.port))
            {
                draft = draft.field(
                    &name,
                    format!("{}:{}", seen.host, seen.port),
                    format!("{}:{}", target.host, target.port),
                );
            }
        }
        if is_paused(pooler) {
            draft = draft.field("clients", "wait", "served");
        }
        if draft.fields.is_empty() {
            return Ok(Verdict::AsDeclared);
        }
        let (program, step) = match self.kill {
            true => (POOLER_FOLLOW, "bring"),
            false => (POOLER_SWITCHOVER, "lead"),
        };
        Ok(draft.run("root", [program, step, primary]).into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        let pooler = facts.pooler.get_or_insert_default();
        set_paused(pooler, false);
        for (name, target) in view.pooled(&view.topology.primary) {
            pooler.databases.insert(
                name,
                PoolerDatabase {
                    host: target.host,
                    port: target.port,
                    paused: false,
                    ..PoolerDatabase::default()
                },
            );
        }
    }
}
