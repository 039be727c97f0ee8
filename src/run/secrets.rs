//! `secrets.yml` beside the inventory: a map from role to password, and the key pair of the `postgres` user.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use rand::RngExt as _;
use rand::distr::Alphanumeric;

use super::beside;
use crate::problem::{Problem, Source};
use crate::secret::Secrets;
use crate::yaml;

/// The names under which the key pair is kept.
const PRIVATE_KEY: &str = "ssh_private_key";
const PUBLIC_KEY: &str = "ssh_public_key";

/// Characters of a generated password: 190 bits.
const LENGTH: usize = 32;

/// The file of an inventory.
pub fn path(inventory: &Path) -> PathBuf {
    beside(inventory, "secrets.yml")
}

/// Reads the secrets; none if there is no file yet.
///
/// # Errors
/// The file is readable by others, is no map of strings, or cannot be read.
pub fn load(path: &Path) -> Result<Secrets, Problem> {
    let mut secrets = Secrets::default();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(secrets),
        Err(error) => {
            return Err(
                Problem::input(format!("`{}` cannot be read", path.display()))
                    .because(error)
                    .hint("it must be a text file that is yours to read"),
            );
        }
    };
    let mode = fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o077 != 0 {
        return Err(Problem::input(format!(
            "`{}` can be read by others (mode {:04o})",
            path.display(),
            mode & 0o7777
        ))
        .hint(format!("chmod 600 {}", path.display())));
    }
    let source = std::sync::Arc::new(Source {
        name: path.display().to_string(),
        text,
    });
    // No excerpt of this file may reach a message, so its problems lose their place but for the line.
    let hide = |problem: Problem| Problem {
        span: None,
        what: match &problem.span {
            Some(span) => format!("{span}: {}", problem.what),
            None => problem.what.clone(),
        },
        ..problem
    };
    let node = yaml::parse(&source).map_err(hide)?;
    let map = node.as_map().ok_or_else(|| {
        Problem::input(format!(
            "{}: expected a map from role to password, found {}",
            node.span,
            node.describe()
        ))
        .hint("write `role: password`, one per line")
    })?;
    for (key, value) in map.iter() {
        let value = value.scalar_text().ok_or_else(|| {
            Problem::input(format!("{}: `{}` must be a text", key.span, key.name))
                .hint("put it in quotes")
        })?;
        let is_key = [PRIVATE_KEY, PUBLIC_KEY].contains(&key.name.as_str());
        // A password is taken as it is, blanks at its end too.
        let value = if is_key { value.trim_end() } else { &value };
        if !is_key && value.contains(char::is_control) {
            return Err(Problem::input(format!(
                "{}: the password of `{}` has a control character",
                key.span,
                key.name.escape_debug()
            ))
            .hint("no password file can hold one: choose another password"));
        }
        secrets.insert(&key.name, value);
    }
    Ok(secrets)
}

/// Makes the secrets among `needed` that are not known, and keeps them in the file at `path`.
///
/// # Errors
/// The file cannot be written, or `ssh-keygen` fails.
pub fn complete<'a>(
    path: &Path,
    secrets: &mut Secrets,
    needed: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<String>, Problem> {
    let mut kept = load(path)?;
    let mut made = Vec::new();
    for name in needed {
        if secrets.get(name).is_some() {
            continue;
        }
        // Made since this run read the file.
        if let Some(value) = kept.get(name).map(str::to_owned) {
            secrets.insert(name, value);
            continue;
        }
        if name == PRIVATE_KEY || name == PUBLIC_KEY {
            let (private, public) = key_pair()?;
            for (name, value) in [(PRIVATE_KEY, private), (PUBLIC_KEY, public)] {
                secrets.insert(name, value.as_str());
                kept.insert(name, value);
                made.push(name.to_owned());
            }
            continue;
        }
        let password: String = rand::rng()
            .sample_iter(Alphanumeric)
            .take(LENGTH)
            .map(char::from)
            .collect();
        secrets.insert(name, password.as_str());
        kept.insert(name, password);
        made.push(name.to_owned());
    }
    if !made.is_empty() {
        save(path, &kept)?;
        ignore_in_git(path)?;
    }
    Ok(made)
}

fn save(path: &Path, secrets: &Secrets) -> Result<(), Problem> {
    let map: BTreeMap<&str, &str> = secrets
        .names()
        .filter_map(|name| Some((name, secrets.get(name)?)))
        .collect();
    let failed = |error: &dyn std::fmt::Display| {
        Problem::failed(format!("`{}` cannot be written", path.display())).because(error)
    };
    let text = yaml::to_string(&map).map_err(|error| failed(&error))?;
    let beside = path.with_extension("yml.new");
    // A leftover could have other permissions, which opening it would keep.
    let _ = fs::remove_file(&beside);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .map_err(|error| failed(&error))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&beside, path))
        .map_err(|error| failed(&error))
}

/// An ed25519 key pair, made by OpenSSH's own tool: private key and public key.
fn key_pair() -> Result<(String, String), Problem> {
    let failed = |error: &dyn std::fmt::Display| {
        Problem::failed("`ssh-keygen` could not make a key pair").because(error)
    };
    let folder = tempfile::tempdir().map_err(|error| failed(&error))?;
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

/// In a git work tree, sees to it that git ignores the file.
fn ignore_in_git(path: &Path) -> Result<(), Problem> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let tracked = folder
        .canonicalize()
        .is_ok_and(|folder| folder.ancestors().any(|above| above.join(".git").exists()));
    let ignore = folder.join(".gitignore");
    let text = fs::read_to_string(&ignore).unwrap_or_default();
    if !tracked
        || text
            .lines()
            .any(|line| matches!(line.trim(), "*" | "secrets.yml" | "/secrets.yml"))
    {
        return Ok(());
    }
    let gap = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    fs::write(&ignore, format!("{text}{gap}secrets.yml\n")).map_err(|error| {
        Problem::failed(format!("`{}` cannot be written", ignore.display())).because(error)
    })
}
