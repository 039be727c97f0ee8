//! The resource `standby_clone`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::data_copy::{self, Place, make, put};
use super::postgresql_cluster::{self, adopt, new_directory_probes, no_cluster};
use super::postgresql_server::stop;
use super::programs::COPY;
use super::repmgrd::{stand_aside, stood_aside};
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Probe};
use crate::plan::{Action, Guard};
use crate::problem::Problem;

/// A standby's data directory, cloned from the primary with `pg_basebackup` where there is none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StandbyClone {}

impl Resource for StandbyClone {
    fn subject(&self) -> String {
        "data directory".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        new_directory_probes(view)
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        if view.facts().data.is_some() {
            let mut draft = Draft::new(Action::Update);
            if view.facts().places.unsettled() && !view.is_primary() {
                draft = stand_aside(view, draft);
                if !view.facts().server.is_down() {
                    draft = draft.op(stop(view));
                }
                draft = settle_parts(draft);
            }
            return Ok(adopt(view, draft).map_or(Verdict::AsDeclared, Into::into));
        }
        if view.is_primary() {
            return Err(Problem::refused("the primary cannot be a copy of itself")
                .hint("`hosts: standbys` in the play means all other members"));
        }
        if view.is_lost() {
            return Ok(Verdict::Held {
                what: format!(
                    "its data are gone: this member was one of the cluster, and `{}` holds none",
                    view.data_directory()
                ),
                hint: format!(
                    "mount what is missing there, or copy them anew: `pgha rebuild INVENTORY {}`",
                    view.host
                ),
            });
        }
        Ok(copy(view, Draft::new(Action::Create))?.into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        if facts.data.is_none() {
            stood_aside(facts);
        } else if facts.places.unsettled() && !view.is_primary() {
            stood_aside(facts);
            facts.stopped = facts.server.stop();
            data_copy::settled(view, facts);
        }
        settle(view, facts);
    }
}

/// The facts after a data directory was copied (or taken in).
pub fn settle(view: &View<'_>, facts: &mut Facts) {
    if facts.data.is_none() {
        data_copy::settled(view, facts);
    }
    postgresql_cluster::settle(view, facts, true);
}

/// Copies the primary's data to where there are none.
pub fn copy(view: &View<'_>, draft: Draft) -> Result<Draft, Problem> {
    let draft = if view.facts().places.half {
        let whole = Guard::PathExists {
            path: format!("{}/PG_VERSION", postgresql_cluster::build_directory(view)),
        };
        settle_parts(put(view, stand_aside(view, draft.guard(whole))))
    } else {
        let draft = make(view, draft.guard(no_cluster(view)), Place::Empty)?;
        let draft = put(view, stand_aside(view, draft));
        if data_copy::parts(view).is_some() {
            settle_parts(draft)
        } else {
            draft
        }
    };
    Ok(adopt(view, draft).expect("a copy is something to do"))
}

/// What is outside of a copied data directory comes to its place.
pub fn settle_parts(draft: Draft) -> Draft {
    draft
        .field("its parts", "where they were copied", "in their places")
        .run("root", [COPY, "settle"])
}
