//! What the connections of one process share: a private folder, ssh's configuration, a limit on handshakes.

use crate::inventory::Connection;
use crate::problem::Problem;

/// What one process shares among its connections. The folder is removed when this is dropped.
pub struct Sessions {}

impl Sessions {
    pub fn new<'a>(
        _hosts: impl Iterator<Item = (&'a str, &'a Connection)>,
    ) -> Result<Self, Problem> {
        todo!()
    }
}
