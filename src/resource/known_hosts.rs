//! `known_hosts`: the host keys of the peers, read from the hosts themselves over the connection that was already trusted.

use serde::Deserialize;

use super::file::File;
use super::{OneFile, View};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownHosts {
    path: String,
    owner: String,
    group: String,
    hosts: Vec<KnownHost>,
}

#[derive(Debug, Deserialize)]
struct KnownHost {
    name: String,
    address: String,
    host_keys: Vec<String>,
}

impl OneFile for KnownHosts {
    fn path(&self) -> String {
        self.path.clone()
    }

    fn file(&self, _: &View<'_>) -> File {
        let mut lines: Vec<String> = self
            .hosts
            .iter()
            .flat_map(|host| {
                let names = if host.name == host.address {
                    host.name.clone()
                } else {
                    format!("{},{}", host.name, host.address)
                };
                host.host_keys
                    .iter()
                    .map(move |key| format!("{names} {key}\n"))
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
            validate: None,
        }
    }
}
