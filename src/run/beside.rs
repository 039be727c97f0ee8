//! Where what belongs to an inventory is kept.

use std::path::{Path, PathBuf};

/// The file or folder of that name beside an inventory, or in it if that is a folder.
pub fn beside(inventory: &Path, name: &str) -> PathBuf {
    if inventory.is_dir() {
        inventory.join(name)
    } else {
        inventory.with_file_name(name)
    }
}
