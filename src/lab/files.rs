//! What a lab leaves in its folder: the inventory, the key of the login user, the hosts' keys.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt};
use std::path::Path;

use tokio::process::Command;

use super::Login;
use super::engine;
use super::host::Host;
use super::inventory::inventory;
use crate::problem::Problem;

/// The inventory's name in the folder.
pub const INVENTORY: &str = "inventory.yml";

/// What `lab down` removes: what `lab up` wrote, and what other verbs keep beside the inventory.
const FILES: &[&str] = &[
    INVENTORY,
    "id_ed25519",
    "id_ed25519.pub",
    "known_hosts",
    "secrets.yml",
    ".gitignore",
];

/// The folder of journals and locks that other verbs keep beside the inventory.
const STATE: &str = ".pgha";

/// The first line of the `.gitignore` of a lab: by it, a folder of ours is told from a folder with inventory and secrets
/// of a real cluster, which must never be written over or removed.
const MARK: &str = "# disposable: written by `pgha lab up`, removed by `pgha lab down`";

/// Whether `dir` was claimed by a `lab up`.
pub fn is_ours(dir: &Path) -> bool {
    fs::read_to_string(dir.join(".gitignore")).is_ok_and(|text| text.starts_with(MARK))
}

/// Makes `dir` the folder of a lab, without what an earlier lab left in it.
///
/// Refuses a folder that holds files of these names which no lab wrote.
pub fn claim(dir: &Path) -> Result<(), Problem> {
    if !is_ours(dir) {
        let foreign = FILES
            .iter()
            .chain([&STATE])
            .find(|name| dir.join(name).exists());
        if let Some(name) = foreign {
            return Err(Problem::refused(format!(
                "`{}` is not a lab's: it holds `{name}`, which `pgha lab up` did not write",
                dir.display()
            ))
            .hint("name another folder with `--dir`"));
        }
    }
    remove(dir, false).map_err(|error| cannot("clear", dir, &error))?;
    fs::create_dir_all(dir).map_err(|error| cannot("make", dir, &error))?;
    write(dir, ".gitignore", &format!("{MARK}\n*\n"))
}

/// Removes the files of a lab from `dir`, and `dir` itself if nothing else is in it; whether there was anything.
///
/// A folder without the mark is left as it is, unless `known` to be a lab's from elsewhere (the mark may have been
/// deleted).
pub fn remove(dir: &Path, known: bool) -> io::Result<bool> {
    if !(dir.exists() && (known || is_ours(dir))) {
        return Ok(false);
    }
    match fs::remove_dir_all(dir.join(STATE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // The mark goes last: a removal that fails half-way can be repeated.
    for name in FILES {
        match fs::remove_file(dir.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    match fs::remove_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => Err(error),
        _ => Ok(true),
    }
}

/// Makes the key pair of the login user; gives the public half, one line.
pub async fn key_pair(dir: &Path) -> Result<String, Problem> {
    let path = dir.join("id_ed25519");
    let mut command = Command::new("ssh-keygen");
    command
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "pgha-lab", "-f"])
        .arg(&path)
        .process_group(0);
    engine::run(&mut command)
        .await
        .map_err(|problem| problem.hint("the lab needs OpenSSH's client on this machine"))?;
    let public = fs::read_to_string(path.with_extension("pub"))
        .map_err(|error| cannot("read", &path, &error))?;
    Ok(public.trim().to_owned())
}

/// Writes `known_hosts`: each host by name and address, with the public key that was read from it.
pub fn write_known_hosts(dir: &Path, keys: &[(Host, String)]) -> Result<(), Problem> {
    let mut text = String::new();
    for (host, key) in keys {
        let _ = writeln!(text, "{},{} {key}", host.name, host.address);
    }
    write(dir, "known_hosts", &text)
}

/// Writes `inventory.yml`.
pub fn write_inventory(
    dir: &Path,
    hosts: &[Host],
    login: Login,
    network: &str,
) -> Result<(), Problem> {
    write(dir, INVENTORY, &inventory(hosts, login, network))
}

/// Writes `secrets.yml`, readable by its owner alone from the beginning.
pub fn write_secrets(dir: &Path, text: &str) -> Result<(), Problem> {
    let path = dir.join("secrets.yml");
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options
        .open(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| cannot("write", &path, &error))
}

fn write(dir: &Path, name: &str, text: &str) -> Result<(), Problem> {
    let path = dir.join(name);
    fs::write(&path, text)
        .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o644)))
        .map_err(|error| cannot("write", &path, &error))
}

fn cannot(verb: &str, path: &Path, error: &io::Error) -> Problem {
    Problem::failed(format!("cannot {verb} `{}`", path.display())).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_no_lab_wrote_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secrets.yml"), "app: x").unwrap();
        assert_eq!(
            claim(folder.path()).unwrap_err().kind,
            crate::problem::Kind::Refused
        );
        assert!(!remove(folder.path(), false).unwrap());
        assert!(folder.path().join("secrets.yml").exists());
    }

    #[test]
    fn a_claimed_folder_is_gone_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("lab");
        claim(&dir).unwrap();
        fs::write(dir.join("secrets.yml"), "app: x").unwrap();
        fs::create_dir(dir.join(STATE)).unwrap();
        claim(&dir).unwrap();
        assert!(!dir.join("secrets.yml").exists());
        assert!(remove(&dir, false).unwrap());
        assert!(!dir.exists());
    }
}
