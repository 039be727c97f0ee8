//! How a host is reached: Ansible's connection variables, typed.

use std::path::PathBuf;

/// The way to a shell on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    pub way: Way,
    /// `ansible_become_user` where `ansible_become` is set: whom `sudo -n` turns into. Always `root` unless said otherwise.
    pub become_user: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// `ansible_connection: local`: this very machine.
    Local,
    Ssh {
        /// `ansible_host`, else the host's name in the inventory.
        address: String,
        /// `ansible_port`; absent, `~/.ssh/config` and then 22 decide.
        port: Option<u16>,
        user: Option<String>,
        /// `ansible_ssh_private_key_file`, made absolute against the inventory's folder.
        private_key: Option<PathBuf>,
        /// The `-o Key=Value` of `ansible_ssh_common_args`, in order; a relative `UserKnownHostsFile` is made absolute.
        options: Vec<(String, String)>,
    },
}
