//! The members of the cluster as they were seen, and who of them is what.

use std::collections::BTreeMap;

use super::questions::server_unit;
use super::words::told;
use super::{Node, Role, replication};
use crate::facts::{DataDirectory, Facts, Server, Unit, Untold};
use crate::inventory::Inventory;
use crate::problem::{Kind, Problem};
use crate::words::list;

/// A member, or a witness.
pub struct Member<'a> {
    pub name: &'a str,
    pub address: String,
    pub port: u16,
    pub is_witness: bool,
    pub seen: Result<&'a Facts, &'a Problem>,
    /// Its server's systemd unit.
    unit: Option<&'a Unit>,
}

/// Those that were asked, in the inventory's order.
pub struct Members<'a> {
    pub all: Vec<Member<'a>>,
    /// Whether all members were asked; under `--limit` they are not.
    pub is_complete: bool,
}

impl<'a> Member<'a> {
    pub fn server(&self) -> Option<&'a Server> {
        self.seen.ok()?.server.answers()
    }

    /// Why it does not tell, where its server is there.
    fn untold(&self) -> Option<&'a Untold> {
        self.seen.ok()?.server.untold()
    }

    fn is_primary(&self) -> bool {
        !self.is_witness && self.server().is_some_and(|server| !server.in_recovery)
    }

    /// Whether there is something that could be running.
    fn is_installed(&self) -> bool {
        self.seen.is_ok_and(|facts| {
            let holds_cluster =
                |data: &DataDirectory| !data.version.is_empty() || data.system_identifier.is_some();
            !facts.server.is_down() || facts.data.as_ref().is_some_and(holds_cluster)
        })
    }

    fn is_starting(&self) -> bool {
        self.unit
            .is_some_and(|unit| unit.is_running() || unit.active == "activating")
    }

    pub fn system_identifier(&self) -> Option<&'a str> {
        let facts = self.seen.ok()?;
        let server = facts.server.answers();
        server
            .and_then(|server| server.system_identifier.as_deref())
            .or_else(|| facts.data.as_ref()?.system_identifier.as_deref())
    }

    /// `running`, `paused`, `stopped`.
    pub fn repmgrd(&self) -> Option<&'static str> {
        if !self.is_installed() {
            return None;
        }
        let unit = self.seen.ok()?.units.get("repmgrd")?;
        let paused = self.server().and_then(|server| server.repmgrd_paused);
        Some(match (unit.is_running(), paused) {
            (false, _) => "stopped",
            (true, Some(true)) => "paused",
            (true, _) => "running",
        })
    }
}

impl<'a> Members<'a> {
    pub fn new(
        inventory: &'a Inventory,
        seen: &'a BTreeMap<String, Result<Facts, Problem>>,
    ) -> Self {
        let names = || {
            let plain = inventory.group("postgres").iter();
            let witnesses = inventory.group("witness").iter();
            let witnesses = witnesses.filter(|name| !inventory.is_in(name, "postgres"));
            plain
                .map(|name| (name, false))
                .chain(witnesses.map(|name| (name, true)))
        };
        let all = names()
            .filter_map(|(name, is_witness)| {
                let seen = seen.get(name)?.as_ref();
                let host = &inventory.hosts[name];
                let unit = seen.ok().and_then(|facts| {
                    let unit = server_unit(inventory, facts.system.release?);
                    facts.units.get(&unit)
                });
                Some(Member {
                    name,
                    address: host.address(),
                    port: host.variables.postgresql_port,
                    is_witness,
                    seen,
                    unit,
                })
            })
            .collect();
        Self {
            all,
            is_complete: names().all(|(name, _)| seen.contains_key(name)),
        }
    }

    /// Every server that takes writes.
    pub fn primaries(&self) -> Vec<&Member<'a>> {
        self.all
            .iter()
            .filter(|member| member.is_primary())
            .collect()
    }

    /// The primary, where there is exactly one.
    pub fn primary(&self) -> Option<&Member<'a>> {
        match self.primaries()[..] {
            [primary] => Some(primary),
            _ => None,
        }
    }

    pub fn get(&self, name: &str) -> Option<&Member<'a>> {
        self.all.iter().find(|member| member.name == name)
    }

    /// The member's row of the table.
    pub fn node(&self, member: &Member<'a>) -> Node {
        let mut node = Node {
            name: member.name.to_owned(),
            role: Role::Unknown,
            state: String::new(),
            timeline: None,
            upstream: None,
            lag_bytes: None,
            repmgrd: member.repmgrd().map(str::to_owned),
            address: address(&member.address, member.port),
        };
        match (member.seen, member.server()) {
            (Err(problem), _) if problem.kind == Kind::Unreachable => {
                node.state = "unreachable".to_owned();
            }
            (Err(_), _) => node.state = "unknown".to_owned(),
            (Ok(facts), None) => {
                let (role, state) = match (member.is_installed(), facts.server.untold()) {
                    (_, Some(untold)) => (Role::Unknown, untold.why.word()),
                    (false, _) => (Role::Down, "not installed"),
                    (true, _) if member.is_starting() => (Role::Down, "starting"),
                    (true, _) => (Role::Down, "stopped"),
                };
                node.role = role;
                node.state = state.to_owned();
                node.timeline = facts.data.as_ref().and_then(|data| data.timeline);
            }
            (Ok(_), Some(server)) => {
                node.state = "running".to_owned();
                node.timeline = server.timeline;
                node.role = if member.is_witness {
                    Role::Witness
                } else if server.in_recovery {
                    replication::fill(self, member, server, &mut node);
                    Role::Standby
                } else {
                    Role::Primary
                };
            }
        }
        node
    }

    /// Roles, servers that do not run, foreign data, repmgrd.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let primaries: Vec<&str> = self.primaries().iter().map(|member| member.name).collect();
        let unknown: Vec<&str> = self
            .all
            .iter()
            .filter(|member| !member.is_witness)
            .filter(|member| member.seen.is_err() || member.untold().is_some())
            .map(|member| member.name)
            .collect();
        match primaries.len() {
            0 if !unknown.is_empty() => problems.push(format!(
                "no primary answers, and {} did not tell",
                list(&unknown)
            )),
            0 if self.is_complete => problems.push("no member is a primary".to_owned()),
            0 => problems.push(
                "no primary is among the hosts that were asked: what depends on it was not looked at"
                    .to_owned(),
            ),
            1 => {}
            _ => problems.push(format!(
                "{} are writable primaries at the same time: split brain",
                list(&primaries)
            )),
        }
        for member in &self.all {
            let Ok(facts) = member.seen else { continue };
            if facts.server.answers().is_some() {
                continue;
            }
            let name = member.name;
            let remembered = why_stopped(facts).filter(|_| !member.is_starting());
            problems.push(if let Some(untold) = member.untold() {
                does_not_tell(name, untold)
            } else if let Some(why) = remembered {
                format!("PostgreSQL on `{name}` stays stopped: {why} (hint: `pgha rejoin INVENTORY {name}` brings it back as a standby)")
            } else if !member.is_installed() {
                format!("`{name}` holds no PostgreSQL cluster")
            } else if member.is_starting() {
                format!("PostgreSQL on `{name}` is starting, and takes no connections yet")
            } else {
                let hint = self.starts(name, facts, !primaries.is_empty());
                format!("PostgreSQL on `{name}` is stopped (hint: {hint})")
            });
        }
        problems.extend(self.foreign());
        problems
    }

    /// What starts a server that is stopped: as what it was, or as what its data are by now.
    fn starts(&self, name: &str, facts: &Facts, has_primary: bool) -> String {
        let is_a_witness = self
            .all
            .iter()
            .any(|member| member.name == name && member.is_witness);
        let data = facts.data.as_ref();
        let is_standby = data.is_some_and(|data| data.standby_signal && !data.fenced);
        match has_primary {
            _ if is_a_witness || is_standby => "`pgha apply INVENTORY` starts it".to_owned(),
            true => format!("`pgha rejoin INVENTORY {name}` brings it back as a standby"),
            false => "`pgha apply INVENTORY` starts it, `pgha failover INVENTORY` puts another in its place".to_owned(),
        }
    }

    /// Members with another cluster's data. A witness is a cluster of its own.
    fn foreign(&self) -> Vec<String> {
        let members = || self.all.iter().filter(|member| !member.is_witness);
        let known = || members().filter_map(|member| Some((member, member.system_identifier()?)));
        let Some((first, wanted)) = known()
            .find(|(member, _)| member.is_primary())
            .or_else(|| known().next())
        else {
            return Vec::new();
        };
        known()
            .filter(|(_, identifier)| *identifier != wanted)
            .map(|(member, identifier)| {
                format!(
                    "`{}` holds another cluster than `{}`: system identifier {identifier} instead of {wanted}",
                    member.name, first.name
                )
            })
            .collect()
    }
}

/// One that is there, and what it is not known.
fn does_not_tell(name: &str, untold: &Untold) -> String {
    let problem = untold.refuses(format!(
        "PostgreSQL is there, and does not tell what it is: {}",
        untold.why
    ));
    told(name, &problem)
}

/// What a former primary's host remembers.
fn why_stopped(facts: &Facts) -> Option<String> {
    let replaced = facts
        .replaced()
        .map(|mark| format!("`{}` was promoted, on timeline {}", mark.by, mark.timeline));
    replaced.or_else(|| {
        let mark = facts.outvoted()?;
        Some(format!(
            "`{}` took writes on the same timeline {}, too, and goes on",
            mark.by, mark.timeline
        ))
    })
}

/// `host:port`, with brackets around an IPv6 address.
pub fn address(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}
