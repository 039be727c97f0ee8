//! Who is who in the cluster, discovered from what PostgreSQL says on every member; an inventory never says it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::own_server::own_servers;
use super::{Declaration, Failover, Intent, registered, remains};
use crate::facts::{DataDirectory, Facts, Path, Server, Unit};
use crate::inventory::Inventory;
use crate::postgres::conninfo::Conninfo;
use crate::problem::{Problem, Problems};
use crate::words::list;

/// The cluster's shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Topology {
    /// The hosts of group `postgres`, in the inventory's order.
    pub members: Vec<Member>,
    /// The host of group `witness`: a node of repmgr's as the members are, but none of them; nobody uses its slot.
    pub witness: Option<Member>,
    /// Nodes that are registered with repmgr and not in the inventory, of a failover that is to do without them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub strangers: Vec<String>,
    /// The hosts of group `pgbouncer`.
    pub poolers: Vec<Peer>,
    /// The running primary; else the one member whose data directory is a stopped primary's; else, where there is no
    /// cluster yet, or standbys only, the one that will be.
    pub primary: String,
    /// Whether there is a cluster already.
    pub exists: bool,
    /// The member that is to become the primary; `None` where nobody is, or it is the primary already.
    pub candidate: Option<String>,
    /// The primary that the candidate replaces; `None` beside a candidate: there are only standbys, and nobody to replace.
    pub outgoing: Option<String>,
}

/// A member of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    pub name: String,
    pub address: String,
    pub port: u16,
    /// From `repmgr.nodes` if it is registered there, else the inventory's, else the smallest that is free.
    pub node_id: u32,
    /// Its replication slot on the primary, as the manager names it.
    pub slot: String,
    pub host_keys: Vec<String>,
}

/// A host beside the members that takes part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Peer {
    pub name: String,
    pub address: String,
    pub port: u16,
    pub host_keys: Vec<String>,
}

impl Topology {
    /// Reads the shape of the cluster from the facts. `world` lacks the hosts that could not be reached and need not be.
    ///
    /// # Errors
    /// States in which going on could cost data: two primaries, no primary but standbys, foreign data; or a candidate that
    /// is no member.
    pub fn discover(
        declaration: &Declaration<'_>,
        world: &BTreeMap<String, Facts>,
    ) -> Result<Self, Problems> {
        let Declaration {
            inventory, intent, ..
        } = declaration;
        let names = inventory.group("postgres");
        own_servers(inventory, world)?;
        if let Some(removal) = intent.removal() {
            removal.allowed(inventory, world)?;
        }
        let replaced = match intent {
            Intent::Failover(failover) => replaced(inventory, world, failover)?,
            _ => None,
        };
        let (primary, exists) = match &replaced {
            Some(Replaced { dead, successor }) => {
                (dead.as_ref().unwrap_or(successor).clone(), true)
            }
            None => primary(inventory, names, world, intent)?,
        };
        if let Some(returning) = intent.returning().filter(|_| exists) {
            returning.allowed(&primary, world.get(&primary))?;
        }
        let strangers = registered::strangers(inventory, world, intent)?;
        same_cluster(names, &primary, world)?;
        let witness = inventory.group("witness").first();
        let ids = node_ids(inventory, names, witness, world)?;
        let host_keys = |name: &str| {
            world
                .get(name)
                .map_or_else(Vec::new, |facts| facts.system.host_keys.clone())
        };
        let member = |name: &String| Member {
            address: inventory.hosts[name].address(),
            port: inventory.hosts[name].variables.postgresql_port,
            node_id: ids[name],
            slot: inventory.cluster.manager.slot(name, ids[name]),
            host_keys: host_keys(name),
            name: name.clone(),
        };
        let poolers = inventory
            .group("pgbouncer")
            .iter()
            .map(|name| Peer {
                address: inventory.hosts[name].address(),
                port: inventory.hosts[name].variables.pgbouncer_port,
                host_keys: host_keys(name),
                name: name.clone(),
            })
            .collect();
        let candidate = match intent {
            Intent::Handover(handover) => match &handover.candidate {
                Some(candidate) => Some(candidate.clone()),
                None => previous(inventory, world, &primary)?,
            },
            // The primary to be, where none was known.
            _ => replaced.as_ref().map(|replaced| replaced.successor.clone()),
        };
        let orphaned = replaced.is_some_and(|replaced| replaced.dead.is_none());
        let candidate = candidate.filter(|candidate| orphaned || *candidate != primary);
        if let Some(stranger) = candidate.as_ref().filter(|name| !names.contains(name)) {
            return Err(Problem::refused(format!(
                "`{stranger}` is no member of the cluster, and cannot become its primary"
            ))
            .hint("name a host of the group `postgres`: `pgha switchover INVENTORY --to NODE`")
            .into());
        }
        Ok(Self {
            outgoing: (candidate.as_ref())
                .filter(|_| !orphaned)
                .map(|_| primary.clone()),
            candidate,
            members: names.iter().map(member).collect(),
            witness: witness.map(member),
            strangers,
            poolers,
            primary,
            exists,
        })
    }

    /// Whether there are standbys only: the candidate replaces nobody.
    pub fn is_leaderless(&self) -> bool {
        self.candidate.is_some() && self.outgoing.is_none()
    }

    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// A node of repmgr's: a member, or the witness.
    pub fn node(&self, name: &str) -> Option<&Member> {
        let mut nodes = self.members.iter().chain(&self.witness);
        nodes.find(|node| node.name == name)
    }

    /// The members that are not the primary.
    pub fn standbys(&self) -> impl Iterator<Item = &Member> {
        self.members
            .iter()
            .filter(|member| member.name != self.primary)
    }
}

/// A primary that is gone, and who takes its place.
struct Replaced {
    /// `None`: nobody is known to have been one, e.g. since it handed its role to a member that died before it had it.
    dead: Option<String>,
    successor: String,
}

/// Who is replaced by whom in a failover; nobody where a primary takes writes.
fn replaced(
    inventory: &Inventory,
    world: &BTreeMap<String, Facts>,
    failover: &Failover,
) -> Result<Option<Replaced>, Problem> {
    let names = inventory.group("postgres");
    let servers = || {
        names.iter().filter_map(|name| {
            world
                .get(name)?
                .server
                .answers()
                .map(|server| (name, server))
        })
    };
    let asked = failover.candidate.as_ref();
    if let Some((primary, _)) = servers().find(|(_, server)| !server.in_recovery) {
        return match asked.filter(|asked| *asked != primary) {
            Some(asked) => Err(
                Problem::refused(format!("`{primary}` answers, and takes writes")).hint(format!(
                    "hand over to `{asked}`: `pgha switchover INVENTORY --to {asked}`"
                )),
            ),
            None => Ok(None),
        };
    }
    let data = |name: &String| world.get(name)?.data.as_ref();
    if names.iter().all(|name| data(name).is_none()) {
        return Ok(None);
    }
    let successor = super::failover::successor(inventory, world, asked)?;
    // As the standbys have it in repmgr's table, unless that one runs as a standby; else the one whose data would make it a
    // primary. Not the other way round: a former primary that stands still is not the one that may be taking writes.
    let is_running = |name: &String| servers().any(|(running, _)| running == name);
    let recorded = servers().find_map(|(_, server)| {
        let name = recorded_primary(inventory, server)?;
        names.contains(name).then_some(name)
    });
    let recorded = recorded.filter(|name| !is_running(name));
    // One that is there and may be taking writes comes first.
    let untold = |name: &&String| {
        let facts = world.get(*name);
        facts.is_some_and(|facts| facts.server.untold().is_some() && facts.may_take_writes())
    };
    let stopped = names.iter().find(untold).or_else(|| {
        let mut names = names.iter();
        names.find(|name| !is_running(name) && data(name).is_some_and(|data| !data.standby_signal))
    });
    let dead = recorded
        .filter(|name| names.contains(name))
        .or(stopped)
        .cloned();
    Ok(Some(Replaced { dead, successor }))
}

/// Who is the primary by what a standby has on record: repmgr's table, or without repmgr whom it follows.
fn recorded_primary<'a>(inventory: &'a Inventory, server: &'a Server) -> Option<&'a String> {
    if inventory.cluster.manager.is_repmgr() {
        let mut nodes = server.nodes.iter();
        let (name, _) = nodes.find(|(_, node)| node.kind == "primary" && node.active)?;
        return Some(name);
    }
    let followed = Conninfo::parse(&server.settings.get("primary_conninfo")?.raw)?;
    let mut names = inventory.group("postgres").iter();
    names.find(|name| inventory.hosts[*name].is_at(&followed))
}

/// Who was the primary before `primary`: as repmgr's record of events has it, or without repmgr the other one of two. Nobody
/// where there is no cluster yet.
fn previous(
    inventory: &Inventory,
    world: &BTreeMap<String, Facts>,
    primary: &str,
) -> Result<Option<String>, Problem> {
    let Some(server) = world.get(primary).and_then(|facts| facts.server.answers()) else {
        return Ok(None);
    };
    let others = inventory.group("postgres").iter();
    let others: Vec<&String> = others.filter(|name| *name != primary).collect();
    if let ([other], false) = (&others[..], inventory.cluster.manager.is_repmgr()) {
        return Ok(Some((*other).clone()));
    }
    match &server.previous_primary {
        Some(previous) => Ok(Some(previous.clone())),
        None => Err(Problem::refused(format!(
            "no other member than `{primary}` was the primary before"
        ))
        .hint(
            "name one: `pgha switchover INVENTORY --to NODE`, or set `cluster_preferred_primary`",
        )),
    }
}

/// What leads out of a cluster of standbys.
const PROMOTE: &str = "`pgha failover INVENTORY` makes the standby that has the most the primary; start those that are stopped before";

/// The primary's name, and whether there is a cluster.
fn primary(
    inventory: &Inventory,
    names: &[String],
    world: &BTreeMap<String, Facts>,
    intent: &Intent,
) -> Result<(String, bool), Problem> {
    let seen = || {
        names
            .iter()
            .filter_map(|name| Some((name, world.get(name)?)))
    };
    let running: Vec<&String> = seen()
        .filter(|(_, facts)| {
            facts
                .server
                .answers()
                .is_some_and(|server| !server.in_recovery)
        })
        .map(|(name, _)| name)
        .collect();
    match running[..] {
        [one] => return Ok((one.clone(), true)),
        [] => {}
        _ => {
            return Err(Problem::refused(format!(
                "{} are writable primaries at the same time",
                list(&running)
            ))
            .hint("stop the one whose writes are to be given up; `pgha rejoin INVENTORY NODE` saves what only it has, and makes it a standby"));
        }
    }
    if let Some((name, untold)) =
        seen().find_map(|(name, facts)| Some((name, facts.server.untold()?)))
    {
        let what = format!(
            "no primary answers, and PostgreSQL on `{name}` is there and does not tell what it is: {}",
            untold.why
        );
        return Err(untold.refuses(what).hint(format!(
            "{}; or `pgha failover INVENTORY`, which stops a primary without asking it",
            untold.why.hint()
        )));
    }
    let missing: Vec<&String> = names
        .iter()
        .filter(|name| !world.contains_key(*name))
        .collect();
    if !missing.is_empty() {
        let has_standby = seen().any(|(_, facts)| facts.server.answers().is_some());
        return Err(Problem::refused(format!(
            "no primary answers, and {} could not be asked",
            list(&missing)
        ))
        .hint(if has_standby {
            PROMOTE
        } else {
            "without them pgha cannot know whether there is a cluster already"
        }));
    }
    let with_data: Vec<(&String, &DataDirectory)> = seen()
        .filter_map(|(name, facts)| Some((name, facts.data.as_ref()?)))
        .collect();
    // Data that cannot be read says nothing; `same_cluster` refuses it.
    if !with_data
        .iter()
        .any(|(_, data)| data.system_identifier.is_some())
    {
        remains::none(inventory, world, intent)?;
        return Ok((inventory.cluster.initial_primary.clone(), false));
    }
    // Who remembers that another has taken its place is no primary, whatever its data would make it.
    let is_out = |name: &String| {
        let facts = world.get(name);
        facts.is_some_and(|facts| facts.replaced().is_some() || facts.outvoted().is_some())
    };
    let stopped: Vec<&(&String, &DataDirectory)> = with_data
        .iter()
        .filter(|(_, data)| data.system_identifier.is_some() && !data.standby_signal)
        .filter(|(name, _)| !is_out(name))
        .collect();
    // A promotion begins a new timeline: whoever is on an older one than another member has been replaced.
    let newest = with_data.iter().filter_map(|(_, data)| data.timeline).max();
    let leading: Vec<&String> = stopped
        .iter()
        .filter(|(_, data)| data.timeline >= newest)
        .map(|(name, _)| *name)
        .collect();
    match (&leading[..], &stopped[..]) {
        ([name], _) => {
            about_to_fail_over(inventory, names, world)?;
            Ok(((*name).clone(), true))
        }
        ([], []) => Err(Problem::refused("no member is a primary, running or stopped").hint(PROMOTE)),
        ([], [(name, _)]) => Err(Problem::refused(format!(
            "the stopped primary `{name}` is on an older timeline than another member"
        ))
        .hint(PROMOTE)),
        ([], _) => Err(Problem::refused(format!(
            "the stopped primaries {} are on older timelines than another member",
            list(&stopped.iter().map(|(name, _)| *name).collect::<Vec<_>>())
        ))
        .hint(PROMOTE)),
        _ => Err(Problem::refused(format!(
            "{} each hold a stopped primary's data, on one timeline",
            list(&leading)
        ))
        .hint(if seen().any(|(_, facts)| facts.server.answers().is_some()) {
            PROMOTE
        } else {
            "pgha does not choose between them: start PostgreSQL on the one that is right; `pgha rejoin INVENTORY NODE` brings back each other one"
        })),
    }
}

/// While repmgrd watches on the standbys of a stopped primary, starting it could make it the second of two.
fn about_to_fail_over(
    inventory: &Inventory,
    names: &[String],
    world: &BTreeMap<String, Facts>,
) -> Result<(), Problem> {
    let watching = names.iter().filter(|name| {
        world.get(*name).is_some_and(|facts| {
            let running = facts.units.get("repmgrd").is_some_and(Unit::is_running);
            let armed = |server: &Server| server.repmgrd_paused == Some(false);
            running && facts.server.answers().is_some_and(armed)
        })
    });
    let watching: Vec<&String> = watching.collect();
    if watching.is_empty() || !fails_over(inventory, world) {
        return Ok(());
    }
    Err(Problem::refused(format!(
        "the primary is stopped, and repmgrd on {} may be about to promote a standby",
        list(&watching)
    ))
    .hint(
        "wait until it has; if it does not, `pgha failover INVENTORY` makes a standby the primary",
    ))
}

/// Whether failover is automatic: of two members neither can know who is cut off. A witness counts once it is registered;
/// before that repmgrd does not ask it, and a standby that sees nobody elects itself.
pub fn fails_over(inventory: &Inventory, world: &BTreeMap<String, Facts>) -> bool {
    let members = inventory.group("postgres");
    let registered = |name: &&String| {
        let of_members = members.iter();
        let mut servers: Vec<&Server> = of_members
            .filter_map(|member| world.get(member)?.server.answers())
            .collect();
        // Its own copy may be an old one. Where no member runs, nothing else tells.
        if servers.is_empty() {
            servers.extend(world.get(*name).and_then(|facts| facts.server.answers()));
        }
        servers.iter().any(|server| {
            let node = server.nodes.get(*name);
            node.is_some_and(|node| node.kind == "witness" && node.active)
        })
    };
    let witnesses = inventory.group("witness").iter().filter(registered);
    inventory.cluster.manager.elects() && members.len() + witnesses.count() >= 3
}

/// Every member's data must be the primary's cluster, of one major version.
fn same_cluster(
    names: &[String],
    primary: &str,
    world: &BTreeMap<String, Facts>,
) -> Result<(), Problems> {
    let data = |name: &str| world.get(name).and_then(|facts| facts.data.as_ref());
    let identifier = data(primary).and_then(|data| data.system_identifier.clone());
    let mut problems = Vec::new();
    for name in names {
        let Some(seen) = data(name) else { continue };
        if seen.system_identifier.is_none() {
            problems.push(
                Problem::refused("the data directory is not empty, and holds no cluster that can be read")
                    .on(name)
                    .because(&seen.state)
                    .hint("pgha does not remove data: move the directory away, or name another in `postgresql_data_directory`"),
            );
        } else if identifier.is_some() && seen.system_identifier != identifier {
            problems.push(
                Problem::refused(format!(
                    "the data directory belongs to another cluster than `{primary}`'s"
                ))
                .on(name)
                .because(format!(
                    "system identifier {} here, {} there",
                    seen.system_identifier.as_deref().unwrap_or("unknown"),
                    identifier.as_deref().unwrap_or("unknown"),
                ))
                .hint("pgha does not remove data: move the directory away, or name another in `postgresql_data_directory`"),
            );
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Problems(problems))
    }
}

/// The id in a host's `repmgr.conf`, which outlives a stop of its server.
fn configured(facts: &Facts) -> Option<u32> {
    let Path::File { content, .. } = facts.paths.get("/etc/repmgr.conf")? else {
        return None;
    };
    let mut lines = content.as_ref()?.lines();
    lines.find_map(|line| {
        let id = line.trim().strip_prefix("node_id")?.trim();
        id.strip_prefix('=')?.trim().trim_matches('\'').parse().ok()
    })
}

fn node_ids(
    inventory: &Inventory,
    members: &[String],
    witness: Option<&String>,
    world: &BTreeMap<String, Facts>,
) -> Result<BTreeMap<String, u32>, Problem> {
    let names = || members.iter().chain(witness);
    let nodes = registered::nodes(inventory, world).into_iter();
    let mut registered: BTreeMap<&String, u32> =
        nodes.map(|(name, node)| (name, node.node_id)).collect();
    // A member that left and comes back has a table of before that, in which ids are others' by now.
    let own = members
        .iter()
        .filter_map(|name| world.get(name)?.server.answers());
    for (name, node) in own.flat_map(|server| &server.nodes) {
        let is_taken = registered.values().any(|id| *id == node.node_id);
        if !is_taken && !registered.contains_key(name) {
            registered.insert(name, node.node_id);
        }
    }
    // Where nobody tells, what a host is configured as.
    if registered.is_empty() {
        registered = names()
            .filter_map(|name| Some((name, configured(world.get(name)?)?)))
            .collect();
    }
    let declared = |name: &String| inventory.hosts[name].variables.repmgr_node_id;
    let mut taken: BTreeSet<u32> = registered.values().copied().collect();
    for name in names().filter(|name| !registered.contains_key(name)) {
        if let Some(id) = declared(name)
            && !taken.insert(id)
        {
            return Err(
                Problem::input(format!("`repmgr_node_id: {id}` is another node's"))
                    .on(name)
                    .hint("ids of registered nodes stay as they are; choose one that is free"),
            );
        }
    }
    let mut free = (1_u32..).filter(|id| !taken.contains(id));
    Ok(names()
        .map(|name| {
            let id = registered
                .get(name)
                .copied()
                .or_else(|| declared(name))
                .unwrap_or_else(|| free.next().expect("ids do not run out"));
            (name.clone(), id)
        })
        .collect())
}
