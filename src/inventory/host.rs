//! One host, with all that is known about it from files.

use std::collections::BTreeMap;

use super::{Connection, Own, Variables};
use crate::problem::Span;

/// A host of the inventory.
#[derive(Clone, Debug)]
pub struct Host {
    pub name: String,
    /// Where the inventory first names it.
    pub span: Span,
    pub connection: Connection,
    /// The variables that pgha itself knows, with defaults.
    pub variables: Variables,
    /// The variables that mean something to pgha, as templates see them: the user's over the defaults. Holds no password.
    pub vars: serde_json::Map<String, serde_json::Value>,
    /// The user's own variables.
    pub own: Own,
    /// Where each variable that the user set comes from: name → `file:line:column`, and for one that pgha acts on what a
    /// template took it from.
    pub provenance: BTreeMap<String, String>,
    /// Where the private key file is named, for whoever looks whether it exists.
    pub key_span: Option<Span>,
}

impl Host {
    /// Where the other hosts find it: `ansible_host`, else its name.
    pub fn address(&self) -> String {
        self.vars
            .get("ansible_host")
            .and_then(serde_json::Value::as_str)
            .unwrap_or(&self.name)
            .to_owned()
    }
}
