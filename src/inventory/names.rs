//! The names of variables that mean something to pgha.

use std::sync::LazyLock;

use super::Variables;
use crate::problem::did_you_mean;

/// Variables that begin like this are pgha's, or misspelt.
const PREFIXES: [&str; 5] = ["cluster_", "postgresql_", "repmgr_", "pgbouncer_", "watch_"];

/// The variables that say how a host is reached.
const CONNECTION: [&str; 15] = [
    "ansible_host",
    "ansible_ssh_host",
    "ansible_port",
    "ansible_ssh_port",
    "ansible_user",
    "ansible_ssh_user",
    "ansible_private_key_file",
    "ansible_ssh_private_key_file",
    "ansible_ssh_common_args",
    "ansible_ssh_extra_args",
    "ansible_ssh_args",
    "ansible_become",
    "ansible_become_user",
    "ansible_become_method",
    "ansible_connection",
];

/// The variables that must be the same on all hosts of a cluster.
pub(super) const CLUSTER: [&str; 12] = [
    "cluster_name",
    "cluster_initial_primary",
    "cluster_preferred_primary",
    "cluster_isolation_timeout",
    "postgresql_version",
    "postgresql_users",
    "postgresql_databases",
    "repmgr_database",
    "repmgr_user",
    "watch_user",
    "secrets_command",
    PASSWORD,
];

/// The one variable that is a password.
pub(super) const PASSWORD: &str = "repmgr_password";

/// pgha's own variables: the fields of [`Variables`], and the password.
pub(super) fn pgha() -> &'static [String] {
    static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
        let defaults = super::typed::to_json(&Variables::default());
        defaults
            .into_iter()
            .map(|(name, _)| name)
            .chain([PASSWORD.to_owned()])
            .collect()
    });
    &NAMES
}

pub(super) fn is_pgha(name: &str) -> bool {
    pgha().iter().any(|known| known == name)
}

/// Whether a variable of that name says how a host is reached.
pub(super) fn is_connection(name: &str) -> bool {
    CONNECTION.contains(&name)
}

/// Whether pgha acts on a variable of that name.
pub(super) fn is_ours(name: &str) -> bool {
    is_connection(name) || is_pgha(name)
}

/// Whether a variable of that name is the user's own: templates see it as it is.
pub(super) fn is_own(name: &str) -> bool {
    !is_pgha(name) && !is_ansible_password(name)
}

pub(super) fn is_reserved(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The variable that a misspelt one most likely meant. All of one prefix look alike, so the rest must.
pub(super) fn alike(name: &str) -> Option<String> {
    let prefix = PREFIXES.iter().find(|prefix| name.starts_with(**prefix))?;
    let rests = pgha().iter().filter_map(|known| known.strip_prefix(prefix));
    did_you_mean(&name[prefix.len()..], rests).map(|rest| format!("{prefix}{rest}"))
}

/// Whether Ansible keeps a password in a variable of that name.
pub(super) fn is_ansible_password(name: &str) -> bool {
    name.starts_with("ansible_")
        && (name.ends_with("_pass") || name.ends_with("_password") || name.ends_with("_passphrase"))
}
