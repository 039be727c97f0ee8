//! From what a login shell or sudo prints to a problem with a hint.

use crate::problem::Problem;

use super::local::{BECOME, BECOME_TOLD};

/// Why a connection that stands gives no shell: the login shell's or sudo's own words.
pub(super) fn refused(host: &str, become_user: Option<&str>, text: &str) -> Problem {
    let has = |words: &str| text.contains(words);
    let user = become_user.unwrap_or_default();
    let (what, hint) = if has("incorrect password") || has("Sorry, try again") {
        (
            format!("sudo does not take the password to become `{user}`"),
            "it is the login user's own: `ansible_become_password`, a file with it, or `--ask-become-pass`".into(),
        )
    } else if has("password is required") || has("authentication is required") {
        (
            format!("sudo asks for a password to become `{user}`"),
            format!(
                "give it with `--ask-become-pass` or `ansible_become_password`, or let the login user in without one, in `/etc/sudoers.d/`: `LOGIN ALL=({user}) NOPASSWD: ALL`"
            ),
        )
    } else if has("have a tty") || has("no tty present") {
        (
            "sudo wants a terminal".into(),
            "remove `requiretty` for the login user in `/etc/sudoers`".into(),
        )
    } else if has("is not in the sudoers file")
        || has("not allowed to")
        || has("may not run sudo")
        || has("afraid I can't do that")
    {
        (
            format!("sudo does not let the login user become `{user}`"),
            format!(
                "in `/etc/sudoers.d/`: `LOGIN ALL=({user}) NOPASSWD: ALL`, or log in as another user (`ansible_user`)"
            ),
        )
    } else if has("unknown user") || has("user not found") {
        (
            format!("there is no user `{user}` to become"),
            "`ansible_become_user` must exist before the first step; `root` always does".into(),
        )
    } else if has("sudo") && (has("not found") || has("No such file")) {
        (
            "there is no `sudo` on the host".into(),
            format!("install it, or log in as `{user}` (`ansible_user`)"),
        )
    } else if has("not available") || has("nologin") {
        (
            "the login user has no shell".into(),
            "log in as a user with a shell (`ansible_user`)".into(),
        )
    } else if become_user.is_some() {
        (
            format!("cannot become `{user}`"),
            format!("on the host, as the login user: `sudo -n -H -u {user} -- /bin/sh`"),
        )
    } else {
        (
            "cannot start `/bin/sh`".into(),
            "pgha needs a login shell that can run `exec /bin/sh`".into(),
        )
    };
    // bash quotes the command that it could not run.
    let text = text.replace(BECOME, "…").replace(BECOME_TOLD, "…");
    let problem = Problem::unreachable(what).on(host).hint(hint);
    if text.is_empty() {
        problem
    } else {
        problem.because(text)
    }
}
