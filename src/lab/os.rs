//! Which releases a lab host can run.

use std::fmt;

use clap::ValueEnum;

/// A Debian release that lab hosts run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Os {
    #[value(name = "debian-11")]
    Debian11,
    #[value(name = "debian-12")]
    Debian12,
    #[value(name = "debian-13")]
    Debian13,
}

impl Os {
    /// Debian's code name of the release, as archives and `debootstrap` spell it.
    pub fn suite(self) -> &'static str {
        match self {
            Self::Debian11 => "bullseye",
            Self::Debian12 => "bookworm",
            Self::Debian13 => "trixie",
        }
    }

    /// The image in Docker's own registry that holds the release.
    pub fn registry_image(self) -> &'static str {
        match self {
            Self::Debian11 => "debian:11",
            Self::Debian12 => "debian:12",
            Self::Debian13 => "debian:13",
        }
    }

    /// The local base image made of it.
    pub fn base_image(self) -> String {
        format!("pgha-lab:{self}")
    }
}

/// The name on the command line: `debian-12`.
impl fmt::Display for Os {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = match self {
            Self::Debian11 => 11,
            Self::Debian12 => 12,
            Self::Debian13 => 13,
        };
        write!(f, "debian-{number}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_shown_as_it_is_typed() {
        for os in Os::value_variants() {
            assert_eq!(Os::from_str(&os.to_string(), false), Ok(*os));
        }
        assert_eq!(Os::Debian12.base_image(), "pgha-lab:debian-12");
    }
}
