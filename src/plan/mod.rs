//! The plan: a value that is shown, stored, and interpreted.

mod argument;
mod build;
mod change;
mod context;
mod guard;
mod lint;
mod op;
mod topology;
mod walk;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

pub use build::Declaration;
pub use change::{Action, Before, Change, Field, FileDiff, Shown};
pub use guard::Guard;
pub use op::{Op, ServiceAction};
pub use topology::{Member, Peer, Topology};

pub use crate::condition::Condition;

/// All changes that a playbook needs on the hosts as they were seen, in order.
///
/// The same declaration and the same facts give byte-identical plans.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub cluster: String,
    pub playbook: String,
    /// The member that is the primary, or will be.
    #[serde(default)]
    pub primary: String,
    /// Whether there is no cluster yet.
    #[serde(default)]
    pub bootstrap: bool,
    /// Secrets that are made right before it runs, and kept beside the inventory.
    #[serde(default)]
    pub new_secrets: Vec<String>,
    pub stages: Vec<Stage>,
    /// What is known to be due but is held back until it is allowed, or cannot be mended by pgha.
    pub held: Vec<Held>,
}

/// The largest set of changes without a dependency between hosts: every host runs its list at the same time as the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    pub hosts: IndexMap<String, Vec<Change>>,
}

/// A change that is due and not made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub host: String,
    pub what: String,
    /// What the user may do about it.
    pub hint: String,
}

impl Plan {
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// Every change, in the order in which it is shown.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.stages
            .iter()
            .flat_map(|stage| stage.hosts.values().flatten())
    }
}

impl Plan {
    /// The names of all secrets that its operations need, each once, sorted.
    pub fn secrets(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .changes()
            .flat_map(|change| &change.ops)
            .flat_map(|op| op.text().into_iter().flat_map(crate::secret::Text::secrets))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
