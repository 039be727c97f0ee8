//! One host, with all that is known about it from files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Connection, Own, Variables, Way};
use crate::postgres::conninfo::Conninfo;
use crate::problem::{Problem, Span};

/// Whether a host can be pgha's: its name stands in files, in SQL and in names of files.
pub(super) fn check_name(name: &str, span: &Span) -> Result<(), Problem> {
    let is_valid = name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if is_valid {
        return Ok(());
    }
    let problem =
        Problem::input(format!("`{}` is no name of a host", name.escape_debug())).at(span);
    Err(if name.len() > 63 {
        problem.hint("a name has at most 63 characters; put a long address into `ansible_host`")
    } else {
        problem.hint(
            "a name has letters, digits, `.`, `_` and `-`; put an address or a user into `ansible_host` and `ansible_user`",
        )
    })
}

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
    /// `ansible_become_password_file`, absolute, and where it is named, for whoever reads it.
    pub become_password_file: Option<(PathBuf, Span)>,
}

impl Host {
    /// Where the other hosts find it: `ansible_ssh_host`, else `ansible_host`, else its name.
    pub fn address(&self) -> String {
        let given = |name: &str| self.vars.get(name).and_then(serde_json::Value::as_str);
        given("ansible_ssh_host")
            .or_else(|| given("ansible_host"))
            .unwrap_or(&self.name)
            .to_owned()
    }

    /// Whether a connection string leads to its PostgreSQL, by the address that the other hosts have of it.
    pub fn is_at(&self, conninfo: &Conninfo) -> bool {
        let port = self.variables.postgresql_port.to_string();
        conninfo.get("host") == Some(self.address().as_str())
            && conninfo.get("port").unwrap_or("5432") == port
    }

    /// The port of its sshd as the other hosts find it: the one that pgha uses, where that is at the same address. Another
    /// address may be one of a forwarding.
    pub fn ssh_port(&self) -> u16 {
        match &self.connection.way {
            Way::Ssh {
                address,
                port: Some(port),
                ..
            } if *address == self.address() => *port,
            _ => 22,
        }
    }
}
