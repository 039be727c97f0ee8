//! The variables that pgha itself knows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The variables of one host. A field's name is the variable's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Variables {
    pub cluster_name: String,
    pub cluster_initial_primary: Option<String>,
    pub cluster_preferred_primary: Option<String>,
    /// Seconds without an answer from any other member after which a primary stops; absent, it never does.
    pub cluster_isolation_timeout: Option<u32>,
    pub postgresql_version: Option<u16>,
    pub postgresql_port: u16,
    /// Absolute; absent, the distribution's own place.
    pub postgresql_data_directory: Option<String>,
    pub postgresql_listen_addresses: String,
    /// Booleans are `on` and `off`; everything else as written.
    pub postgresql_settings: BTreeMap<String, String>,
    /// Lines of `pg_hba.conf`, as written.
    pub postgresql_hba: Vec<String>,
    pub postgresql_users: Vec<User>,
    pub postgresql_databases: Vec<Database>,
    pub repmgr_node_id: Option<u32>,
    pub repmgr_priority: u32,
    pub repmgr_location: String,
    pub repmgr_settings: BTreeMap<String, String>,
    pub repmgr_database: String,
    pub repmgr_user: String,
    /// The role by which hosts ask which member is the primary.
    pub watch_user: String,
    pub pgbouncer_port: u16,
    pub pgbouncer_listen_address: String,
    pub pgbouncer_settings: BTreeMap<String, String>,
}

impl Default for Variables {
    fn default() -> Self {
        Self {
            cluster_name: "pgha".to_owned(),
            cluster_initial_primary: None,
            cluster_preferred_primary: None,
            cluster_isolation_timeout: None,
            postgresql_version: None,
            postgresql_port: 5432,
            postgresql_data_directory: None,
            postgresql_listen_addresses: "*".to_owned(),
            postgresql_settings: BTreeMap::new(),
            postgresql_hba: Vec::new(),
            postgresql_users: Vec::new(),
            postgresql_databases: Vec::new(),
            repmgr_node_id: None,
            repmgr_priority: 100,
            repmgr_location: "default".to_owned(),
            repmgr_settings: BTreeMap::new(),
            repmgr_database: "repmgr".to_owned(),
            repmgr_user: "repmgr".to_owned(),
            watch_user: "pgha_watch".to_owned(),
            pgbouncer_port: 6432,
            pgbouncer_listen_address: "*".to_owned(),
            pgbouncer_settings: BTreeMap::new(),
        }
    }
}

/// An entry of `postgresql_users`. Its password, if the user gave one, is in the inventory's secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub name: String,
    /// `CREATEDB`, `NOLOGIN`, …: upper case.
    #[serde(default)]
    pub attributes: Vec<String>,
    #[serde(default)]
    pub member_of: Vec<String>,
}

impl User {
    pub fn may_log_in(&self) -> bool {
        !self.attributes.iter().any(|word| word == "NOLOGIN")
    }
}

/// An entry of `postgresql_databases`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    pub name: String,
    #[serde(default)]
    pub owner: Option<String>,
    #[serde(default)]
    pub extensions: Vec<String>,
}
