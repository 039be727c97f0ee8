//! What must still hold when an operation starts.

use serde::{Deserialize, Serialize};

/// A condition on one host, compared in the same exchange as the effect it protects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// The path does not exist.
    PathAbsent { path: String },
    /// The directory does not exist, or is empty: there is no data to lose.
    NoCluster { path: String },
    /// Something is at the path, whatever it holds: an earlier change of this plan wrote it.
    PathExists { path: String },
    /// The file's content has this SHA-256, in hexadecimal.
    FileIs { path: String, sha256: String },
    /// The file is the very one that was seen: inode, size in bytes and time of change, as `stat -c '%i %s %.9Y'` prints
    /// them. Used for files with secrets, whose hash a stored plan must not carry.
    FileUntouched { path: String, witness: String },
    /// PostgreSQL answers on this port's local socket, is the primary, and has this system identifier (where known).
    IsPrimary {
        port: u16,
        system_identifier: Option<String>,
    },
    /// PostgreSQL answers on this port's local socket and is in recovery.
    IsStandby { port: u16 },
    /// The unit's main process is the one that was seen.
    MainPid { unit: String, pid: u32 },
}
