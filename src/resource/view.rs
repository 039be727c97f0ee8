//! What a resource may see while it compares itself with the facts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::facts::{Facts, Path, Probe, Server, Time, Untold};
use crate::inventory::{Inventory, Variables};
use crate::plan::{Intent, Topology, configuration};
use crate::postgres::conninfo::Conninfo;
use crate::secret::Secrets;

/// The members' and the witness's passwords for each other.
pub const PASSFILE: &str = "/etc/pgha/pgpass";

/// Where one database of a pooler leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The address of a server.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// One host, seen among all others, at one point of the plan.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub host: &'a str,
    /// The facts of every host that was asked, as the plan so far will have made them.
    pub world: &'a BTreeMap<String, Facts>,
    pub inventory: &'a Inventory,
    pub topology: &'a Topology,
    pub secrets: &'a Secrets,
    /// The moment at which the change at hand will have been made.
    pub now: Time,
    /// Whether the user allowed a restart of the primary.
    pub allow_restart_primary: bool,
    pub intent: &'a Intent,
}

impl<'a> View<'a> {
    pub fn facts(&self) -> &'a Facts {
        &self.world[self.host]
    }

    pub fn variables(&self) -> &'a Variables {
        &self.inventory.hosts[self.host].variables
    }

    pub fn path(&self, path: &str) -> &'a Path {
        static ABSENT: Path = Path::Absent;
        self.facts().paths.get(path).unwrap_or(&ABSENT)
    }

    /// The server, if it answers.
    pub fn server(&self) -> Option<&'a Server> {
        self.facts().server.answers()
    }

    pub fn is_primary(&self) -> bool {
        self.host == self.topology.primary
    }

    pub fn is_witness(&self) -> bool {
        let witness = self.topology.witness.as_ref();
        witness.is_some_and(|witness| witness.name == self.host)
    }

    /// Whether this host's server is to take writes: the primary's, and the witness's, which is a cluster of its own.
    pub fn takes_writes(&self) -> bool {
        self.is_primary() || self.is_witness()
    }

    /// Whether a host is a former primary that stands still: a member that is not the primary, and whose data would make it
    /// a writable one if it were started as it is, or a standby of nobody.
    pub fn is_former_primary(&self, host: &str) -> bool {
        let writable = |facts: &Facts| {
            let data = facts.data.as_ref();
            facts.server.is_down() && data.is_some_and(|data| !data.standby_signal || data.fenced)
        };
        host != self.topology.primary
            && self.topology.member(host).is_some()
            && self.world.get(host).is_some_and(writable)
    }

    /// The timeline of a standby that runs beside the primary, and neither streams from it nor is on its timeline: whether it can
    /// follow is to be decided (`pgha rejoin`).
    pub fn astray(&self) -> Option<u32> {
        let server = self.server().filter(|server| server.in_recovery)?;
        let primary = self.primary_server()?;
        let streams = primary.senders.get(self.host);
        let streams = streams.is_some_and(|sender| sender.state == "streaming");
        let receiver = server.receiver.as_ref();
        let timeline = receiver.and_then(|receiver| receiver.timeline);
        let timeline = timeline.max(server.timeline)?;
        (!streams && Some(timeline) < primary.timeline).then_some(timeline)
    }

    /// Members beside the primary that is replaced whose PostgreSQL is there and does not tell what it is; and whether its data
    /// leave it open that it takes writes.
    pub fn untold_members(&self) -> impl Iterator<Item = (&'a str, &'a Untold, bool)> {
        let outgoing = self.topology.outgoing.as_deref();
        let members = self.topology.members.iter();
        let others = members.filter(move |member| outgoing != Some(member.name.as_str()));
        others.filter_map(|member| {
            let facts = self.world.get(&member.name)?;
            let untold = facts.server.untold()?;
            Some((member.name.as_str(), untold, facts.may_take_writes()))
        })
    }

    /// Whether this node's data are gone though it was a node of the cluster. It may be that a volume is not mounted, and
    /// nothing is put there unasked. A new cluster was asked for together with its standbys.
    pub fn is_lost(&self) -> bool {
        let facts = self.facts();
        let is_registered = self
            .primary_server()
            .is_some_and(|server| self.is_known_to(server));
        let is_asked = *self.intent == Intent::NewCluster && (self.is_witness() || !is_registered);
        self.topology.node(self.host).is_some()
            && (self.topology.exists || self.is_witness())
            && facts.data.is_none()
            && facts.server.is_down()
            && configuration(facts).is_some()
            && !is_asked
    }

    /// Whether this node is one by the manager's record there: repmgr's table, or the slots.
    fn is_known_to(&self, server: &Server) -> bool {
        if self.inventory.cluster.manager.is_repmgr() {
            return server.nodes.contains_key(self.host);
        }
        let own = self.topology.node(self.host);
        own.is_some_and(|own| server.slots.contains_key(&own.slot))
    }

    /// The primary's server, as far as the plan has got.
    pub fn primary_server(&self) -> Option<&'a Server> {
        self.world.get(&self.topology.primary)?.server.answers()
    }

    /// The major version of PostgreSQL on this host.
    pub fn version(&self) -> u16 {
        self.inventory
            .cluster
            .postgresql_version
            .unwrap_or_else(|| {
                self.facts()
                    .system
                    .release
                    .map_or(0, crate::facts::Release::postgresql_version)
            })
    }

    pub fn port(&self) -> u16 {
        self.variables().postgresql_port
    }

    pub fn data_directory(&self) -> String {
        self.variables()
            .postgresql_data_directory
            .clone()
            .unwrap_or_else(|| format!("/var/lib/postgresql/{}/main", self.version()))
    }

    /// Where Debian keeps the configuration of the cluster.
    pub fn config_directory(&self) -> String {
        format!("/etc/postgresql/{}/main", self.version())
    }

    pub fn config_file(&self) -> String {
        format!("{}/postgresql.conf", self.config_directory())
    }

    /// A program of PostgreSQL or repmgr, by its full path.
    pub fn program(&self, name: &str) -> String {
        format!("/usr/lib/postgresql/{}/bin/{name}", self.version())
    }

    /// The systemd unit of the cluster.
    pub fn unit(&self) -> String {
        format!("postgresql@{}-main", self.version())
    }

    /// What asks for [`Facts::data`] and [`Facts::server`].
    pub fn cluster_probe(&self) -> Probe {
        Probe::Cluster {
            version: self.version(),
            data_directory: self.data_directory(),
            port: self.port(),
            repmgr_database: self.inventory.cluster.repmgr_database.clone(),
        }
    }

    /// How this member follows each of the others: what becomes its `primary_conninfo`. The application name is the node's
    /// name, which is how repmgr and `synchronous_standby_names` know it. Empty on a host that is no member.
    pub fn upstreams(&self) -> BTreeMap<String, String> {
        if self.topology.member(self.host).is_none() {
            return BTreeMap::new();
        }
        let others = self.topology.members.iter();
        let others = others.filter(|member| member.name != self.host);
        others
            .map(|member| (member.name.clone(), self.upstream(&member.name).to_string()))
            .collect()
    }

    /// How this member follows another one.
    pub fn upstream(&self, member: &str) -> Conninfo {
        self.conninfo(member)
            .without("dbname")
            .with("application_name", self.host)
    }

    /// Where a pooler leads each declared database while `primary` is the primary. pgbouncer's file cannot name every
    /// database that PostgreSQL can (1.18 refuses blanks and quotes, tried); `*`, i.e. any, stands for those.
    pub fn pooled(&self, primary: &str) -> BTreeMap<String, Target> {
        let Some(primary) = self.topology.member(primary) else {
            return BTreeMap::new();
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let databases = self.inventory.cluster.databases.iter();
        databases
            .map(|database| {
                let is_plain = database.name.chars().all(plain);
                let name = if is_plain {
                    database.name.as_str()
                } else {
                    "*"
                };
                let target = Target {
                    host: primary.address.clone(),
                    port: primary.port,
                };
                (name.to_owned(), target)
            })
            .collect()
    }

    /// The connection string of a node as repmgr records it: reachable from every other, without a password.
    /// The timeouts are those of the reference for repmgr.conf: 2 s to connect, a dead peer noticed within 11 s.
    pub fn conninfo(&self, node: &str) -> Conninfo {
        let node = self.topology.node(node).expect("asked of nodes only");
        let mut conninfo = Conninfo::default()
            .with("host", node.address.as_str())
            .with("port", node.port.to_string())
            .with("user", self.inventory.cluster.streams_as())
            .with("dbname", self.inventory.cluster.asks_in());
        for (key, value) in [
            ("passfile", PASSFILE),
            ("connect_timeout", "2"),
            ("keepalives", "1"),
            ("keepalives_idle", "5"),
            ("keepalives_interval", "2"),
            ("keepalives_count", "3"),
        ] {
            conninfo = conninfo.with(key, value);
        }
        conninfo
    }
}
