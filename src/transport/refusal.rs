//! From what ssh prints to a problem with a hint.

use std::path::Path;

use crate::inventory::Way;
use crate::problem::Problem;

/// Where a connection goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    /// The name in the inventory.
    pub host: &'a str,
    pub address: &'a str,
    pub port: Option<u16>,
    pub user: Option<&'a str>,
    pub private_key: Option<&'a Path>,
    pub options: &'a [(String, String)],
}

impl<'a> Target<'a> {
    /// `None` for a host that is this machine.
    pub fn new(host: &'a str, way: &'a Way) -> Option<Self> {
        match way {
            Way::Local => None,
            Way::Ssh {
                address,
                port,
                user,
                private_key,
                options,
            } => Some(Self {
                host,
                address,
                port: *port,
                user: user.as_deref(),
                private_key: private_key.as_deref(),
                options,
            }),
        }
    }

    fn option(&self, name: &str) -> Option<&'a str> {
        let mut options = self.options.iter();
        let found = options.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The name under which a host key is recorded.
    fn recorded(&self) -> String {
        match self.port {
            Some(port) if port != 22 => format!("[{}]:{port}", self.address),
            _ => self.address.to_owned(),
        }
    }

    /// Where the key of `name` is looked up: a jump host has nothing of the host's own options.
    fn known_hosts(&self, name: &str) -> &'a str {
        let own = self.option("UserKnownHostsFile");
        let own = own.filter(|_| name == self.recorded());
        own.unwrap_or("~/.ssh/known_hosts")
    }
}

/// Whether trying again may help: an `sshd` with too many handshakes drops the next (`MaxStartups`).
pub(super) fn is_passing(text: &str) -> bool {
    let dropped = [
        "Connection closed by",
        "Connection reset by",
        "Exceeded MaxStartups",
    ];
    text.contains("kex_exchange_identification") && dropped.iter().any(|words| text.contains(words))
}

/// A private key that cannot be read.
pub(super) fn key(target: &Target<'_>, key: &Path, error: &std::io::Error) -> Problem {
    Problem::unreachable(format!("cannot read the private key `{}`", key.display()))
        .on(target.host)
        .because(error)
        .hint("set `ansible_ssh_private_key_file` to a key that the user who runs pgha can read")
}

/// Why there is no connection.
pub(super) fn connection(target: &Target<'_>, text: &str) -> Problem {
    let (what, hint) = explain(target, text);
    Problem::unreachable(what)
        .on(target.host)
        .because(text.trim())
        .hint(hint)
}

fn explain(target: &Target<'_>, text: &str) -> (String, String) {
    let Target { address, .. } = *target;
    // A jump host, or what the user's own configuration made of the address.
    let reached = between(text, "connect to host ", ":").and_then(|rest| rest.split_once(" port "));
    let port = target.port.unwrap_or(22).to_string();
    let (reached, port) = reached.unwrap_or((address, &port));
    let has = |words: &str| text.contains(words);
    if has("IDENTIFICATION HAS CHANGED") || (has("host key for ") && has("has changed")) {
        let name = between(text, "ost key for ", " has changed")
            .map_or_else(|| target.recorded(), str::to_owned);
        let file = offending(text).unwrap_or(target.known_hosts(&name));
        return (
            format!("the host key of `{name}` is not the one that `{file}` records"),
            format!(
                "find out why it changed; if rightly, `ssh-keygen -f '{file}' -R '{name}'` and record the new one"
            ),
        );
    }
    if has("host key is known for") || has("Host key verification failed") {
        let name = between(text, "host key is known for ", " and you")
            .map_or_else(|| target.recorded(), str::to_owned);
        let scan = match split(&name) {
            (name, Some(port)) => format!("ssh-keyscan -p {port} {name}"),
            (name, None) => format!("ssh-keyscan {name}"),
        };
        return (
            format!("the host key of `{name}` is not known"),
            format!(
                "`{scan} >> {}`, and compare its fingerprint with the host's own (`ssh-keygen -lf`) before you trust it",
                target.known_hosts(&name)
            ),
        );
    }
    if has("UNPROTECTED PRIVATE KEY FILE") || has("bad permissions") {
        let key = target
            .private_key
            .map_or("KEY".into(), |key| key.display().to_string());
        return (
            "the private key can be read by others, so ssh does not use it".into(),
            format!("`chmod 600 '{key}'`"),
        );
    }
    if has("Permission denied (") || has("Too many authentication failures") {
        let user = before(text, "@")
            .or(target.user)
            .map_or("the user that ssh chose".into(), |user| {
                format!("user `{user}`")
            });
        let key = target.private_key.map_or_else(
            || "the agent's and the default keys".into(),
            |key| format!("key `{}`", key.display()),
        );
        return (
            format!("the login as {user} was refused"),
            format!(
                "tried {key}; add its public half to that user's `~/.ssh/authorized_keys`, or set `ansible_user` and `ansible_ssh_private_key_file`"
            ),
        );
    }
    if has("Could not resolve") {
        return (
            format!(
                "the name `{}` cannot be resolved",
                between(text, "resolve hostname ", ":").unwrap_or(address)
            ),
            "set `ansible_host` to the host's address".into(),
        );
    }
    if has("Connection refused") {
        return (
            format!("`{reached}` refuses connections to port {port}"),
            "is `sshd` running there? `ansible_port` sets another port".into(),
        );
    }
    if has("timed out") || has("no answer within") {
        return (
            format!("`{reached}` does not answer on port {port}"),
            "is the host up, and does a firewall let this machine through?".into(),
        );
    }
    if has("No route to host") || has("unreachable") {
        return (
            format!("there is no route to `{reached}`"),
            "is the host up, and its address right? A jump host is set by `ansible_ssh_common_args: -o ProxyJump=…`".into(),
        );
    }
    if is_passing(text) {
        return (
            format!("`{address}` closes the connection before it says who it is"),
            "it may have too many new connections (`MaxStartups`), or refuse this address".into(),
        );
    }
    if has("No such file or directory (os error 2)") {
        return ("cannot run `ssh`".into(), "install OpenSSH's client".into());
    }
    if has("Bad configuration option") || has("bad configuration options") {
        return (
            "ssh does not accept its configuration".into(),
            "look at `ansible_ssh_common_args` and `~/.ssh/config`".into(),
        );
    }
    (
        format!("cannot connect to `{address}`"),
        format!(
            "try `ssh {}` by hand",
            target
                .user
                .map_or(address.to_owned(), |user| format!("{user}@{address}"))
        ),
    )
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(start)?;
    Some(rest.split_once(end)?.0)
}

/// `user` of a line `user@host: Permission denied …`.
fn before<'t>(text: &'t str, end: &str) -> Option<&'t str> {
    let line = text
        .lines()
        .find(|line| line.contains("Permission denied ("))?;
    Some(line.split_once(end)?.0)
}

/// The file of `Offending ED25519 key in FILE:LINE`.
fn offending(text: &str) -> Option<&str> {
    let line = text.lines().find(|line| line.starts_with("Offending "))?;
    Some(line.split_once(" key in ")?.1.trim().rsplit_once(':')?.0)
}

/// `[name]:port` or `name`.
fn split(name: &str) -> (&str, Option<&str>) {
    let bare = name
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]:"));
    bare.map_or((name, None), |(name, port)| (name, Some(port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_own_words() {
        let target = Target {
            host: "db1",
            address: "10.0.0.1",
            port: None,
            user: None,
            private_key: None,
            options: &[],
        };
        let cases = [
            (
                "connect to host 10.0.0.1 port 22: No route to host",
                "there is no route to `10.0.0.1`",
            ),
            (
                "connect to host 10.0.0.1 port 22: Connection timed out",
                "`10.0.0.1` does not answer on port 22",
            ),
            (
                "kex_exchange_identification: Connection closed by remote host",
                "`10.0.0.1` closes the connection before it says who it is",
            ),
            (
                "me@10.0.0.1: Permission denied (publickey,password).",
                "the login as user `me` was refused",
            ),
            (
                "No ED25519 host key is known for bastion and you have requested strict checking.\nHost key verification failed.",
                "the host key of `bastion` is not known",
            ),
            (
                "/run/x/0.conf: line 2: Bad configuration option: nonsense",
                "ssh does not accept its configuration",
            ),
            ("something new", "cannot connect to `10.0.0.1`"),
        ];
        for (text, what) in cases {
            let problem = connection(&target, text);
            assert_eq!(problem.what, what);
            assert_eq!(problem.cause.as_deref(), Some(text));
            assert!(problem.hint.is_some());
        }
        assert!(is_passing(cases[2].0) && !is_passing(cases[0].0));
    }
}
