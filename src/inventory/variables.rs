//! The variables that pgha itself knows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manager::Manager;

/// The variables of one host. A field's name is the variable's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Variables {
    /// The name of the cluster.
    pub cluster_name: String,
    /// The group of the members, the hosts that run PostgreSQL, or several with `:` between them. A host belongs to the cluster whose
    /// group its `cluster_members` names. Where it is given and `cluster_name` is not, the cluster has its name.
    pub cluster_members: String,
    /// The group of the poolers, or several.
    pub cluster_poolers: String,
    /// The group of the witness.
    pub cluster_witness: String,
    /// What elects a primary and keeps the record of nodes: `repmgr` or `none`.
    pub cluster_manager: Manager,
    /// Without repmgr: the role by which standbys stream.
    pub cluster_replication_user: String,
    /// Without repmgr: the role by which a former primary is rewound; it may call four functions that read files.
    pub cluster_rewind_user: String,
    /// The member that is initialised as the primary while there is no cluster. Without it: the first in `postgres`.
    pub cluster_initial_primary: Option<String>,
    /// The member to which `failback` hands the role. Without it: the member that was the primary before.
    pub cluster_preferred_primary: Option<String>,
    /// Seconds for which a primary may see less than a majority of members and witness (itself counted) before it stops, until it sees
    /// enough again. Without it: it never stops for that.
    pub cluster_isolation_timeout: Option<u32>,
    /// A port on which each member says `MASTER`, `STANDBY` or `DOWN` to whoever connects.
    pub cluster_role_port: Option<u16>,
    /// A port on which each member answers the health checks of Patroni's REST API.
    pub cluster_role_http_port: Option<u16>,
    /// Who else than the cluster's own hosts may ask there: addresses, IPv4 networks (`10.0.0.0/24`), names of hosts.
    pub cluster_role_clients: Vec<String>,
    /// PostgreSQL's major version. Without it: the release's, 13, 15, 17 on Debian 11, 12, 13. Another one needs a package source that
    /// has it, which you add.
    pub postgresql_version: Option<u16>,
    /// The port of PostgreSQL.
    pub postgresql_port: u16,
    /// An absolute path. Without it: `/var/lib/postgresql/VERSION/main`.
    pub postgresql_data_directory: Option<String>,
    /// `listen_addresses` of PostgreSQL.
    pub postgresql_listen_addresses: String,
    /// Absolute; a folder of each member's own, or one that all of them share, to which its WAL is archived.
    pub postgresql_archive_directory: Option<String>,
    /// Settings over those of `templates/postgresql.conf.j2`. Booleans are written as `on` and `off`, everything else as it stands.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub postgresql_settings: BTreeMap<String, String>,
    /// Lines that are added to `templates/pg_hba.conf.j2`, as written. `trust` is refused.
    pub postgresql_hba: Vec<String>,
    /// Roles for applications and people.
    #[schemars(with = "Vec<super::typed::Entry>")]
    pub postgresql_users: Vec<User>,
    /// Databases.
    pub postgresql_databases: Vec<Database>,
    /// repmgr's node id. Without it: the smallest that is free; a registered node keeps the id that it has.
    pub repmgr_node_id: Option<u32>,
    /// repmgr's priority. With 0 repmgrd never promotes the member; a witness always has 0.
    pub repmgr_priority: u32,
    /// repmgr's location.
    pub repmgr_location: String,
    /// Settings over those of `templates/repmgr.conf.j2`. Keep `reconnect_attempts` × `reconnect_interval` well above 4 s: below that
    /// repmgrd 5.3.3 cancels the failover for good.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub repmgr_settings: BTreeMap<String, String>,
    /// The database of repmgr's tables.
    pub repmgr_database: String,
    /// The role of repmgr, a superuser.
    pub repmgr_user: String,
    /// The role by which hosts ask which member is the primary. It may log in to the database `postgres` from members and poolers, and
    /// nothing else.
    pub watch_user: String,
    /// The port of pgbouncer.
    pub pgbouncer_port: u16,
    /// `listen_addr` of pgbouncer.
    pub pgbouncer_listen_address: String,
    /// Settings over those of `templates/pgbouncer.ini.j2`.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub pgbouncer_settings: BTreeMap<String, String>,
    /// A command of `/bin/sh` that prints the secrets. Without it: they are kept in `secrets.yml`.
    pub secrets_command: Option<String>,
}

impl Default for Variables {
    fn default() -> Self {
        Self {
            cluster_name: "pgha".to_owned(),
            cluster_members: "postgres".to_owned(),
            cluster_poolers: "pgbouncer".to_owned(),
            cluster_witness: "witness".to_owned(),
            cluster_manager: Manager::default(),
            cluster_replication_user: "replica".to_owned(),
            cluster_rewind_user: "rewind".to_owned(),
            cluster_initial_primary: None,
            cluster_preferred_primary: None,
            cluster_isolation_timeout: None,
            cluster_role_port: None,
            cluster_role_http_port: None,
            cluster_role_clients: Vec::new(),
            postgresql_version: None,
            postgresql_port: 5432,
            postgresql_data_directory: None,
            postgresql_listen_addresses: "*".to_owned(),
            postgresql_archive_directory: None,
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
            secrets_command: None,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Database {
    /// The database.
    pub name: String,
    /// Its owner. Without it: `postgres`.
    #[serde(default)]
    pub owner: Option<String>,
    /// Extensions that are installed in it.
    #[serde(default)]
    pub extensions: Vec<String>,
}
