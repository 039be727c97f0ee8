//! Disposable hosts in containers: systemd, sshd, an address of its own, and nothing else.
//!
//! What belongs to a lab is known by its labels in the container engine ([`Labels`]), not by files: a lab can be listed
//! and removed whatever became of its folder.

mod debootstrap;
mod down;
mod engine;
mod files;
mod host;
mod image;
mod inventory;
mod keep;
mod kept;
mod kind;
mod list;
mod lock;
mod network;
mod os;
mod up;

use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

pub use down::{Removed, down};
pub use host::{Host, Role};
pub use keep::keep;
pub use kept::{Kept, kept};
pub use list::{Listed, ListedHost, list};
pub use os::Os;
pub use up::{Cluster, Lab, Request, up};

use crate::problem::Problem;

/// Who logs in to the hosts of a lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Login {
    /// `root`, by key.
    Root,
    /// `admin`, by key, with `sudo` without a password; `root` cannot log in.
    Admin,
}

impl Login {
    /// The user's name on the hosts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Admin => "admin",
        }
    }
}

/// What tells the containers and the network of one lab from all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// Six random hexadecimal digits.
    pub id: String,
    /// The lab's folder, absolute.
    pub dir: PathBuf,
}

impl Labels {
    fn new(dir: PathBuf) -> Self {
        Self {
            id: format!("{:06x}", rand::random::<u32>() >> 8),
            dir,
        }
    }

    /// The name of the container of a host.
    fn container(&self, host: &str) -> String {
        format!("pgha-{}-{host}", self.id)
    }

    /// The name of the lab's network.
    fn network(&self) -> String {
        format!("pgha-{}", self.id)
    }

    /// As arguments of `docker run`, `docker create` and `docker network create`.
    fn flags(&self) -> [String; 2] {
        [
            format!("--label=pgha.lab={}", self.id),
            format!("--label=pgha.dir={}", self.dir.display()),
        ]
    }
}

/// The one absolute path of a lab's folder, which may not exist (any more): links are resolved as far as it does.
fn absolute(dir: &Path) -> Result<PathBuf, Problem> {
    let resolve = || -> io::Result<PathBuf> {
        let full = std::path::absolute(dir)?;
        for ancestor in full.ancestors() {
            if let Ok(real) = ancestor.canonicalize() {
                let rest = full.strip_prefix(ancestor).unwrap_or(Path::new(""));
                // Joining nothing would add a slash.
                return Ok(if rest.as_os_str().is_empty() {
                    real
                } else {
                    real.join(rest)
                });
            }
        }
        Ok(full)
    };
    resolve().map_err(|error| {
        Problem::input(format!("`{}` is not a usable path", dir.display())).because(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_path_whether_it_exists_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real");
        std::fs::create_dir(&real).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(absolute(&link).unwrap(), absolute(&real).unwrap());
        assert_eq!(
            absolute(&link.join("x/y")).unwrap(),
            absolute(&real).unwrap().join("x/y")
        );
    }
}
