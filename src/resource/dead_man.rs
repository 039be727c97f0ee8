//! The resource `dead_man`.
//!
//! What it does, and why it never makes a second primary, stands in `programs/switchover.sh` and
//! `programs/pooler-failsafe.sh`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::postgresql_role::role;
use super::programs::{FAILSAFE, POOLER_FAILSAFE, POOLER_SWITCHOVER, SWITCHOVER};
use super::{Draft, Resource, Verdict, View};
use crate::condition::Condition;
use crate::facts::{Facts, Probe, Unit};
use crate::plan::Action;
use crate::problem::Problem;

/// The failsafe timer of a switchover or failover: it brings the host to a defined state if pgha is not heard of any more, and
/// holds the connection that the critical section needs open.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadMan {
    /// Whether the host is a member or a pooler.
    of: Of,
    /// Whether the timer runs.
    armed: bool,
    /// Seconds after which it acts. It must be longer than all that pgha may do in between.
    #[serde(default)]
    seconds: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Of {
    Member,
    Pooler,
}

/// The timers, by their units.
pub const MEMBER_TIMER: &str = "pgha-dead-man";
pub const POOLER_TIMER: &str = "pgha-pooler-dead-man";

/// What a member's timer is for, until it has acted: a host that boots meanwhile goes on.
const PENDING: &str = "/var/lib/pgha/failsafe";
/// Whom the role was handed to: who asks late is promoted by it.
const HANDED_TO: &str = "/var/lib/pgha/handed-to";
const ARMED: &str = "/run/pgha/armed";
const SIGNED_OFF: &str = "/run/pgha/signed-off";

/// The files that are there while a member takes part in a handover.
pub const UNDER_WAY: [&str; 2] = [ARMED, SIGNED_OFF];

pub fn exists(path: &str) -> Condition {
    Condition::PathExists {
        path: path.to_owned(),
    }
}

impl DeadMan {
    fn unit(&self) -> &'static str {
        match self.of {
            Of::Member => MEMBER_TIMER,
            Of::Pooler => POOLER_TIMER,
        }
    }

    /// The files by which a handover that has not ended shows here; without a timer, it has been cut short. Arming makes
    /// those of the first list; the decision the others.
    fn files(&self) -> [&'static [&'static str]; 2] {
        match self.of {
            Of::Member => [&[PENDING, ARMED], &[SIGNED_OFF, HANDED_TO]],
            Of::Pooler => [&[], &[]],
        }
    }

    fn left(&self) -> impl Iterator<Item = Condition> {
        self.files().into_iter().flatten().copied().map(exists)
    }

    /// The program that is the timer.
    fn timer(&self) -> &'static str {
        match self.of {
            Of::Member => FAILSAFE,
            Of::Pooler => POOLER_FAILSAFE,
        }
    }

    /// The program whose steps need the open connection.
    fn steps(&self) -> &'static str {
        match self.of {
            Of::Member => SWITCHOVER,
            Of::Pooler => POOLER_SWITCHOVER,
        }
    }

    /// What it has to know: a member its part, and whom to ask.
    fn arm(&self, view: &View<'_>) -> Vec<String> {
        let mut argv = vec![self.timer().to_owned(), "arm".to_owned()];
        if self.of == Of::Pooler {
            argv.push(self.seconds.to_string());
            return argv;
        }
        let topology = view.topology;
        let is = |name: &Option<String>| name.as_deref() == Some(view.host);
        argv.push(
            match () {
                () if is(&topology.outgoing) => "outgoing",
                () if is(&topology.candidate) => "candidate",
                () => "sibling",
            }
            .to_owned(),
        );
        argv.push(self.seconds.to_string());
        let outgoing = topology.outgoing.as_deref();
        argv.extend(
            outgoing
                .and_then(|name| topology.member(name))
                .map(|member| member.address.clone()),
        );
        argv
    }
}

impl Resource for DeadMan {
    /// A timer is taken back also beside a server that does not tell.
    fn needs_answer(&self, _: &View<'_>) -> bool {
        self.of == Of::Member && self.armed
    }

    fn subject(&self) -> String {
        self.unit().to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        let mut probes = vec![Probe::Unit(self.unit().to_owned())];
        probes.extend(self.left().map(Probe::Condition));
        if self.of == Of::Member {
            probes.push(view.cluster_probe());
        }
        probes
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let unit = view.facts().units.get(self.unit());
        let is_armed = unit.is_some_and(Unit::is_running);
        let conditions = &view.facts().conditions;
        let is_left = |left: Condition| conditions.get(&left) == Some(&true);
        let is_under_way = is_armed || (!self.armed && self.left().any(is_left));
        if is_under_way == self.armed {
            return Ok(Verdict::AsDeclared);
        }
        if self.armed && self.seconds == 0 {
            return Err(Problem::input("an armed `dead_man` needs `seconds`")
                .hint("more than all that pgha may do before it is disarmed"));
        }
        if self.armed && view.topology.outgoing.is_none() {
            return Err(Problem::refused(
                "no handover is asked for, so that a timer would have nothing to end",
            )
            .hint("`when: outgoing` skips the step where nobody is replaced"));
        }
        Ok(if self.armed {
            let draft = match self.of {
                Of::Member => Draft::new(Action::Start).guard(role(view)),
                Of::Pooler => Draft::new(Action::Start),
            };
            draft
                .field("acts", None, format!("{} s from then", self.seconds))
                .run("root", self.arm(view))
                .run("root", [self.steps(), "open"])
        } else {
            Draft::new(Action::Stop).run("root", [self.timer(), "disarm"])
        }
        .into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        let unit = facts.units.entry(self.unit().to_owned()).or_default();
        (unit.active, unit.sub) = match self.armed {
            true => ("active".to_owned(), "running".to_owned()),
            false => ("inactive".to_owned(), "dead".to_owned()),
        };
        unit.started = view.now;
        let [armed, decided] = self.files();
        let armed = armed.iter().map(|path| (*path, self.armed));
        let all = armed.chain(decided.iter().map(|path| (*path, false)));
        facts
            .conditions
            .extend(all.map(|(path, there)| (exists(path), there)));
    }
}
