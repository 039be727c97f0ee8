//! Secrets that pgha makes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rand::RngExt as _;
use rand::distr::Alphanumeric;

use crate::problem::Problem;

/// Characters of a generated password: 190 bits.
const LENGTH: usize = 32;

pub fn password() -> String {
    let characters = rand::rng().sample_iter(Alphanumeric).take(LENGTH);
    characters.map(char::from).collect()
}

/// An ed25519 key pair, made by OpenSSH's own tool: private key and public key. The tool writes files: in memory, where the
/// system has such a folder, else in `beside`, which is to hold the key anyway.
///
/// # Errors
/// `ssh-keygen` fails.
pub fn key_pair(beside: &Path) -> Result<(String, String), Problem> {
    let failed = |error: &dyn std::fmt::Display| {
        Problem::failed("`ssh-keygen` could not make a key pair").because(error)
    };
    let folders = [PathBuf::from("/dev/shm"), beside.to_path_buf()];
    let mut made = folders.iter().map(tempfile::tempdir_in);
    let folder = made
        .find_map(Result::ok)
        .ok_or_else(|| failed(&"no folder can be written"))?;
    let key = folder.path().join("key");
    let output = Command::new("ssh-keygen")
        .args([
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            "postgres (pgha)",
            "-f",
        ])
        .arg(&key)
        .output()
        .map_err(|error| failed(&error))?;
    if !output.status.success() {
        return Err(failed(&String::from_utf8_lossy(&output.stderr)));
    }
    let read = |path: &Path| {
        fs::read_to_string(path)
            .map(|text| text.trim_end().to_owned())
            .map_err(|error| failed(&error))
    };
    Ok((read(&key)?, read(&key.with_extension("pub"))?))
}
