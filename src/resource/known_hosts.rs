//! The resource `known_hosts`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::file::File;
use super::{OneFile, View};
use crate::facts::Path;

/// A `known_hosts` file with the host keys of the cluster's other hosts, read from the hosts themselves over the connection
/// that is already trusted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownHosts {
    /// The file.
    path: String,
    /// Its owner.
    owner: String,
    /// Its group.
    group: String,
    /// Whose keys it has.
    hosts: Vec<KnownHost>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct KnownHost {
    /// The host's name.
    name: String,
    /// The address by which it is reached.
    address: String,
    /// Of its sshd.
    #[serde(default = "ssh")]
    port: u16,
    /// Its public keys.
    host_keys: Vec<String>,
}

fn ssh() -> u16 {
    22
}

impl KnownHost {
    /// How ssh looks it up (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").
    fn names(&self) -> String {
        let at_port = |name: &str| match self.port {
            22 => name.to_owned(),
            port => format!("[{name}]:{port}"),
        };
        if self.name == self.address {
            at_port(&self.name)
        } else {
            format!("{},{}", at_port(&self.name), at_port(&self.address))
        }
    }
}

impl OneFile for KnownHosts {
    fn path(&self) -> String {
        self.path.clone()
    }

    fn file(&self, view: &View<'_>) -> File {
        let seen = match view.path(&self.path) {
            Path::File {
                content: Some(content),
                ..
            } => content.as_str(),
            _ => "",
        };
        let mut lines: Vec<String> = self
            .hosts
            .iter()
            .flat_map(|host| {
                let names = host.names();
                let own = host.host_keys.iter().map(|key| format!("{names} {key}\n"));
                let mut lines: Vec<String> = own.collect();
                if lines.is_empty() {
                    // A host that could not be asked, outside the limit, stays known as it is.
                    let kept = seen.lines().filter(|line| {
                        line.split_once(' ')
                            .is_some_and(|(known, _)| known == names)
                    });
                    lines.extend(kept.map(|line| format!("{line}\n")));
                }
                lines
            })
            .collect();
        // The inventory's order must not matter.
        lines.sort();
        File {
            path: self.path.clone(),
            content: Some(lines.concat()),
            mode: "0644".to_owned(),
            owner: self.owner.clone(),
            group: self.group.clone(),
            shipped: None,
            validate: None,
        }
    }
}
