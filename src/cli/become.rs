//! The password for `sudo` on hosts where it asks: from a file, or typed.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::inventory::{BecomePassword, Inventory};
use crate::problem::Problem;

/// Gives each host that becomes another user its password: the inventory's own, else its file's, else the typed one.
///
/// # Errors
/// A file cannot be read or is readable by others, or nothing can be typed.
pub fn complete(inventory: &mut Inventory, ask: bool) -> Result<(), Problem> {
    let mut files: HashMap<PathBuf, BecomePassword> = HashMap::new();
    for host in inventory.hosts.values_mut() {
        let connection = &mut host.connection;
        if connection.become_user.is_none() || connection.become_password.is_some() {
            continue;
        }
        connection.become_password = match &host.become_password_file {
            Some((path, span)) => Some(match files.get(path) {
                Some(known) => known.clone(),
                None => {
                    let password = read(path).map_err(|problem| problem.at(span))?;
                    files.insert(path.clone(), password.clone());
                    password
                }
            }),
            None if ask => Some(typed()?),
            None => None,
        };
    }
    Ok(())
}

fn read(path: &Path) -> Result<BecomePassword, Problem> {
    let shown = path.display();
    let failed = |error: std::io::Error| {
        Problem::input(format!("`{shown}` cannot be read"))
            .because(error)
            .hint("a path in an inventory is relative to it, or begins with `/` or `~`")
    };
    let mode = std::fs::metadata(path)
        .map_err(failed)?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        let mode = mode & 0o7777;
        return Err(
            Problem::input(format!("`{shown}` can be read by others (mode {mode:04o})"))
                .hint(format!("chmod 600 {shown}")),
        );
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    BecomePassword::new(text.trim_end_matches(['\r', '\n']))
}

/// Asked once, from the terminal; from standard input where that is none.
fn typed() -> Result<BecomePassword, Problem> {
    static TYPED: OnceLock<Result<BecomePassword, Problem>> = OnceLock::new();
    let ask = || {
        let failed = |error: std::io::Error| {
            Problem::input("the password for `sudo` could not be asked for").because(error)
        };
        eprint!("Password for sudo: ");
        let mut line = String::new();
        if std::io::stdin().is_terminal() {
            line = console::Term::stderr().read_secure_line().map_err(failed)?;
        } else {
            std::io::stdin().read_line(&mut line).map_err(failed)?;
            eprintln!();
        }
        BecomePassword::new(line.trim_end_matches(['\r', '\n']))
    };
    TYPED.get_or_init(ask).clone()
}
