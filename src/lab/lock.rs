//! One builder of a base image at a time, and one that keeps a cluster.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::os::Os;
use crate::problem::Problem;

/// Holds the lock of the base image of `os` for this user, until dropped.
pub async fn hold(os: Os) -> Result<File, Problem> {
    let (file, path) = open(&format!("lab-image-{os}"))?;
    let broken = |error: std::io::Error| cannot_lock(&path, error);
    let mut told = false;
    // Asking again rather than waiting in the kernel, from where a ctrl-c could not fetch us.
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                if !std::mem::replace(&mut told, true) {
                    eprintln!(
                        "waiting for the base image {os}, which another `pgha lab up` is building"
                    );
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Err(TryLockError::Error(error)) => return Err(broken(error)),
        }
    }
}

/// Holds the lock of this name, until dropped; nothing where somebody else does.
pub fn try_hold(name: &str) -> Result<Option<File>, Problem> {
    let (file, path) = open(name)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(cannot_lock(&path, error)),
    }
}

/// The file of a lock of this user's.
fn open(name: &str) -> Result<(File, PathBuf), Problem> {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let folder = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or(home)
        .unwrap_or_else(std::env::temp_dir)
        .join("pgha");
    let path = folder.join(format!("{name}.lock"));
    let broken = |error: std::io::Error| cannot_lock(&path, error);
    std::fs::create_dir_all(&folder).map_err(broken)?;
    let file = File::create(&path).map_err(broken)?;
    Ok((file, path))
}

fn cannot_lock(path: &Path, error: std::io::Error) -> Problem {
    Problem::failed(format!("cannot lock `{}`", path.display())).because(error)
}
