//! The state of a cluster, as `pgha status` tells it.

mod assess;
mod members;
mod poolers;
mod questions;
mod registration;
mod replication;
mod slots;
mod words;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use assess::assess;
pub use questions::{hosts, questions};

/// What the cluster looks like now, read live from PostgreSQL and pgbouncer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub cluster: String,
    /// Exactly one primary, every member streaming on its timeline, repmgrd running, every pooler at the primary and not
    /// paused, and no problem.
    pub healthy: bool,
    pub failover: FailoverMode,
    pub nodes: Vec<Node>,
    pub poolers: Vec<Pooler>,
    /// Sentences; where repmgr's tables or a pooler differ from what PostgreSQL says, they say so.
    pub problems: Vec<String>,
}

/// Who takes a dead primary's place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailoverMode {
    /// repmgrd promotes a standby.
    Automatic,
    /// Nobody, until somebody runs `pgha failover`: two members without a witness, or `cluster_manager: none`.
    #[default]
    Manual,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    pub name: String,
    pub role: Role,
    /// `running`, `streaming`, `catchup`, `not replicating`, `stopped`, `starting`, `not installed`, `unreachable`; of one that is
    /// there and does not tell, why ([`Why::word`](crate::facts::Why::word)); `unknown` where the host could not be asked.
    pub state: String,
    pub timeline: Option<u32>,
    /// The member that it streams from, or `host:port` if that is no member's.
    pub upstream: Option<String>,
    /// Bytes of WAL that it has not replayed, against the primary's flush position.
    pub lag_bytes: Option<u64>,
    /// `running`, `paused`, `stopped`, or nothing where it is not known.
    pub repmgrd: Option<String>,
    /// `host:port`.
    pub address: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Primary,
    Standby,
    Witness,
    Down,
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pooler {
    pub name: String,
    /// The member it sends clients to, by name, or `host:port` if it is no member's.
    pub target: Option<String>,
    pub paused: Option<bool>,
}
