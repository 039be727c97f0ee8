//! What templates see on a host.

use indexmap::IndexMap;
use minijinja::value::merge_maps;
use minijinja::{Value, context};

use super::topology::fails_over;
use crate::facts::Release;
use crate::inventory::Inventory;
use crate::postgres::session;
use crate::resource::View;
use crate::template::value;

/// What templates see on a host, but for the play's own variables.
pub fn host(view: &View<'_>) -> Value {
    let topology = view.topology;
    let host = view.host;
    let system = &view.facts().system;
    let declared = &view.inventory.hosts[host];
    let primary = topology.member(&topology.primary);
    context! {
        inventory_hostname => host,
        address => declared.address(),
        groups => value(&view.inventory.groups),
        members => value(&topology.members),
        witness => value(&topology.witness),
        poolers => value(&topology.poolers),
        known_hosts => value(&known_hosts(view)),
        primary => topology.primary.as_str(),
        primary_address => primary.map(|member| member.address.clone()),
        primary_port => primary.map(|member| member.port),
        is_primary => view.is_primary(),
        is_witness => view.is_witness(),
        is_former_primary => view.is_former_primary(view.host),
        is_lost => view.is_lost(),
        is_running => !view.facts().server.is_down(),
        automatic_failover => fails_over(view.inventory, view.world),
        postgresql_version => view.version(),
        session_options => session::options(view.version()),
        session_settings => value(&session::settings(view.version()).collect::<IndexMap<_, _>>()),
        postgresql_data_directory => view.data_directory(),
        postgresql_config_directory => view.config_directory(),
        postgresql_bin_directory => view.program("").trim_end_matches('/'),
        postgresql_unit => view.unit(),
        postgresql_extensions => value(&extensions(view.inventory)),
        candidate => topology.candidate.as_deref(),
        leaving => view.intent.removal().map(|removal| removal.node.as_str()),
        outgoing => topology.outgoing.as_deref(),
        outgoing_address => topology.outgoing.as_deref().and_then(|name| topology.member(name)).map(|member| member.address.clone()),
        pause_timeout => view.intent.handover().map(|handover| handover.pause_timeout),
        drain => view.intent.handover().map(|handover| value(&handover.drain)),
        upstreams => value(&view.upstreams()),
        slot => topology.member(host).map(|member| member.slot.clone()),
        pgbouncer_databases => value(&view.pooled(&topology.primary)),
        pgbouncer_databases_at => value(&topology.members.iter().map(|member| (member.name.clone(), view.pooled(&member.name))).collect::<IndexMap<_, _>>()),
        repmgr_node_id => topology.node(host).map(|member| member.node_id),
        conninfo => topology.node(host).map(|_| view.conninfo(host).to_string()),
        facts => context! {
            release => system.release.map(Release::name),
            memory => system.memory,
            processors => system.processors,
        },
        ..merge_maps([declared.own.value(), value(&declared.vars)])
    }
}

/// Everybody whose host keys the members need.
fn known_hosts(view: &View<'_>) -> Vec<serde_json::Value> {
    let entry = |name: &str, address: &str, host_keys: &[String]| {
        let port = view.inventory.hosts[name].ssh_port();
        serde_json::json!({"name": name, "address": address, "port": port, "host_keys": host_keys})
    };
    let members = view.topology.members.iter();
    let poolers = view.topology.poolers.iter();
    members
        .map(|member| entry(&member.name, &member.address, &member.host_keys))
        .chain(poolers.map(|pooler| entry(&pooler.name, &pooler.address, &pooler.host_keys)))
        .collect()
}

/// Every extension of every declared database.
fn extensions(inventory: &Inventory) -> Vec<IndexMap<&'static str, String>> {
    let databases = &inventory.cluster.databases;
    databases
        .iter()
        .flat_map(|database| {
            database.extensions.iter().map(|extension| {
                IndexMap::from([
                    ("database", database.name.clone()),
                    ("extension", extension.clone()),
                ])
            })
        })
        .collect()
}
