//! The resource `systemd_unit`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Probe};
use crate::plan::{Action, Op};
use crate::problem::Problem;

/// systemd has loaded the present files of a unit. Whether the unit runs is not touched.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SystemdUnit {
    /// The unit.
    name: String,
}

impl Resource for SystemdUnit {
    fn subject(&self) -> String {
        self.name.clone()
    }

    fn probes(&self, _: &View<'_>) -> Vec<Probe> {
        vec![Probe::Unit(self.name.clone())]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let unit = view.facts().units.get(&self.name);
        if !unit.is_some_and(|unit| unit.needs_daemon_reload) {
            return Ok(Verdict::AsDeclared);
        }
        Ok(Draft::new(Action::Reload)
            .field("loaded", "before its files were written", "now")
            .op(Op::ReloadUnits)
            .into())
    }

    fn settle(&self, _: &View<'_>, facts: &mut Facts) {
        if let Some(unit) = facts.units.get_mut(&self.name) {
            unit.needs_daemon_reload = false;
        }
    }
}
