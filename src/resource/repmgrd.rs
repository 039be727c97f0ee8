//! repmgrd while a member's data become another's: it took this node for what it was, a primary perhaps, and ends some time
//! after it is that no more. So it is stopped before, and begins anew.

use super::{Draft, View};
use crate::facts::{Facts, Unit};
use crate::plan::{Op, ServiceAction};

/// Its unit, whose state every plan looks at.
pub const REPMGRD: &str = "repmgrd";

/// Starts or stops it.
pub fn repmgrd(action: ServiceAction) -> Op {
    Op::Service {
        unit: REPMGRD.to_owned(),
        action,
    }
}

pub fn runs(view: &View<'_>) -> bool {
    let unit = view.facts().units.get(REPMGRD);
    unit.is_some_and(Unit::is_running)
}

/// Stops it, if it runs.
pub fn stand_aside(view: &View<'_>, draft: Draft) -> Draft {
    if !runs(view) {
        return draft;
    }
    draft
        .field(REPMGRD, "running", "stopped meanwhile")
        .op(repmgrd(ServiceAction::Stop))
}

/// The facts after that.
pub fn stood_aside(facts: &mut Facts) {
    if let Some(unit) = facts
        .units
        .get_mut(REPMGRD)
        .filter(|unit| unit.is_running())
    {
        unit.active = "inactive".to_owned();
        unit.sub = "dead".to_owned();
    }
}
