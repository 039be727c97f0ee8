//! The secrets that no inventory gives: a map from role to password, and the key pair of the `postgres` user. They are kept in
//! `secrets.yml` beside the inventory, in the open or as a vault, or come from a command and are kept nowhere.

mod command;
mod file;
mod made;
mod map;

use std::path::{Path, PathBuf};

use super::beside;
use crate::problem::Problem;
use crate::secret::{Found, Secrets};
use crate::vault::Keys;

/// Where the secrets of an inventory are.
#[derive(Clone, Debug)]
pub enum Store {
    /// `secrets.yml`; the keys open it where it is a vault.
    File { path: PathBuf, keys: Keys },
    /// `secrets_command`, run by `/bin/sh` in the inventory's folder.
    Command { command: String, folder: PathBuf },
}

/// The file of an inventory.
pub fn path(inventory: &Path) -> PathBuf {
    beside(inventory, "secrets.yml")
}

impl Store {
    /// All secrets that are there; none if there is no file yet.
    ///
    /// # Errors
    /// The file is readable by others, is a vault that no key opens, is no map of strings, or cannot be read; the command fails.
    pub fn load(&self) -> Result<Secrets, Problem> {
        match self {
            Self::File { path, keys } => {
                Ok(file::read(path, keys)?.map_or_else(Secrets::default, |kept| kept.secrets))
            }
            Self::Command { command, folder } => command::run(command, folder),
        }
    }

    /// Makes the secrets among `needed` that are not known, and keeps them; gives their names.
    ///
    /// # Errors
    /// The file cannot be written, `ssh-keygen` fails, or the secrets come from a command, which would have to give them.
    pub fn complete<'a>(
        &self,
        secrets: &mut Secrets,
        needed: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<String>, Problem> {
        let unknown = needed
            .into_iter()
            .filter(|name| secrets.get(name).is_none());
        let unknown: Vec<&str> = unknown.collect();
        match self {
            _ if unknown.is_empty() => Ok(Vec::new()),
            Self::File { path, keys } => file::complete(path, keys, secrets, &unknown),
            Self::Command { .. } => Err(command::lacks(&unknown)),
        }
    }

    /// Takes `found` into what is known, and keeps it where it is the file that secrets are kept in.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&self, secrets: &mut Secrets, found: &Secrets) -> Result<(), Problem> {
        let new = || {
            let names = found.names();
            names.filter_map(|name| Some((name, found.get(name)?)))
        };
        for (name, value) in new() {
            secrets.insert(name, value);
        }
        match self {
            Self::File { path, keys } if new().next().is_some() => file::keep(path, keys, new()),
            _ => Ok(()),
        }
    }

    /// What is wrong where a plan needs secrets of these names, which are not known, and nobody can make them.
    pub fn lacks(&self, unknown: &[&str]) -> Option<Problem> {
        // A filter of a template changed the marker that stands for it.
        let is_variable = |name: &&&str| name.to_lowercase().starts_with(Found::PREFIX);
        if let Some(name) = unknown.iter().find(is_variable) {
            let problem = Problem::input(format!(
                "a template changes the secret `{}`",
                name.escape_debug()
            ));
            return Some(problem.hint(
                "templates of playbooks have secrets by name alone: change it in a variable of the inventory",
            ));
        }
        match self {
            Self::Command { .. } if !unknown.is_empty() => Some(command::lacks(unknown)),
            _ => None,
        }
    }

    /// What to say of a password that is not there yet.
    pub fn hint(&self) -> String {
        match self {
            Self::File { path, .. } => format!(
                "it is made at the first `pgha apply`, and kept in `{}`",
                path.display()
            ),
            Self::Command { .. } => "`secrets_command` must give it".to_owned(),
        }
    }
}
