//! Keeps what hosts answered, a file for each.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::facts::{Recorded, pretty};
use crate::problem::Problem;

/// The folder that answers are kept in.
#[derive(Clone, Debug)]
pub struct Record {
    dir: PathBuf,
}

impl Record {
    /// Makes the folder if there is none; only its owner can look into it then.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn into_folder(dir: &Path) -> Result<Self, Problem> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|error| cannot_keep(dir, &error))?;
        Ok(Self {
            dir: dir.to_path_buf(),
        })
    }

    /// Keeps what came of asking a host, in the place of what is there of an earlier look.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn keep(&self, host: &str, recorded: &Recorded) -> Result<(), Problem> {
        let path = self.dir.join(format!("{host}.json"));
        write(&path, &pretty(&recorded.to_json())).map_err(|error| cannot_keep(&path, &error))
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    // What was there may have been open to others.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    Ok(())
}

fn cannot_keep(path: &Path, error: &io::Error) -> Problem {
    Problem::input(format!("`{}` cannot be written", path.display()))
        .because(error)
        .hint("`--record` names a folder of yours")
}
