//! What was seen on the hosts at one moment, typed. Planning changes a copy of it as each change would.

mod bare;
mod database;
mod instance;
pub mod marks;
mod parse;
mod path;
mod places;
mod pooler;
mod probe;
mod readiness;
mod recorded;
mod release;
mod switch;
mod time;
mod unit;
mod wal;
mod wire;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::condition::Condition;

pub use bare::bare;
pub use database::{
    Broken, DataDirectory, Database, NodeRecord, OwnSetting, Receiver, Role, Sender, Server,
    Setting, Slot, Tablespace, Written,
};
pub use instance::{Instance, Untold, Why};
pub use parse::{Answer, Answers, parse, understood};
pub use path::Path;
pub use places::{Filesystem, Filesystems, Places};
pub use pooler::{Pooler, PoolerDatabase};
pub use probe::{Probe, Probes, Section, script};
pub use readiness::{
    Activity, AskedMember, Lag, Peer, Postmaster, Questions, Readiness, Session, Tried,
};
pub use recorded::{Recorded, pretty};
pub use release::Release;
pub use switch::Part;
pub use time::Time;
pub use unit::Unit;
pub use wal::{Saved, Wal};

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
    /// Where it was asked for.
    #[serde(default)]
    pub filesystems: Filesystems,
    /// The data directory of the cluster, if it exists.
    pub data: Option<DataDirectory>,
    /// Where that is, or would be, and what leads out of it.
    #[serde(default)]
    pub places: Places,
    /// PostgreSQL, asked on its local socket.
    pub server: Instance,
    /// What a server holds that a plan stopped, or made: it holds it once it is started. No host is ever seen like this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Server>,
    /// The write-ahead log in the data directory, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wal: Option<Wal>,
    /// pgbouncer, if it answers on its local socket.
    pub pooler: Option<Pooler>,
    /// The files that are left of a cluster, whatever has become of its data: Debian's configuration of it, and what pgha keeps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remains: Vec<String>,
    /// What a handover needs, where it was asked for.
    #[serde(default)]
    pub readiness: Option<Readiness>,
}

impl Facts {
    /// Whether a member's PostgreSQL takes writes, as far as is known. Of one that does not tell its data say that it is a
    /// standby if it would start as one, and has not begun to take writes all the same.
    pub fn may_take_writes(&self) -> bool {
        let is_standby =
            |data: &DataDirectory| data.standby_signal && data.state != "in production";
        match &self.server {
            Instance::Answers(server) => !server.in_recovery,
            Instance::Untold { .. } | Instance::Unseen => {
                !self.data.as_ref().is_some_and(is_standby)
            }
            Instance::Down => false,
        }
    }

    /// The unit that was asked about as `full_name` (`app.service`, `app.timer`), or without `.service`; `None`: nobody asked.
    pub fn unit_mut(&mut self, full_name: &str) -> Option<&mut Unit> {
        let short = full_name.strip_suffix(".service").unwrap_or(full_name);
        let asked = [full_name, short]
            .into_iter()
            .find(|name| self.units.contains_key(*name))?;
        self.units.get_mut(asked)
    }
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
