//! A systemd unit.

use serde::{Deserialize, Serialize};

use super::Time;

/// What `systemctl show` says of a unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    /// `loaded`, `not-found`, `masked`.
    pub load: String,
    /// `active`, `inactive`, `failed`, `activating`.
    pub active: String,
    /// `running`, `exited`, `dead`.
    pub sub: String,
    /// Whether it starts at boot.
    pub enabled: bool,
    pub main_pid: Option<u32>,
    /// When it last became active.
    pub started: Time,
    /// When its state last changed; a reload counts.
    pub changed: Time,
    /// Whether a unit file is newer than what systemd has loaded.
    pub needs_daemon_reload: bool,
}

impl Unit {
    /// Whether its process runs: `active (exited)`, what a SysV script that did nothing leaves, is not running.
    pub fn is_running(&self) -> bool {
        self.active == "active" && self.sub != "exited"
    }
}
