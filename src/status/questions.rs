//! What must be asked of each host to tell the state of the cluster.

use std::collections::BTreeMap;

use crate::facts::{Probe, Probes, Release, marks};
use crate::inventory::Inventory;

/// The hosts that have a part in the cluster, in the inventory's order.
pub fn hosts(inventory: &Inventory) -> Vec<String> {
    let has_part = |host: &String| {
        ["postgres", "witness", "pgbouncer"]
            .iter()
            .any(|group| inventory.is_in(host, group))
    };
    inventory
        .hosts
        .keys()
        .filter(|host| has_part(host))
        .cloned()
        .collect()
}

/// The questions of every host, for each release that it may turn out to run.
pub fn questions(inventory: &Inventory) -> BTreeMap<String, BTreeMap<Release, Probes>> {
    hosts(inventory)
        .into_iter()
        .map(|host| {
            let by_release = Release::ALL
                .into_iter()
                .map(|release| (release, of(inventory, &host, release)))
                .collect();
            (host, by_release)
        })
        .collect()
}

fn of(inventory: &Inventory, host: &str, release: Release) -> Probes {
    let variables = &inventory.hosts[host].variables;
    let mut probes: Probes = inventory.part(host).probes().collect();
    if inventory.is_node(host) {
        let version = inventory
            .cluster
            .postgresql_version
            .unwrap_or_else(|| release.postgresql_version());
        let data_directory = variables
            .postgresql_data_directory
            .clone()
            .unwrap_or_else(|| format!("/var/lib/postgresql/{version}/main"));
        probes.extend([
            Probe::Cluster {
                version,
                data_directory,
                port: variables.postgresql_port,
                repmgr_database: inventory.cluster.repmgr_database.clone(),
            },
            Probe::Unit(server_unit(inventory, release)),
        ]);
        probes.extend(marks::probes());
    }
    if inventory.is_in(host, "pgbouncer") {
        probes.extend([
            Probe::Pooler(variables.pgbouncer_port),
            Probe::Unit("pgbouncer".to_owned()),
        ]);
    }
    probes
}

/// The systemd unit of the server.
pub(super) fn server_unit(inventory: &Inventory, release: Release) -> String {
    let version = inventory.cluster.postgresql_version;
    let version = version.unwrap_or_else(|| release.postgresql_version());
    format!("postgresql@{version}-main")
}
