//! `data_discard`: data that a whole copy has replaced, and that are not to be kept, are gone; once the server runs on the copy.

use schemars::JsonSchema;
use serde::Deserialize;

use super::programs::COPY;
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Probe};
use crate::plan::{Action, Guard};
use crate::problem::Problem;

/// Data that a whole copy has replaced, and that are not to be kept, are removed: once the server runs on the copy, since that may
/// take long.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataDiscard {}

/// There while something is to be removed: `programs/copy.sh` names it there, and removes nothing else.
const LEFT: &str = "/var/lib/pgha/discard";

/// The facts once something is to be removed.
pub fn settle_left(facts: &mut Facts) {
    settle_none(facts);
    facts.remains.push(LEFT.to_owned());
}

fn settle_none(facts: &mut Facts) {
    facts.remains.retain(|path| path != LEFT);
}

impl Resource for DataDiscard {
    fn subject(&self) -> String {
        "data that were there before".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![view.cluster_probe(), Probe::Remains]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let is_left = view.facts().remains.iter().any(|path| path == LEFT);
        if !is_left || view.server().is_none() {
            return Ok(Verdict::AsDeclared);
        }
        let draft = Draft::new(Action::Remove)
            .guard(Guard::IsStandby { port: view.port() })
            .field("state", "in the place of a copy's", None)
            .run("root", [COPY, "discard"]);
        Ok(draft.into())
    }

    fn settle(&self, _: &View<'_>, facts: &mut Facts) {
        settle_none(facts);
    }
}
