//! `lab list`: what the engine knows of labs.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::Serialize;

use super::engine::Engine;
use crate::problem::{Problem, Problems};

/// A lab as the engine has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    pub id: String,
    /// The folder, absolute; it may be gone.
    pub dir: PathBuf,
    /// `up`, `down`, or how many of the hosts are up.
    pub state: String,
    /// In the order of their addresses.
    pub hosts: Vec<ListedHost>,
}

/// A host of a lab as the engine has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ListedHost {
    pub address: Ipv4Addr,
    pub name: String,
    /// The name of its container.
    pub container: String,
    /// The engine's word: `running`, `exited`, `paused`, ….
    pub state: String,
}

/// All hosts running, none, or some of them.
fn state(hosts: &[ListedHost]) -> String {
    let running = hosts.iter().filter(|host| host.state == "running").count();
    match running {
        0 => "down".to_owned(),
        all if all == hosts.len() => "up".to_owned(),
        some => format!("{some} of {} up", hosts.len()),
    }
}

/// All labs of the engine, those of other folders and users included.
pub async fn list() -> Result<Vec<Listed>, Problems> {
    Ok(labs(&Engine::connect().await?).await?)
}

/// All labs, by folder.
pub async fn labs(engine: &Engine) -> Result<Vec<Listed>, Problem> {
    let labels = "{{.Label \"pgha.lab\"}}\t{{.Label \"pgha.dir\"}}";
    let filter = "--filter=label=pgha.lab";
    // A lab whose containers are gone may still have its network.
    let networks = engine
        .ask(["network", "ls", filter, "--format", labels])
        .await?;
    let host = format!(
        "{labels}\t{{{{.Label \"pgha.address\"}}}}\t{{{{.Label \"pgha.host\"}}}}\t{{{{.Names}}}}\t{{{{.State}}}}"
    );
    let containers = engine.ask(["ps", "-a", filter, "--format", &host]).await?;
    Ok(parse(&networks, &containers))
}

fn parse(networks: &str, containers: &str) -> Vec<Listed> {
    let mut labs: BTreeMap<(PathBuf, String), Vec<ListedHost>> = BTreeMap::new();
    for line in networks.lines().chain(containers.lines()) {
        let words: Vec<&str> = line.split('\t').collect();
        let &[id, dir, ref host @ ..] = words.as_slice() else {
            continue;
        };
        let hosts = labs.entry((dir.into(), id.to_owned())).or_default();
        if let &[address, name, container, state] = host
            && let Ok(address) = address.parse()
        {
            hosts.push(ListedHost {
                address,
                name: name.to_owned(),
                container: container.to_owned(),
                state: state.to_owned(),
            });
        }
    }
    let listed = |((dir, id), mut hosts): ((PathBuf, String), Vec<ListedHost>)| {
        hosts.sort();
        Listed {
            id,
            dir,
            state: state(&hosts),
            hosts,
        }
    };
    labs.into_iter().map(listed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_grouped_and_a_lone_network_is_a_lab() {
        let labs = parse(
            "aa\t/b\ncc\t/a\n",
            "aa\t/b\t172.30.7.12\tnode2\tpgha-aa-node2\texited\naa\t/b\t172.30.7.11\tnode1\tpgha-aa-node1\trunning\n",
        );
        assert_eq!(labs[0].dir, PathBuf::from("/a"));
        assert_eq!(labs[0].state, "down");
        assert_eq!(labs[1].hosts[0].name, "node1");
        assert_eq!(labs[1].state, "1 of 2 up");
    }
}
