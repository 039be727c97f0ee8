//! A shell on this very machine.

use std::process::Stdio;

use tokio::process::{Child, Command};

use super::pipes::Pipes;
use crate::inventory::BecomePassword;
use crate::problem::Problem;

/// Becomes the user `$1`, by `sudo` only where that is another one than now.
pub(super) const BECOME: &str =
    "[ \"$(id -un)\" = \"$1\" ] && exec /bin/sh; exec sudo -n -H -u \"$1\" -- /bin/sh";

/// The same where `sudo` may ask: the first line of the input is the password, and is taken away where nobody asks for it. One
/// line, since a login shell of another kind may take no more.
pub(super) const BECOME_TOLD: &str = concat!(
    "[ \"$(id -un)\" = \"$1\" ] && { IFS= read -r _; exec /bin/sh; }; ",
    "sudo -n -H -u \"$1\" -- /bin/sh -c : </dev/null 2>/dev/null && { IFS= read -r _; exec sudo -n -H -u \"$1\" -- /bin/sh; }; ",
    "exec sudo -S -p '' -H -u \"$1\" -- /bin/sh",
);

/// The program that becomes a user, and what its input begins with.
pub(super) fn becoming(password: Option<&BecomePassword>) -> (&'static str, String) {
    match password {
        None => (BECOME, String::new()),
        Some(password) => (BECOME_TOLD, password.line()),
    }
}

/// Starts the shell in a process group of its own: an interrupt from the terminal is for pgha to handle.
pub(super) fn start(
    host: &str,
    become_user: Option<&str>,
    program: &str,
) -> Result<(Child, Pipes), Problem> {
    let mut command = Command::new("/bin/sh");
    if let Some(user) = become_user {
        command.args(["-c", program, "sh", user]);
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let failed = || Problem::failed("cannot start `/bin/sh`").on(host);
    let mut child = command.spawn().map_err(|error| failed().because(error))?;
    let taken = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(input), Some(out), Some(err)) = taken else {
        return Err(failed());
    };
    Ok((child, Pipes::new(input, out, err)))
}
