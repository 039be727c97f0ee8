//! The plan: a value that is shown, stored, and interpreted.

mod argument;
mod build;
mod change;
mod context;
mod failover;
mod guard;
mod handover;
mod intent;
mod lint;
mod op;
mod own_server;
mod registered;
mod remains;
mod removal;
mod returning;
mod seen;
mod topology;
mod walk;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

pub use build::Declaration;
pub use change::{Action, Before, Change, Field, FileDiff, Shown};
pub use failover::{Failover, place, reached};
pub use guard::Guard;
pub use handover::{Drain, Handover};
pub use intent::Intent;
pub use op::{Check, Op, ServiceAction, noted, noted_name};
pub use remains::configuration;
pub use removal::Removal;
pub use returning::Returning;
pub use seen::Seen;
pub use topology::{Member, Peer, Topology, fails_over};

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
    /// Whether nobody is the primary yet, but there are standbys: `primary` is the one that will be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaderless: bool,
    /// Secrets that are made right before it runs, and kept beside the inventory.
    #[serde(default)]
    pub new_secrets: Vec<String>,
    /// Roles that keep the password that they have, which nobody has told pgha. Right before the plan runs, their verifiers are
    /// read from the primary and kept with the secrets, for the poolers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept_passwords: Vec<String>,
    pub stages: Vec<Stage>,
    /// What is done at the end however the stages ended, once it is known how.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub always: Vec<Stage>,
    /// What is known to be due but is held back until it is allowed, or cannot be mended by pgha.
    pub held: Vec<Held>,
    /// Whether more can be planned once it was run: it starts a server that does not tell what it holds while it is stopped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unfinished: bool,
    /// What goes on, and somebody should know of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// The largest set of changes without a dependency between hosts: every host runs its list at the same time as the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    pub hosts: IndexMap<String, Vec<Change>>,
    /// Seconds after which a host that has not done its part counts as lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<u32>,
}

/// A change that is due and not made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub host: String,
    pub what: String,
    /// What the user may do about it.
    pub hint: String,
}

/// What the plan does not stop for, and somebody will feel: a session that is cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    pub host: String,
    pub what: String,
}

impl Plan {
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty() && self.always.is_empty()
    }

    /// The stage of the change after which there is no way back; `None`: the plan has no way back at all, it only stops.
    pub fn decision(&self) -> Option<usize> {
        self.stages
            .iter()
            .position(|stage| stage.hosts.values().flatten().any(|change| change.decides))
    }

    /// The member that becomes the primary, or is it already.
    pub fn candidate(&self) -> &str {
        let decision = self.changes().find(|change| change.decides);
        decision.map_or(&self.primary, |change| &change.host)
    }

    /// The primary that is replaced, if one is.
    pub fn outgoing(&self) -> Option<&str> {
        self.decision()?;
        (!self.leaderless).then_some(self.primary.as_str())
    }

    /// Every change, in the order in which it is shown.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.stages
            .iter()
            .chain(&self.always)
            .flat_map(|stage| stage.hosts.values().flatten())
    }
}

impl Plan {
    /// The names of all secrets that its operations need, each once, sorted.
    pub fn secrets(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .changes()
            .flat_map(|change| change.ops.iter().chain(&change.undo))
            .flat_map(|op| op.text().into_iter().flat_map(crate::secret::Text::secrets))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
