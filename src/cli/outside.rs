//! What templates of variables get of this machine: the environment, files beside the inventory, vault passwords.

use std::path::PathBuf;
use std::sync::Arc;

use super::load::read;
use super::vault::Vault;
use crate::inventory::{ExtraVar, Outside, Sources, Surroundings};
use crate::problem::{Problem, Source};
use crate::vault::Keys;

struct Machine {
    /// The inventory's folder, absolute.
    folder: PathBuf,
    vault: Vault,
}

impl Outside for Machine {
    fn environment(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    /// Looked for in `files/` beside the inventory, then beside it; `~` is the home directory.
    fn file(&self, path: &str) -> Result<Arc<Source>, Problem> {
        let below = match (path.strip_prefix("~/"), std::env::home_dir()) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(path),
        };
        let found = ["files", ""].map(|folder| self.folder.join(folder).join(&below));
        let found = found.into_iter().find(|path| path.is_file());
        let found = found.ok_or_else(|| {
            Problem::input(format!("there is no file `{}`", path.escape_debug()))
                .hint("a path is relative to the inventory, or to `files/` beside it")
        })?;
        self.vault.open(read(&found)?)
    }
}

/// Vault passwords are fetched only where something is encrypted.
///
/// # Errors
/// A source of a vault password gives none.
pub fn of(sources: &Sources, vault: &Vault) -> Result<Surroundings, Problem> {
    let origins = &sources.origins;
    let variables = origins
        .iter()
        .flat_map(|origin| origin.group_vars.iter().chain(&origin.host_vars))
        .filter_map(|file| file.source.as_ref().ok());
    let inventories = origins.iter().flat_map(|origin| &origin.texts);
    let extra = sources.extra_vars.iter().map(|extra| match extra {
        ExtraVar::Pair(source) | ExtraVar::File(source) => source,
    });
    let mut texts = variables
        .chain(extra)
        .chain(inventories.map(|text| &text.source));
    let is_encrypted = texts.any(|source| source.text.contains("$ANSIBLE_VAULT;"));
    let here = std::env::current_dir().unwrap_or_default();
    Ok(Surroundings {
        keys: match is_encrypted {
            true => vault.keys()?,
            false => Keys::default(),
        },
        outside: Some(Arc::new(Machine {
            folder: sources.folder.clone(),
            vault: vault.clone(),
        })),
        playbook_dir: here.display().to_string(),
    })
}
