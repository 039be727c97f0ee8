//! A path on a host.

use serde::{Deserialize, Serialize};

use super::Time;

/// What is at a path.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Path {
    #[default]
    Absent,
    /// Absent when it was looked at, but a package that the plan installs may bring it.
    Unknown,
    File {
        /// Octal, four digits.
        mode: String,
        owner: String,
        group: String,
        modified: Time,
        /// Hexadecimal; of planned content too, where it can be known.
        sha256: Option<String>,
        /// Inode, size and time of change, as `stat -c '%i %s %.9Y'` prints them.
        witness: Option<String>,
        /// Only where it was asked for, is text, and is not larger than 64 KiB.
        content: Option<String>,
    },
    Directory {
        mode: String,
        owner: String,
        group: String,
    },
    /// A link, socket, device: nothing that pgha writes.
    Other { kind: String },
}

impl Path {
    /// Nothing is known to be there.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent | Self::Unknown)
    }

    /// When a file was last written; the beginning of time for all else.
    pub fn modified(&self) -> Time {
        match self {
            Self::File { modified, .. } => *modified,
            _ => Time::default(),
        }
    }
}
