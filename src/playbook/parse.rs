//! YAML → [`Playbook`].

use std::sync::Arc;

use super::Playbook;
use crate::problem::{Problems, Source};

/// Reads a playbook and what it imports. `resources` are the names of the resources that a step may declare; `read` gives
/// the text of a file, by the path in an `import_playbook`, taken against the folder of the importing file.
///
/// # Errors
///
/// Everything that is wrong, as far as it can be told together.
pub fn parse(
    entry: &str,
    resources: &[&str],
    read: &dyn Fn(&str) -> Option<Arc<Source>>,
) -> Result<Playbook, Problems> {
    let _ = (entry, resources, read);
    todo!()
}
