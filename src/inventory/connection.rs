//! How a host is reached: Ansible's connection variables, typed.

use std::fmt;
use std::path::PathBuf;

use crate::problem::Problem;

/// The way to a shell on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    pub way: Way,
    /// `ansible_become_user` where `ansible_become` is set: whom `sudo -n` turns into. Always `root` unless said otherwise.
    pub become_user: Option<String>,
    /// What `sudo` is told where it asks; absent, it must not ask.
    pub become_password: Option<BecomePassword>,
}

/// A password of `sudo`. It has no `Display`, and `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct BecomePassword(String);

impl BecomePassword {
    /// # Errors
    /// It is empty, or more than a line: `sudo` reads one. The problem does not have it.
    pub fn new(text: impl Into<String>) -> Result<Self, Problem> {
        let text = text.into();
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(
                Problem::input("the password for `sudo` is empty, or more than a line")
                    .hint("it is one line of text; leave it out where `sudo` does not ask"),
            );
        }
        Ok(Self(text))
    }

    /// The line that `sudo` reads.
    pub fn line(&self) -> String {
        format!("{}\n", self.0)
    }
}

impl fmt::Debug for BecomePassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BecomePassword(…)")
    }
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
