//! Whether a host could play its part in a handover, as far as the host itself can tell.

mod parse;
mod probe;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use parse::parse;
pub use probe::{AskedMember, Peer, Questions, script};

/// What was tried and found on one host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Readiness {
    /// Programs that a handover runs here, and that are not there.
    pub missing: Vec<String>,
    /// The process that `postmaster.pid` names, if it can be read and there is such a process.
    pub postmaster: Option<Postmaster>,
    /// `find-primary`: what it printed.
    pub primary: Tried,
    /// A replication login from here to each other member.
    pub replication: BTreeMap<String, Tried>,
    /// `ssh` as `postgres` from here to each other member.
    pub ssh: BTreeMap<String, Tried>,
    /// Members and poolers, with the IP addresses that their address means here.
    pub addresses: BTreeMap<String, Vec<String>>,
    /// Whether `pgbouncer.ini` includes the file with the databases.
    pub includes_databases: bool,
    /// What goes on in the server, where it answers.
    pub activity: Option<Activity>,
}

/// A server's first process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Postmaster {
    pub pid: u32,
    /// Whether it is in the control group of its unit, so that systemd sees it end.
    pub in_unit: bool,
}

/// A command that was run, and changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tried {
    pub code: i32,
    /// What it printed.
    pub said: String,
}

/// What goes on in a server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Activity {
    pub replay_paused: bool,
    /// Standbys by `application_name`.
    pub lags: BTreeMap<String, Lag>,
    /// WAL senders in use.
    pub senders: u32,
    /// Replication slots of any kind.
    pub slots: u32,
    /// Base backups that are being taken, by whom.
    pub backups: Vec<String>,
    /// WAL files that wait for the archiver.
    pub archive_ready: u32,
    /// Whether the archiver's last attempt failed.
    pub archiver_fails: bool,
    /// Connected clients.
    pub sessions: Vec<Session>,
}

/// Bytes of WAL that a standby is behind; `None`: it has not told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lag {
    pub sent: Option<u64>,
    pub flushed: Option<u64>,
    pub replayed: Option<u64>,
}

/// A row of `pg_stat_activity`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Session {
    pub pid: u32,
    /// `active`, `idle in transaction`.
    pub state: String,
    pub user: String,
    pub database: String,
    /// `None`: over a local socket.
    pub address: Option<String>,
    pub application: String,
    /// Seconds since its transaction began.
    pub transaction: Option<f64>,
    /// Seconds that it is in its state.
    pub in_state: Option<f64>,
}
