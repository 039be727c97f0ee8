//! `secrets_command`: another program keeps the secrets (`pass show`, `vault kv get`, `sops -d`), and no file has them.

use std::path::Path;
use std::process::{Command, Stdio};

use zeroize::Zeroizing;

use super::map::{self, PRIVATE_KEY, PUBLIC_KEY};
use crate::problem::Problem;
use crate::secret::Secrets;

/// What the command prints. Its stderr is the user's, so that it can ask for something.
pub fn run(command: &str, folder: &Path) -> Result<Secrets, Problem> {
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", command])
        .current_dir(folder)
        .stderr(Stdio::inherit());
    let output = shell
        .stdin(Stdio::inherit())
        .output()
        .map_err(|error| Problem::input("`secrets_command` does not start").because(error))?;
    let printed = Zeroizing::new(output.stdout);
    if !output.status.success() {
        return Err(Problem::input(format!("`secrets_command` failed: {}", output.status))
            .hint("run it by hand, in the inventory's folder; it must print `role: password`, one per line, and exit with 0"));
    }
    let text = std::str::from_utf8(&printed).map_err(|_| {
        Problem::input("`secrets_command` prints no UTF-8 text")
            .hint("let it print `role: password`, one per line")
    })?;
    match text.trim() {
        "" => Ok(Secrets::default()),
        _ => map::read("secrets_command", text),
    }
}

/// Secrets that it does not give.
pub fn lacks(names: &[&str]) -> Problem {
    let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let is_key = names
        .iter()
        .any(|name| [PRIVATE_KEY, PUBLIC_KEY].contains(name));
    Problem::input(format!("`secrets_command` does not give {}", listed.join(", "))).hint(match is_key {
        true => "put it where the command takes it from, as `name: secret`; `ssh-keygen -t ed25519 -N '' -f FILE` makes the two halves of the key",
        false => "put it where the command takes it from, as `role: password`",
    })
}
