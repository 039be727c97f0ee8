//! What must be the same on all hosts of a cluster.

use super::{Database, User};

/// The variables that describe the cluster as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterVars {
    /// `cluster_name`
    pub name: String,
    /// `cluster_initial_primary`, else the first host of group `postgres`: who becomes primary where there is no cluster yet.
    pub initial_primary: String,
    /// `cluster_preferred_primary`
    pub preferred_primary: Option<String>,
    /// `postgresql_version`; absent, the one that the host's release ships.
    pub postgresql_version: Option<u16>,
    /// `postgresql_users`; their passwords are in the inventory's secrets.
    pub users: Vec<User>,
    /// `postgresql_databases`
    pub databases: Vec<Database>,
    pub repmgr_database: String,
    pub repmgr_user: String,
}
