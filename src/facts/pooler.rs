//! A pgbouncer, as its admin console tells.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The state of one pgbouncer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pooler {
    /// `SHOW DATABASES`, without the console itself.
    pub databases: BTreeMap<String, PoolerDatabase>,
    /// Whether clients will be held up, also those of databases that are not listed before somebody asks for them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// Users whose own `pool_mode` is `session`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub session_users: Vec<String>,
    /// `SHOW CONFIG`: name to running value.
    pub config: BTreeMap<String, String>,
    /// Names in `config` that only a restart changes.
    pub fixed: Vec<String>,
}

/// Where one database of a pooler leads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PoolerDatabase {
    pub host: String,
    pub port: u16,
    pub paused: bool,
    /// Clients are turned away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Its own, if it does not have the pooler's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_mode: Option<String>,
}
