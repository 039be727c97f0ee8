//! A pgbouncer, as its admin console tells.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The state of one pgbouncer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pooler {
    /// `SHOW DATABASES`, without the console itself.
    pub databases: BTreeMap<String, PoolerDatabase>,
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
}
