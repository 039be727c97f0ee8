//! What variables may refer to beside the inventory: vault passwords, the environment, files.

use std::fmt;
use std::sync::Arc;

use crate::problem::{Problem, Source};
use crate::vault::Keys;

/// The machine that pgha runs on, as templates of variables ask for it.
pub trait Outside: Send + Sync {
    /// A variable of the environment: `lookup('env', name)`.
    fn environment(&self, name: &str) -> Option<String>;

    /// The file that `lookup('file', path)` names, decrypted where it is a vault.
    ///
    /// # Errors
    /// It is not there, cannot be read, or is not opened.
    fn file(&self, path: &str) -> Result<Arc<Source>, Problem>;
}

/// What is handed in with the sources of an inventory.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// They open what is tagged `!vault`.
    pub keys: Keys,
    /// `None`: there is no environment, and no file.
    pub outside: Option<Arc<dyn Outside>>,
    /// What templates see as `playbook_dir`.
    pub playbook_dir: String,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}
