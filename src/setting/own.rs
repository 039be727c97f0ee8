//! One thing has one name: settings that pgha writes itself, from variables of its own or from what must be so.

/// The map of the inventory that a setting stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Map {
    Postgresql,
    Pgbouncer,
    Repmgr,
}

impl Map {
    /// The one of that variable.
    pub fn of_variable(name: &str) -> Option<Self> {
        match name {
            "postgresql_settings" => Some(Self::Postgresql),
            "pgbouncer_settings" => Some(Self::Pgbouncer),
            "repmgr_settings" => Some(Self::Repmgr),
            _ => None,
        }
    }
}

/// What to write instead, where a setting is not one for its map.
pub fn fixed(map: Map, name: &str) -> Option<String> {
    let (_, instead) = match map {
        Map::Postgresql => POSTGRESQL,
        Map::Pgbouncer => PGBOUNCER,
        Map::Repmgr => REPMGR,
    }
    .iter()
    .find(|(own, _)| *own == name)?;
    Some(match instead {
        Instead::Variable(variable) => format!("set `{variable}`"),
        Instead::Reason(reason) => (*reason).to_owned(),
    })
}

enum Instead {
    Variable(&'static str),
    Reason(&'static str),
}

use Instead::{Reason, Variable};

const PLACE: Instead = Reason("remove it: pgha and Debian's tools look in Debian's own place");
const FOLLOWED: Instead =
    Reason("remove it: whom a standby follows changes with the primary, and pgha writes it");
const ONE_POINT: Instead = Reason(
    "remove it: a standby that stops at a point follows nobody; recover into another server",
);
const INCLUDED: Instead =
    Reason("write the settings themselves: what another file says would go over them");
const VERSIONED: Instead = Reason("remove it: it follows from `postgresql_version`");

const POSTGRESQL: &[(&str, Instead)] = &[
    ("port", Variable("postgresql_port")),
    ("listen_addresses", Variable("postgresql_listen_addresses")),
    ("data_directory", Variable("postgresql_data_directory")),
    ("cluster_name", Variable("cluster_name")),
    (
        "hba_file",
        Reason("add lines with `postgresql_hba`: the file itself is pgha's"),
    ),
    ("ident_file", PLACE),
    ("config_file", PLACE),
    ("external_pid_file", PLACE),
    ("unix_socket_directories", PLACE),
    ("include", INCLUDED),
    ("include_if_exists", INCLUDED),
    ("include_dir", INCLUDED),
    ("primary_conninfo", FOLLOWED),
    ("primary_slot_name", FOLLOWED),
    ("promote_trigger_file", FOLLOWED),
    ("recovery_target", ONE_POINT),
    ("recovery_target_action", ONE_POINT),
    ("recovery_target_inclusive", ONE_POINT),
    ("recovery_target_lsn", ONE_POINT),
    ("recovery_target_name", ONE_POINT),
    ("recovery_target_time", ONE_POINT),
    ("recovery_target_timeline", ONE_POINT),
    ("recovery_target_xid", ONE_POINT),
];

const PGBOUNCER: &[(&str, Instead)] = &[
    ("listen_addr", Variable("pgbouncer_listen_address")),
    ("listen_port", Variable("pgbouncer_port")),
    (
        "auth_file",
        Reason("add users with `postgresql_users`: the file is pgha's"),
    ),
    (
        "auth_user",
        Reason(
            "name the users in `postgresql_users`: pgha's file of users has verifiers, with which pgbouncer cannot log in to ask for others",
        ),
    ),
    ("unix_socket_dir", PLACE),
    ("pidfile", PLACE),
    ("conffile", PLACE),
    (
        "user",
        Reason("remove it: the service's unit says as whom it runs"),
    ),
];

const REPMGR: &[(&str, Instead)] = &[
    ("node_id", Variable("repmgr_node_id")),
    (
        "node_name",
        Reason("remove it: a node has its host's name in the inventory"),
    ),
    (
        "conninfo",
        Reason("set `ansible_host`, `postgresql_port`, `repmgr_user` or `repmgr_database`"),
    ),
    ("data_directory", Variable("postgresql_data_directory")),
    ("config_directory", VERSIONED),
    ("pg_bindir", VERSIONED),
    ("repmgr_bindir", VERSIONED),
    ("replication_user", Variable("repmgr_user")),
    ("location", Variable("repmgr_location")),
    ("priority", Variable("repmgr_priority")),
    ("passfile", PLACE),
    ("repmgrd_pid_file", PLACE),
    (
        "use_replication_slots",
        Reason("remove it: pgha keeps a slot for every member"),
    ),
];
