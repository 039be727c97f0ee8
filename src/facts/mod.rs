//! What was seen on the hosts at one moment, typed. Planning changes a copy of it as each change would.

mod bare;
mod database;
mod parse;
mod path;
mod pooler;
mod probe;
mod release;
mod time;
mod unit;
mod wire;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::condition::Condition;

pub use bare::bare;
pub use database::{
    DataDirectory, Database, NodeRecord, Receiver, Role, Sender, Server, Setting, Slot, Written,
};
pub use parse::{Answer, Answers, parse};
pub use path::Path;
pub use pooler::{Pooler, PoolerDatabase};
pub use probe::{Probe, Probes, Section, script};
pub use release::Release;
pub use time::Time;
pub use unit::Unit;

/// The facts of one host. What no step asked about is not in the maps; what was asked about and is not there is in them as
/// absent, so that "not asked" and "not there" cannot be confused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    pub system: System,
    /// Package to installed version.
    pub packages: BTreeMap<String, Option<String>>,
    pub paths: BTreeMap<String, Path>,
    pub users: BTreeMap<String, bool>,
    pub units: BTreeMap<String, Unit>,
    #[serde(skip)]
    pub conditions: BTreeMap<Condition, bool>,
    /// Path to free bytes on its filesystem (of the nearest parent that exists).
    pub free: BTreeMap<String, u64>,
    /// The data directory of the cluster, if it exists.
    pub data: Option<DataDirectory>,
    /// PostgreSQL, if it answers on its local socket.
    pub server: Option<Server>,
    /// pgbouncer, if it answers on its local socket.
    pub pooler: Option<Pooler>,
}

/// What is true of a host whatever it is used for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct System {
    /// `None`: a release that pgha does not know.
    pub release: Option<Release>,
    /// What `/etc/os-release` says, for messages.
    pub release_name: String,
    /// Bytes.
    pub memory: u64,
    pub processors: u32,
    /// The host's public SSH keys, each `type base64`.
    pub host_keys: Vec<String>,
}
