//! The names of variables that mean something to pgha.

use std::sync::LazyLock;

use super::Variables;

/// Variables that begin like this are pgha's, misspelt, or another role's.
const PREFIXES: [&str; 5] = ["cluster_", "postgresql_", "repmgr_", "pgbouncer_", "watch_"];

/// The variables that say how a host is reached.
const CONNECTION: [&str; 16] = [
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
    "ansible_become_password_file",
    "ansible_connection",
];

/// Variables by which Ansible would reach a host in another way, and what pgha does instead.
const UNREAD: [(&str, &str); 9] = [
    (
        "ansible_password",
        "pgha logs in with keys: `ansible_ssh_private_key_file`, or the agent",
    ),
    (
        "ansible_ssh_pass",
        "pgha logs in with keys: `ansible_ssh_private_key_file`, or the agent",
    ),
    (
        "ansible_ssh_password",
        "pgha logs in with keys: `ansible_ssh_private_key_file`, or the agent",
    ),
    ("ansible_become_flags", "pgha runs `sudo -H -u USER`"),
    (
        "ansible_become_exe",
        "pgha runs `sudo` from the login user's `PATH`",
    ),
    (
        "ansible_ssh_executable",
        "pgha runs `ssh` from its own `PATH`",
    ),
    ("ansible_sudo", "write `ansible_become`"),
    ("ansible_sudo_user", "write `ansible_become_user`"),
    (
        "ansible_ssh_timeout",
        "write `ansible_ssh_common_args: -o ConnectTimeout=10`",
    ),
];

/// Why a variable of a connection is not read.
pub(super) fn unread(name: &str) -> Option<&'static str> {
    let found = UNREAD.iter().find(|(known, _)| *known == name);
    found.map(|(_, why)| *why)
}

/// The variables that must be the same on all hosts of a cluster.
pub(super) const CLUSTER: [&str; 18] = [
    "cluster_name",
    "cluster_manager",
    "cluster_replication_user",
    "cluster_rewind_user",
    "cluster_role_port",
    "cluster_role_http_port",
    "cluster_role_clients",
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

/// The names of the variables that say how a host is reached.
pub fn connection_variables() -> &'static [&'static str] {
    &CONNECTION
}

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

/// The password for `sudo`: of several names the one that Ansible takes.
pub(super) const BECOME_PASSWORD: [&str; 3] = [
    "ansible_sudo_pass",
    "ansible_become_pass",
    "ansible_become_password",
];

/// Whether pgha acts on a variable of that name.
pub(super) fn is_read(name: &str) -> bool {
    is_ours(name) || BECOME_PASSWORD.contains(&name)
}

/// Whether a variable of that name is the user's own: templates see it as it is.
pub(super) fn is_own(name: &str) -> bool {
    !is_pgha(name) && !is_ansible_password(name)
}

/// Whether a variable of that name is pgha's, or looks as if it were.
pub(super) fn is_reserved(name: &str) -> bool {
    !prefix(name).is_empty()
}

/// The beginning by which it looks like pgha's; nothing if it does not.
pub(super) fn prefix(name: &str) -> &'static str {
    let mut prefixes = PREFIXES.into_iter();
    prefixes
        .find(|prefix| name.starts_with(prefix))
        .unwrap_or_default()
}

/// Whether Ansible keeps a password in a variable of that name.
pub(super) fn is_ansible_password(name: &str) -> bool {
    name.starts_with("ansible_")
        && (name.ends_with("_pass") || name.ends_with("_password") || name.ends_with("_passphrase"))
}
