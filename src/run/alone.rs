//! One run at a time per inventory. Hosts have locks of their own, but they are free between the stages of a run, where
//! another one could come between.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;

use super::journal::home;
use crate::problem::Problem;

/// Holds the lock until it is dropped. The kernel frees it when the process ends, however that happens.
pub struct Alone(#[expect(dead_code, reason = "the lock lives as long as the file is open")] File);

/// Whether the lock was free.
pub enum Taken {
    AtOnce(Alone),
    /// By somebody else, whose process this is, where known.
    Busy(Queue),
}

/// A place behind the run that holds the lock.
pub struct Queue {
    file: File,
    path: PathBuf,
    pub process: Option<u32>,
}

impl Alone {
    /// Takes the lock of an inventory, `.pgha/lock` beside it.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn take(inventory: &Path) -> Result<Taken, Problem> {
        let home = home(inventory).map_err(|error| cannot(inventory, &error))?;
        let path = home.join("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(|error| cannot(&path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Taken::AtOnce(Self::sign(file))),
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.read_to_string(&mut text);
                let process = text.trim().parse().ok();
                Ok(Taken::Busy(Queue {
                    file,
                    path,
                    process,
                }))
            }
            Err(TryLockError::Error(error)) => Err(cannot(&path, &error)),
        }
    }

    /// Writes down who holds it, for whoever waits; nothing depends on it.
    fn sign(mut file: File) -> Self {
        let _ = file
            .set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        Self(file)
    }
}

impl Queue {
    /// Waits until the lock is free.
    ///
    /// # Errors
    /// The file cannot be locked.
    pub async fn wait(self) -> Result<Alone, Problem> {
        let Self { mut file, path, .. } = self;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                // Not `lock()`, which nothing could interrupt.
                Err(TryLockError::WouldBlock) => sleep(Duration::from_millis(50)).await,
                Err(TryLockError::Error(error)) => return Err(cannot(&path, &error)),
            }
        }
        // Reading who held it has moved the place to write at.
        let _ = file.rewind();
        Ok(Alone::sign(file))
    }
}

fn cannot(path: &Path, error: &io::Error) -> Problem {
    Problem::failed(format!("`{}` cannot be locked", path.display()))
        .because(error)
        .hint("an apply keeps a lock and its journal beside the inventory; nothing was done")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_waits_and_knows_for_whom() {
        let folder = tempfile::tempdir().unwrap();
        let inventory = folder.path().join("inventory.yml");
        let Taken::AtOnce(first) = Alone::take(&inventory).unwrap() else {
            panic!("nobody else has it");
        };
        let Taken::Busy(queue) = Alone::take(&inventory).unwrap() else {
            panic!("it is taken");
        };
        assert_eq!(queue.process, Some(std::process::id()));
        let second = tokio::spawn(queue.wait());
        drop(first);
        second.await.unwrap().unwrap();
        // A child that another test is just starting holds what its parent has open, until it becomes its program.
        match Alone::take(&inventory).unwrap() {
            Taken::AtOnce(_) => {}
            Taken::Busy(queue) => drop(queue.wait().await.unwrap()),
        }
    }
}
