//! The operating systems that pgha knows, and what PostgreSQL they ship.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::setting::Version;

/// A supported release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Release {
    #[serde(rename = "debian-11")]
    Debian11,
    #[serde(rename = "debian-12")]
    Debian12,
    #[serde(rename = "debian-13")]
    Debian13,
}

impl Release {
    pub const ALL: [Self; 3] = [Self::Debian11, Self::Debian12, Self::Debian13];

    /// `ID-VERSION_ID` of `/etc/os-release`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Debian11 => "debian-11",
            Self::Debian12 => "debian-12",
            Self::Debian13 => "debian-13",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|release| release.name() == name)
    }

    /// The version of pgbouncer that it ships.
    pub fn pgbouncer_version(self) -> Version {
        match self {
            Self::Debian11 => Version(1, 15),
            Self::Debian12 => Version(1, 18),
            Self::Debian13 => Version(1, 24),
        }
    }

    /// The version of repmgr that it ships.
    pub fn repmgr_version(self) -> Version {
        match self {
            Self::Debian11 => Version(5, 2),
            Self::Debian12 => Version(5, 3),
            Self::Debian13 => Version(5, 5),
        }
    }

    /// The major version of PostgreSQL in its own packages.
    pub fn postgresql_version(self) -> u16 {
        match self {
            Self::Debian11 => 13,
            Self::Debian12 => 15,
            Self::Debian13 => 17,
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
