//! The resource `authorized_key`.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Deserialize;

use super::file::File;
use super::{OneFile, View};
use crate::facts::{Path, Probe};
use crate::problem::Problem;
use crate::secret::Text;

/// One key in an `authorized_keys` file, and what a login with it may do. Other lines of the file stay.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorizedKey {
    /// The `authorized_keys` file.
    path: String,
    /// The public key, as in a `.pub` file.
    key: String,
    /// The owner of the file.
    owner: String,
    /// The group of the file.
    group: String,
    /// The one program that a login with this key runs; whatever else the key could do (a terminal, forwarding) is off.
    #[serde(default)]
    command: Option<String>,
    /// The addresses from which it is taken. sshd compares names only where it looks them up, which it does not by default:
    /// one name among them, and it is taken from everywhere.
    #[serde(default)]
    from: Vec<String>,
}

impl AuthorizedKey {
    /// The line: options (sshd(8), "AUTHORIZED_KEYS FILE FORMAT") and the key.
    fn line(&self) -> String {
        let mut options = Vec::new();
        if let Some(command) = &self.command {
            options.push("restrict".to_owned());
            options.push(format!("command=\"{command}\""));
        }
        // The inventory's order must not matter.
        let mut addresses = self.from.clone();
        addresses.sort();
        if !addresses.is_empty()
            && addresses
                .iter()
                .all(|address| address.parse::<IpAddr>().is_ok())
        {
            options.push(format!("from=\"{}\"", addresses.join(",")));
        }
        let gap = if options.is_empty() { "" } else { " " };
        format!("{}{gap}{}", options.join(","), self.key.trim())
    }
}

/// The key itself, of a line with options before and a comment behind it.
fn key_of(line: &str) -> Option<&str> {
    let kinds = ["ssh-", "ecdsa-", "sk-"];
    let mut words = line.split_whitespace();
    let is_kind = |word: &str| kinds.iter().any(|kind| word.starts_with(kind));
    if line.trim_start().starts_with('#') || !words.any(is_kind) {
        return None;
    }
    words.next()
}

impl OneFile for AuthorizedKey {
    fn path(&self) -> String {
        self.path.clone()
    }

    /// Its lines are needed, though the key among them is kept with the secrets.
    fn probes(&self, _: &View<'_>) -> Vec<Probe> {
        vec![Probe::Content(self.path.clone())]
    }

    fn check(&self, view: &View<'_>) -> Result<(), Problem> {
        let key = self.key.trim();
        if key.is_empty() || key.contains('\n') {
            return Err(Problem::input("`key` is one key, on one line")
                .hint("make a step for each key, or a `loop`"));
        }
        if let Some(command) = &self.command
            && command.contains(['"', '\\', '\n'])
        {
            return Err(
                Problem::input("`command` cannot be written in `authorized_keys`")
                    .hint("name a program, without quotes and backslashes"),
            );
        }
        match view.path(&self.path) {
            Path::File { content: None, .. } => Err(Problem::refused(format!(
                "the keys in `{}` cannot be read",
                self.path
            ))
            .because("it is larger than 64 KiB, or no text")
            .hint("pgha keeps the keys that are there: make it a text that it can read")),
            _ => Ok(()),
        }
    }

    /// The file with the key in it, once, and only with what it may do.
    fn file(&self, view: &View<'_>) -> File {
        let seen = match view.path(&self.path) {
            Path::File {
                content: Some(content),
                ..
            } => content.as_str(),
            _ => "",
        };
        let line = self.line();
        let revealed = |text: &str| Text::parse(text.trim()).reveal(view.secrets).ok();
        let wanted = revealed(&line);
        let is_as_wanted =
            |seen: &str| seen.trim() == line || wanted.is_some() && revealed(seen) == wanted;
        let is_same_key = |seen: &str| {
            let key = wanted.as_deref().and_then(key_of);
            is_as_wanted(seen) || key.is_some() && revealed(seen).as_deref().and_then(key_of) == key
        };
        let mut of_key = seen.lines().filter(|line| is_same_key(line));
        let content = match (of_key.next(), of_key.next()) {
            (Some(one), None) if is_as_wanted(one) => seen.to_owned(),
            (first, _) => {
                let mut lines: Vec<&str> = seen.lines().filter(|line| !is_same_key(line)).collect();
                let before = seen.lines().take_while(|line| !is_same_key(line)).count();
                lines.insert(first.map_or(lines.len(), |_| before), &line);
                lines.join("\n") + "\n"
            }
        };
        File {
            path: self.path.clone(),
            content: Some(content),
            mode: "0600".to_owned(),
            owner: self.owner.clone(),
            group: self.group.clone(),
            shipped: None,
            validate: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_whatever_stands_around_it() {
        for line in [
            "ssh-ed25519 AAAA",
            "  ssh-ed25519 AAAA a comment",
            "restrict,command=\"/bin/a b\",from=\"10.0.0.1\" ssh-ed25519 AAAA x",
            "no-pty sk-ssh-ed25519@openssh.com AAAA",
        ] {
            assert_eq!(key_of(line), Some("AAAA"), "{line}");
        }
        for line in ["", "# ssh-ed25519 AAAA", "ssh-ed25519", "AAAA"] {
            assert_eq!(key_of(line), None, "{line}");
        }
    }
}
