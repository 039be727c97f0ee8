//! PostgreSQL on a host: its data directory, and the server where it answers.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Time;
use crate::postgres::lsn::Lsn;

/// A data directory, read from its files; true of a stopped server too.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DataDirectory {
    /// The path, with links resolved.
    pub path: String,
    /// Major version in `PG_VERSION`.
    pub version: String,
    pub system_identifier: Option<String>,
    /// `pg_controldata`'s cluster state, e.g. `in production`, `shut down`.
    pub state: String,
    pub standby_signal: bool,
    /// When that was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Time>,
    /// When somebody last paused repmgrd, or let it go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repmgrd_state: Option<Time>,
    /// A primary that was replaced: it would start as a standby, and is told to follow nobody.
    #[serde(default)]
    pub fenced: bool,
    pub checksums: bool,
    /// The control file's timeline; behind the server's own right after a promotion.
    pub timeline: Option<u32>,
    /// The replication slots that it holds, physical and logical, whether the server runs or not.
    #[serde(default)]
    pub slots: Vec<String>,
}

/// A server that answers on its local socket.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Server {
    pub in_recovery: bool,
    pub system_identifier: Option<String>,
    pub timeline: Option<u32>,
    /// Flushed (primary) or replayed (standby) position.
    pub position: Option<Lsn>,
    /// The end of what a standby has received since it started.
    #[serde(default)]
    pub received: Option<Lsn>,
    /// Whether somebody has paused a standby's replay.
    #[serde(default)]
    pub replay_paused: bool,
    pub started: Time,
    /// When the configuration was last loaded, `pg_conf_load_time()`.
    pub loaded: Time,
    pub settings: BTreeMap<String, Setting>,
    /// All settings in the server's files; the last of two wins.
    pub files: Vec<Written>,
    /// Settings that no file gives the session that asked, and what does: `command line`, `database`, `user`, `client` and the like (`source` of
    /// `pg_settings`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<String, String>,
    /// Lines of the files that the server could not take. While there is one that it cannot read, it takes none, and does not start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<Broken>,
    /// What roles and databases set for their sessions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own_settings: Vec<OwnSetting>,
    /// Settings in `postgresql.auto.conf`, i.e. from `ALTER SYSTEM`.
    pub overrides: BTreeMap<String, String>,
    pub roles: BTreeMap<String, Role>,
    pub databases: BTreeMap<String, Database>,
    /// Physical slots by name.
    pub slots: BTreeMap<String, Slot>,
    /// `pg_stat_replication` by `application_name`.
    pub senders: BTreeMap<String, Sender>,
    pub receiver: Option<Receiver>,
    /// `repmgr.nodes` by `node_name`.
    pub nodes: BTreeMap<String, NodeRecord>,
    /// Database to its extensions; only for the databases that were asked about.
    pub extensions: BTreeMap<String, Vec<String>>,
    /// Whether repmgrd is paused, where repmgr is installed.
    pub repmgrd_paused: Option<bool>,
    /// The member that was the primary before, by repmgr's record of events.
    #[serde(default)]
    pub previous_primary: Option<String>,
    /// Bytes of all databases.
    pub size: u64,
    /// The tablespaces that somebody made, by OID.
    #[serde(default)]
    pub tablespaces: BTreeMap<String, Tablespace>,
}

/// A tablespace outside of the data directory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tablespace {
    /// Where it is on the host that was asked, an absolute path.
    pub location: String,
    /// Bytes.
    pub size: u64,
}

/// One row of `pg_settings`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// The running value as `SHOW` prints it.
    pub value: String,
    /// The running value in the setting's base unit.
    pub raw: String,
    pub unit: Option<String>,
    /// `postmaster` means: only a restart changes it.
    pub context: String,
    /// `bool integer real string enum`.
    pub vartype: String,
    pub pending_restart: bool,
    /// The value that a restart will bring: as it is written in the files, or will be.
    #[serde(default)]
    pub waiting: Option<String>,
    /// The value that it has where nobody sets it.
    #[serde(default)]
    pub initial: Option<String>,
}

/// A setting as it stands in one of the server's files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Written {
    pub file: String,
    pub name: String,
    pub value: String,
    /// Counted from 1; `None` where a plan has written it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// A line of the server's files that it cannot take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    pub file: String,
    #[serde(default)]
    pub line: Option<u32>,
    /// Absent where it could not be read.
    #[serde(default)]
    pub name: Option<String>,
    /// In the server's words.
    pub error: String,
}

/// `ALTER ROLE … SET` and `ALTER DATABASE … SET`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OwnSetting {
    /// `None`: of all roles.
    #[serde(default)]
    pub role: Option<String>,
    /// `None`: in all databases.
    #[serde(default)]
    pub database: Option<String>,
    pub name: String,
    pub value: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Role {
    pub login: bool,
    pub superuser: bool,
    pub replication: bool,
    pub createdb: bool,
    pub createrole: bool,
    pub bypassrls: bool,
    /// SHA-256 (hexadecimal) of the stored password verifier: the verifier itself never leaves the host.
    pub password_sha256: Option<String>,
    /// Whether what is stored is an MD5 hash, which `scram-sha-256` in `pg_hba.conf` does not take.
    #[serde(default)]
    pub md5: bool,
    pub member_of: Vec<String>,
    /// What its sessions set, in every database.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Functions of `pg_catalog` that were granted to it in the database `postgres`, with their arguments' types.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub executes: BTreeSet<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Database {
    pub owner: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    pub active: bool,
    /// `reserved extended unreserved lost`, from version 13.
    pub wal_status: Option<String>,
    /// The member that used it, and that a plan lets use another one; nobody when it was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
}

/// A standby, as its upstream sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sender {
    pub state: String,
    pub replayed: Option<Lsn>,
    pub sync_state: String,
    pub address: Option<String>,
}

/// A standby's own view of its stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Receiver {
    pub status: String,
    pub host: Option<String>,
    pub port: Option<u16>,
    pub slot: Option<String>,
    pub timeline: Option<u32>,
}

/// A row of `repmgr.nodes`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeRecord {
    pub node_id: u32,
    pub upstream_node_id: Option<u32>,
    pub active: bool,
    pub kind: String,
    pub location: String,
    pub priority: u32,
    pub conninfo: String,
    pub slot_name: Option<String>,
    pub config_file: String,
}
