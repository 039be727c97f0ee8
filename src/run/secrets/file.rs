//! `secrets.yml`: in the open, readable by its owner alone, or as a vault, and then written back as one.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::Rng as _;
use zeroize::Zeroizing;

use super::made;
use super::map::{self, PRIVATE_KEY, PUBLIC_KEY};
use crate::problem::{Problem, Source, Span};
use crate::secret::{Secret, Secrets};
use crate::vault::{Keys, Opened, SALT, is_vault};

/// What the file holds.
#[derive(Default)]
pub struct Kept {
    pub secrets: Secrets,
    /// How it was opened, where it is a vault.
    vault: Option<Opened>,
}

/// Reads the file; `None` if there is none.
///
/// # Errors
/// As [`super::Store::load`].
pub fn read(path: &Path, keys: &Keys) -> Result<Option<Kept>, Problem> {
    let shown = path.display();
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Problem::input(format!("`{shown}` cannot be read"))
                .because(error)
                .hint("it must be a text file that is yours to read"));
        }
    };
    if is_vault(&text) {
        let opened = keys.open(&text).map_err(|fault| {
            let source = Arc::new(Source {
                name: shown.to_string(),
                text: text.to_string(),
                vaulted: false,
            });
            let len = text.lines().next().map_or(0, str::len);
            fault.problem(
                "this file",
                &Span {
                    source,
                    start: 0,
                    len,
                },
            )
        })?;
        let secrets = match opened.text.trim() {
            "" => Secrets::default(),
            _ => map::read(&shown.to_string(), &opened.text)?,
        };
        return Ok(Some(Kept {
            secrets,
            vault: Some(opened),
        }));
    }
    let mode = fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o077 != 0 {
        return Err(Problem::input(format!(
            "`{shown}` can be read by others (mode {:04o})",
            mode & 0o7777
        ))
        .hint(format!("chmod 600 {shown}")));
    }
    Ok(Some(Kept {
        secrets: map::read(&shown.to_string(), &text)?,
        vault: None,
    }))
}

/// As [`super::Store::complete`], of those that are `unknown`.
pub fn complete(
    path: &Path,
    keys: &Keys,
    secrets: &mut Secrets,
    unknown: &[&str],
) -> Result<Vec<String>, Problem> {
    let Kept {
        secrets: mut kept,
        vault,
    } = read(path, keys)?.unwrap_or_default();
    let folder = folder(path);
    let mut made = Vec::new();
    for name in unknown {
        // Made since this run read the file, or together with another one.
        if let Some(value) = kept.get(name) {
            secrets.insert(*name, value);
            continue;
        }
        let new = match *name {
            PRIVATE_KEY | PUBLIC_KEY => {
                let (private, public) = made::key_pair(&folder)?;
                vec![(PRIVATE_KEY, private), (PUBLIC_KEY, public)]
            }
            role => vec![(role, made::password())],
        };
        for (name, value) in new {
            secrets.insert(name, value.as_str());
            kept.insert(name, value);
            made.push(name.to_owned());
        }
    }
    if !made.is_empty() {
        save(path, &kept, keys, vault.as_ref())?;
        if vault.is_none() {
            ignore_in_git(&folder)?;
        }
    }
    Ok(made)
}

/// Writes these too.
///
/// # Errors
/// The file cannot be read or written.
pub fn keep<'a>(
    path: &Path,
    keys: &Keys,
    new: impl Iterator<Item = (&'a str, Secret)>,
) -> Result<(), Problem> {
    let Kept { mut secrets, vault } = read(path, keys)?.unwrap_or_default();
    for (name, value) in new {
        secrets.insert(name, value);
    }
    save(path, &secrets, keys, vault.as_ref())?;
    match vault {
        Some(_) => Ok(()),
        None => ignore_in_git(&folder(path)),
    }
}

fn save(
    path: &Path,
    secrets: &Secrets,
    keys: &Keys,
    vault: Option<&Opened>,
) -> Result<(), Problem> {
    let failed = |error: &dyn std::fmt::Display| {
        Problem::failed(format!("`{}` cannot be written", path.display())).because(error)
    };
    let mut text = map::write(secrets).map_err(|error| failed(&error))?;
    if let Some(opened) = vault {
        let mut salt = [0; SALT];
        rand::rng().fill_bytes(&mut salt);
        text = Zeroizing::new(keys.seal(&text, opened, &salt));
    }
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

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// In a git work tree, sees to it that git ignores the file: in the open it must not be committed.
fn ignore_in_git(folder: &Path) -> Result<(), Problem> {
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
