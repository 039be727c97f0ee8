//! The resource `switchover_gate`.
//!
//! It declares nothing. It knows what its host's probe tried; each host judges itself, the candidate and the outgoing primary
//! more than the others.

mod candidate;
mod logins;
mod member;
mod outgoing;
mod pooler;
mod sessions;
mod standby;

use schemars::JsonSchema;
use serde::Deserialize;

use super::dead_man::{MEMBER_TIMER, POOLER_TIMER};
use super::{Resource, Verdict, View};
use crate::facts::{Activity, AskedMember, Facts, Peer, Probe, Questions, Readiness, Server, Unit};
use crate::plan::{Handover, Member};
use crate::problem::Problem;

/// The preflight checks of a switchover, on each host: refuses it with everything that is wrong at once, or warns. Changes
/// nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchoverGate {}

/// What the programs of a member run, beside PostgreSQL's own.
const MEMBER_PROGRAMS: [&str; 9] = [
    "systemctl",
    "systemd-run",
    "runuser",
    "flock",
    "setsid",
    "timeout",
    "mkfifo",
    "pkill",
    "ssh",
];

/// What the programs of a pooler run.
const POOLER_PROGRAMS: [&str; 8] = [
    "systemctl",
    "systemd-run",
    "runuser",
    "flock",
    "setsid",
    "timeout",
    "mkfifo",
    "awk",
];

/// One host's part of a handover that was asked for.
#[derive(Clone, Copy)]
struct Gate<'a> {
    view: &'a View<'a>,
    handover: &'a Handover,
    candidate: &'a Member,
    outgoing: &'a Member,
}

impl<'a> Gate<'a> {
    /// `None`: there is nothing to hand over.
    fn of(view: &'a View<'a>) -> Option<Self> {
        let topology = view.topology;
        Some(Self {
            view,
            handover: view.intent.handover()?,
            candidate: topology.member(topology.candidate.as_deref()?)?,
            outgoing: topology.member(topology.outgoing.as_deref()?)?,
        })
    }

    fn is_candidate(&self) -> bool {
        self.view.host == self.candidate.name
    }

    fn is_outgoing(&self) -> bool {
        self.view.host == self.outgoing.name
    }

    fn is_member(&self) -> bool {
        self.view.topology.member(self.view.host).is_some()
    }

    fn is_pooler(&self) -> bool {
        self.view.inventory.is_in(self.view.host, "pgbouncer")
    }

    fn has_repmgr(&self) -> bool {
        self.view.inventory.cluster.manager.is_repmgr()
    }

    fn server(&self) -> Option<&'a Server> {
        self.view.server()
    }

    fn facts_of(&self, member: &Member) -> Option<&'a Facts> {
        self.view.world.get(&member.name)
    }

    /// The outgoing primary's server, if it could be asked.
    fn primary(&self) -> Option<&'a Server> {
        self.facts_of(self.outgoing)?.server.answers()
    }

    fn readiness(&self) -> Option<&'a Readiness> {
        self.view.facts().readiness.as_ref()
    }

    fn activity(&self) -> Option<&'a Activity> {
        self.readiness()?.activity.as_ref()
    }
}

/// The base unit's value of a setting.
fn raw<'a>(server: &'a Server, setting: &str) -> Option<&'a str> {
    Some(server.settings.get(setting)?.raw.as_str())
}

fn number(server: &Server, setting: &str) -> Option<u64> {
    raw(server, setting)?.parse().ok()
}

fn is_off(server: &Server, setting: &str) -> bool {
    raw(server, setting) == Some("off")
}

impl Resource for SwitchoverGate {
    fn subject(&self) -> String {
        "handover".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        let mut probes = Vec::new();
        let mut questions = Questions::default();
        if view.topology.member(view.host).is_some() {
            let data = view.data_directory();
            probes.extend([
                view.cluster_probe(),
                Probe::Unit(view.unit()),
                Probe::Free(format!("{data}/pg_wal")),
                Probe::Free(data),
            ]);
            questions.programs.extend(MEMBER_PROGRAMS.map(String::from));
            let own = ["psql", "pg_controldata", "pg_waldump"];
            questions
                .programs
                .extend(own.map(|program| view.program(program)));
            questions.member = Some(asked(view));
        }
        probes.extend([MEMBER_TIMER, POOLER_TIMER].map(|timer| Probe::Unit(timer.to_owned())));
        if view.inventory.is_in(view.host, "pgbouncer") {
            probes.extend([
                Probe::Pooler(view.variables().pgbouncer_port),
                Probe::Unit("pgbouncer".to_owned()),
                Probe::Path(pooler::DATABASES.to_owned()),
            ]);
            questions.programs.extend(POOLER_PROGRAMS.map(String::from));
            questions.is_pooler = true;
        }
        questions.programs.sort_unstable();
        questions.programs.dedup();
        probes.push(Probe::Handover(questions));
        probes
    }

    fn refusals(&self, view: &View<'_>) -> Vec<Problem> {
        let Some(gate) = Gate::of(view) else {
            return Vec::new();
        };
        let mut found = under_way(gate);
        if gate.is_member() {
            found.extend(member::refusals(gate));
            found.extend(if gate.is_outgoing() {
                outgoing::refusals(gate)
            } else {
                standby::refusals(gate)
            });
            if gate.is_candidate() {
                found.extend(candidate::refusals(gate));
            }
            found.extend(logins::refusals(gate));
        }
        if gate.is_pooler() {
            found.extend(pooler::refusals(gate));
        }
        found.extend(logins::find_primary(gate));
        found
    }

    fn warnings(&self, view: &View<'_>) -> Vec<String> {
        let Some(gate) = Gate::of(view) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        if gate.is_outgoing() {
            found.extend(outgoing::warnings(gate));
        }
        if gate.is_candidate() {
            found.extend(candidate::warnings(gate));
        }
        if gate.is_pooler() {
            found.extend(pooler::warnings(gate));
        }
        found
    }

    fn verdict(&self, _: &View<'_>) -> Result<Verdict, Problem> {
        Ok(Verdict::AsDeclared)
    }

    fn settle(&self, _: &View<'_>, _: &mut Facts) {}
}

/// A timer that runs is another handover's: it would act in the middle of this one.
fn under_way(gate: Gate<'_>) -> Vec<Problem> {
    let units = &gate.view.facts().units;
    let timers = [MEMBER_TIMER, POOLER_TIMER].into_iter();
    timers
        .filter(|timer| units.get(*timer).is_some_and(Unit::is_running))
        .map(|timer| {
            Problem::refused(format!("another switchover is under way: its timer `{timer}` runs"))
                .hint("it ends that one by itself, within a minute where hosts answer; then run the same again")
        })
        .collect()
}

/// Who is the primary is only known afterwards, so every member tries every other.
fn asked(view: &View<'_>) -> AskedMember {
    let topology = view.topology;
    let others = topology
        .members
        .iter()
        .filter(|member| member.name != view.host);
    let members = others.map(|member| Peer {
        name: member.name.clone(),
        address: member.address.clone(),
        // As its WAL receiver would, which names the database for the password file's sake. The name is pgha's: the
        // member's own would be taken for the standby.
        conninfo: Some(
            view.upstream(&member.name)
                .without("application_name")
                .with("application_name", "pgha")
                // A machine that is busy is no reason to refuse.
                .without("connect_timeout")
                .with("connect_timeout", "10")
                .with("dbname", "replication")
                .with("replication", "true")
                .to_string(),
        ),
    });
    let poolers = topology.poolers.iter().map(|pooler| Peer {
        name: pooler.name.clone(),
        address: pooler.address.clone(),
        conninfo: None,
    });
    AskedMember {
        data_directory: view.data_directory(),
        unit: view.unit(),
        port: view.port(),
        psql: view.program("psql"),
        peers: members.chain(poolers).collect(),
    }
}
