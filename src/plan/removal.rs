//! A node that leaves the cluster, as it was asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::inventory::Inventory;
use crate::problem::Problem;

/// Who leaves: a standby or the witness, which may be down, and may be missing from the inventory already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    pub node: String,
}

impl Removal {
    /// Refuses to take out the primary.
    ///
    /// # Errors
    /// It takes writes, and is no witness.
    pub fn allowed(
        &self,
        inventory: &Inventory,
        world: &BTreeMap<String, Facts>,
    ) -> Result<(), Problem> {
        let server = |name: &String| world.get(name)?.server.answers();
        let mut tables = inventory.group("postgres").iter().filter_map(server);
        let is_witness = tables.any(|server| {
            let node = server.nodes.get(&self.node);
            node.is_some_and(|node| node.kind == "witness")
        });
        if is_witness || server(&self.node).is_none_or(|server| server.in_recovery) {
            return Ok(());
        }
        Err(Problem::refused(format!("`{}` is the primary", self.node))
            .hint("hand its role over first: `pgha switchover INVENTORY --to NODE`"))
    }
}
