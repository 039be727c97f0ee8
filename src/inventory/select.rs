//! Patterns of hosts: `all`, `postgres:!node3`, `node*`.

use super::Inventory;
use crate::problem::Problem;

/// The hosts that a pattern means, in the order of the inventory.
///
/// # Errors
///
/// A part of the pattern that names no host and no group.
pub fn select(inventory: &Inventory, pattern: &str) -> Result<Vec<String>, Problem> {
    let _ = (inventory, pattern);
    todo!()
}
